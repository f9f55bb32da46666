//! What the endpoints read of a request: the collection, who asks, and the body.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use records::core::collection::Collection;
use records::{Context, Moment, Shape};
use serde_json::{Map, Value};
use web::Problem;
use web::form::{Form, Limits};

use crate::entrance::Passage;
use crate::origin::Place;
use crate::service::Identity;
use crate::session::{Check, Proven};
use crate::token::Purpose;

/// A request on an auth collection.
pub(super) struct Ask {
    /// The collection.
    pub(super) collection: Arc<Collection>,
    /// What rules may know of the request.
    pub(super) request: records::Request,
    /// The parameters `expand` and `fields`.
    pub(super) shape: Shape,
    /// Where it came from.
    pub(super) place: Place,
    /// The half sign-in that it is to complete: `mfaId` of the body, or of the query; empty for none.
    pub(super) half: String,
}

impl Ask {
    /// Reads the head and the body of a request on an auth collection.
    pub(super) async fn read(
        identity: &Identity,
        collection: &str,
        request: Request<Body>,
    ) -> Result<Ask, Problem> {
        let collection = auth_collection(identity, collection)?;
        let (head, body) = request.into_parts();
        // whoever signs in while signed in may touch how the account signs in
        let caller = caller_as(identity, &head, Check::Certain).await?;
        let query = web::request::query(head.uri.query());
        let text = |name: &str| query.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let shape = Shape { expand: text("expand"), fields: text("fields") };
        let place = place(&head);
        let request = records::Request {
            context: Context::Default,
            method: head.method.as_str().to_owned(),
            headers: headers(&head),
            query,
            body: values(identity, &head, body).await?,
            auth: caller.map(|proven| proven.principal),
            moment: moment(&head),
            from: Some(place.address),
            once: None,
        };
        let named = |map: &Map<String, Value>| Some(map.get("mfaId")?.as_str()?.to_owned());
        let half = named(&request.body).or_else(|| named(&request.query)).unwrap_or_default();
        Ok(Ask { collection, request, shape, place, half })
    }
}

impl Ask {
    /// The same as a way into an account.
    pub(super) fn passage(&self) -> Passage<'_> {
        Passage { request: &self.request, place: &self.place, half: &self.half }
    }
}

/// The auth collection of a path, by name or id.
pub(crate) fn auth_collection(identity: &Identity, name: &str) -> Result<Arc<Collection>, Problem> {
    let found = identity.records().catalog().find(name).filter(|c| c.is_auth()).cloned();
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "Missing or invalid auth collection context."))
}

/// Whoever asks; a token that is not valid counts as none.
pub(super) async fn caller(identity: &Identity, head: &Parts) -> Result<Option<Proven>, Problem> {
    caller_as(identity, head, Check::Heard).await
}

/// The same, as certain as that.
pub(super) async fn caller_as(
    identity: &Identity,
    head: &Parts,
    check: Check,
) -> Result<Option<Proven>, Problem> {
    match web::request::token(&head.headers) {
        Some(token) => Ok(identity.prove(token, Purpose::Auth, moment(head), check).await?),
        None => Ok(None),
    }
}

/// Refuses whoever is of another collection than the one that the path names.
pub(super) fn is_of(identity: &Identity, caller: &Proven, collection: &str) -> Result<(), Problem> {
    let own = &caller.principal.collection;
    match identity.records().catalog().find(collection) {
        Some(asked) if asked.id == own.id => Ok(()),
        _ => {
            let message = format!("The request requires auth record from {} collection.", own.name);
            Err(Problem::forbidden(message))
        }
    }
}

/// Where a request came from.
pub(crate) fn place(head: &Parts) -> Place {
    let browser = head.headers.get(USER_AGENT).and_then(|h| h.to_str().ok()).unwrap_or_default().to_owned();
    Place { address: web::request::address(&head.extensions), browser }
}

/// When the request began, if that was asked of the log.
fn moment(head: &Parts) -> Moment {
    head.extensions.get().copied().unwrap_or_default()
}

/// By which scheme and host a request came: `https://ondol.example`. Where the host is that of the service's own address, the
/// scheme is too; else it is what a proxy says, or the page that asks.
pub(crate) fn origin(identity: &Identity, head: &Parts) -> String {
    origin_of(&identity.config().url, &head.headers)
}

fn origin_of(service: &str, headers: &HeaderMap) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header("host").unwrap_or_default();
    if service.split_once("://").is_some_and(|(_, rest)| rest.split('/').next() == Some(host)) {
        return service.split_inclusive('/').take(3).collect::<String>().trim_end_matches('/').to_owned();
    }
    let is_https = header("x-forwarded-proto") == Some("https")
        || header("origin").is_some_and(|origin| origin.starts_with("https://"));
    format!("{}://{host}", if is_https { "https" } else { "http" })
}

/// Counts a request against what its address may do: the collection's own allowance first, then everybody's.
pub(crate) fn count(
    identity: &Identity,
    collection: &str,
    head: &Parts,
    tags: &[&str],
) -> Result<(), Problem> {
    let name =
        auth_collection(identity, collection).map_or_else(|_| collection.to_owned(), |c| c.name.clone());
    let labels: Vec<String> =
        tags.iter().flat_map(|tag| [format!("{name}:{tag}"), format!("*:{tag}")]).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    identity.limiter().check(&labels, web::request::address(&head.extensions))
}

async fn values(identity: &Identity, head: &Parts, body: Body) -> Result<Map<String, Value>, Problem> {
    let limit = identity.config().body_bytes_max.0;
    let limits = Limits { values_bytes_max: limit, file_bytes_max: 0, files_bytes_max: 0, parts_max: 20 };
    let form = Form::read(&head.headers, body, &limits, identity.records().store().files()).await;
    form.map(|form| form.values).map_err(|problem| match problem.status {
        StatusCode::BAD_REQUEST => Problem::invalid("An error occurred while loading the submitted data."),
        _ => problem,
    })
}

/// `@request.headers.*`: names in lower case with `_` for `-`.
pub(crate) fn headers(head: &Parts) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in &head.headers {
        let text = value.to_str().unwrap_or_default().to_owned();
        map.entry(name.as_str().replace('-', "_")).or_insert(Value::String(text));
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_own_address_says_how_it_is_reached() {
        let asked = |pairs: &[(&'static str, &str)]| {
            let pair = |(name, value): &(&'static str, &str)| {
                (axum::http::HeaderName::from_static(name), value.parse().expect("a value"))
            };
            pairs.iter().map(pair).collect::<HeaderMap>()
        };
        let service = "https://a.example/app";
        for (headers, origin) in [
            (asked(&[("host", "a.example")]), "https://a.example"),
            (asked(&[("host", "127.0.0.1:8090")]), "http://127.0.0.1:8090"),
            (asked(&[("host", "b.example"), ("x-forwarded-proto", "https")]), "https://b.example"),
            (asked(&[("host", "b.example"), ("origin", "https://b.example")]), "https://b.example"),
        ] {
            assert_eq!(origin_of(service, &headers), origin);
        }
        assert_eq!(origin_of("", &asked(&[("host", "a.example")])), "http://a.example");
    }
}
