//! Who asks, as rules know it: the request's head becomes a [`records::Request`].

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;
use records::core::catalog::{ASKS_HEADERS, Catalog};
use records::{Context, Moment, Principal, Request};
use serde_json::{Map, Value};
use web::{Problem, request};

use crate::service::Inner;

/// One request's caller.
pub(crate) struct Caller {
    /// What rules know.
    pub(crate) request: Request,
    /// Where it came from.
    pub(crate) address: IpAddr,
}

impl Caller {
    /// Reads who asks from a request's head. A token that is not valid counts as none, as clients expect.
    pub(crate) async fn of(service: &Inner, head: &Parts) -> Result<Caller, Problem> {
        let moment = head.extensions.get::<Moment>().copied().unwrap_or_default();
        let auth = match request::token(&head.headers) {
            Some(token) if touches_sign_in(service, head) => {
                service.authenticate.certain_principal(token, moment).await?
            }
            Some(token) => service.authenticate.principal(token, moment).await?,
            None => None,
        };
        let query = request::query(head.uri.query());
        let needs_headers =
            service.records.look(Catalog::asks_headers) || text(&query, "filter").contains(ASKS_HEADERS);
        let headers = if needs_headers { for_rules(&head.headers) } else { Map::new() };
        let method = head.method.as_str().to_owned();
        let (context, body) = (Context::Default, Map::new());
        let address = request::address(&head.extensions);
        let from = Some(address);
        let request = Request { context, method, query, headers, body, auth, moment, from, once: None };
        Ok(Caller { request, address })
    }

    /// The same, refused unless a superuser asks.
    pub(crate) async fn superuser(service: &Inner, head: &Parts) -> Result<Caller, Problem> {
        let caller = Caller::of(service, head).await?;
        match &caller.request.auth {
            None => Err(Problem::unauthenticated()),
            Some(auth) if auth.is_superuser() => Ok(caller),
            Some(_) => {
                Err(Problem::forbidden("The authorized record is not allowed to perform this action."))
            }
        }
    }

    /// A parameter of the query; empty when it is not there.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        text(&self.request.query, name)
    }

    /// A parameter of the query that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Problem> {
        match self.parameter(name) {
            "" => Ok(0),
            // below the first page is the first page
            text if text.starts_with('-') && text[1..].parse::<u64>().is_ok() => Ok(0),
            text => {
                text.parse().map_err(|_| Problem::invalid(format!("The parameter {name} must be a number.")))
            }
        }
    }

    /// A parameter of the query that is true or false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.parameter(name) {
            "" | "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
            _ => Err(Problem::invalid(format!("The parameter {name} must be true or false."))),
        }
    }
}

impl Inner {
    /// Counts one request of an action on a collection, whether it is called by its name or its id.
    pub(crate) fn count(&self, collection: &str, action: &str, address: IpAddr) -> Result<(), Problem> {
        self.records.look(|catalog| {
            let name = catalog.find(collection).map_or(collection, |found| found.name.as_str());
            self.limiter.check_action(name, action, address)
        })
    }
}

/// Whether a request may write accounts, or what is kept of how they sign in.
fn touches_sign_in(service: &Inner, head: &Parts) -> bool {
    if head.method.is_safe() {
        return false;
    }
    let rest = match head.uri.path().strip_prefix("/api/") {
        Some("batch" | "batch/") => return true,
        Some(rest) => rest.strip_prefix("collections/").unwrap_or_default(),
        None => return false,
    };
    let name = rest.split('/').next().unwrap_or_default();
    let is_it =
        |catalog: &Catalog| catalog.find(name).is_some_and(|found| found.is_auth() || found.is_system);
    service.records.look(is_it)
}

fn text<'a>(query: &'a Map<String, Value>, name: &str) -> &'a str {
    query.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Headers as rules name them: in lower case with `_` for `-`; of one that comes twice the first value. The token stays
/// out: no rule has business with it.
pub(crate) fn for_rules(headers: &HeaderMap) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in headers {
        if name != AUTHORIZATION {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            map.entry(name.as_str().replace('-', "_")).or_insert(Value::String(value));
        }
    }
    map
}

/// True when both are the same account, or both nobody.
pub(crate) fn is_same(one: Option<&Principal>, other: Option<&Principal>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is(other),
        _ => false,
    }
}
