//! Which client asks, and how clients are answered (RFC 6749, 2.3.1, 5.1 and 5.2).

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use axum::response::Response;
use base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use web::Problem;

use crate::browser;
use crate::issuer::Client;
use crate::issuer::denial::Denial;
use crate::pairs::Pairs;
use crate::service::Identity;

const FORM: &str = "application/x-www-form-urlencoded";
const UNKNOWN: Denial = Denial::client("The client is not known, or its secret is wrong.");

/// How a client shows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    id: String,
    secret: Option<Secret>,
}

/// Which client asks, and what: if both are certain.
pub(super) async fn asked(
    identity: &Identity,
    head: &Parts,
    body: Body,
) -> Result<Result<(Client, Pairs), Denial>, Problem> {
    let form = match form(identity, head, body).await {
        Ok(form) => form,
        Err(denial) => return Ok(Err(denial)),
    };
    Ok(client(identity, head, &form).await?.map(|client| (client, form)))
}

/// The form of a request.
async fn form(identity: &Identity, head: &Parts, body: Body) -> Result<Pairs, Denial> {
    const NONE: Denial = Denial::request("The body is not a form, or names something twice.");
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(FORM) {
        return Err(NONE);
    }
    let text = browser::form(identity, body).await.map_err(|_| NONE)?;
    Pairs::parse(&text).map_err(|_| NONE)
}

/// The client of a request, if it is certain.
async fn client(identity: &Identity, head: &Parts, form: &Pairs) -> Result<Result<Client, Denial>, Problem> {
    let shown = match shown(&head.headers, form) {
        Ok(shown) => shown,
        Err(denial) => return Ok(Err(denial)),
    };
    let Some(client) = identity.client(&shown.id).await? else { return Ok(Err(UNKNOWN)) };
    let Some(secret) = shown.secret else {
        return Ok(if client.is_public() { Ok(client) } else { Err(UNKNOWN) });
    };
    let address = web::request::address(&head.extensions);
    let may_try = || identity.limiter().check(&["*:oidcClient", "*:auth"], address);
    let fits = identity.is_secret_of(&client, &secret, may_try).await?;
    Ok(if fits { Ok(client) } else { Err(UNKNOWN) })
}

/// Reads how a client shows itself: in one way only.
fn shown(headers: &HeaderMap, form: &Pairs) -> Result<Shown, Denial> {
    let text = |name: &str| form.get(name).filter(|text| !text.is_empty());
    let (id, secret) = (text("client_id"), text("client_secret"));
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let id = id.ok_or(Denial::client("It is not said which client asks."))?;
        return Ok(Shown { id: id.to_owned(), secret: secret.map(Secret::new) });
    };
    let basic = header.to_str().ok().and_then(basic).ok_or(UNKNOWN)?;
    match secret.is_some() || id.is_some_and(|id| id != basic.id) {
        true => Err(Denial::request("The client shows itself in two ways.")),
        false => Ok(basic),
    }
}

/// Name and secret of `Authorization: Basic …`, each encoded as in a form.
fn basic(header: &str) -> Option<Shown> {
    let (scheme, text) = header.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(text.trim()).ok())??;
    let text = String::from_utf8(text).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = Pairs::parse(&format!("id={id}&secret={secret}")).ok()?;
    let (id, secret) = (decoded.get("id")?.to_owned(), decoded.get("secret")?);
    Some(Shown { id, secret: (!secret.is_empty()).then(|| Secret::new(secret)) })
}

/// An answer that is for the client alone.
pub(super) fn for_client(what: &Value) -> Response {
    let mut response = web::reply::json_text(what.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An answer that anybody may have, and keep for a while: shorter than a new key is known before it signs.
pub(super) fn for_all(what: &Value) -> Response {
    let mut response = web::reply::json_text(what.to_string());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Tells a client why it gets nothing.
pub(super) fn told(denial: Denial) -> Response {
    let mut response = for_client(&json!({ "error": denial.error, "error_description": denial.why }));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    if denial.error == "invalid_client" {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let how = HeaderValue::from_static("Basic realm=\"Ondol\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(header: Option<&str>, form: &str) -> Result<(String, String), &'static str> {
        let header = header.map(|text| {
            let (scheme, text) = text.split_once(' ').expect("a scheme");
            (
                header::AUTHORIZATION,
                HeaderValue::try_from(format!("{scheme} {}", BASE64.encode(text))).expect("ASCII"),
            )
        });
        let shown = shown(&HeaderMap::from_iter(header), &Pairs::parse(form).expect("pairs"));
        let secret = |shown: &Shown| shown.secret.as_ref().map(|s| s.reveal().to_owned()).unwrap_or_default();
        shown.map(|shown| (shown.id.clone(), secret(&shown))).map_err(|denial| denial.error)
    }

    #[test]
    fn a_client_shows_itself_in_one_of_three_ways() {
        let is = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        assert_eq!(read(Some("Basic wiki:a+b%3Ac%2B"), ""), is("wiki", "a b:c+"));
        assert_eq!(read(Some("basic wiki:s"), "client_id=wiki"), is("wiki", "s"));
        assert_eq!(read(None, "client_id=wiki&client_secret=s"), is("wiki", "s"));
        assert_eq!(read(None, "client_id=wiki&client_secret="), is("wiki", ""));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "(Basic |Bearer )?[A-Za-z0-9+/=%: ]{0,60}|[ -~]{0,40}", inside in ".{0,40}") {
            let headers = |text: &str| HeaderValue::from_str(text).map(|value| HeaderMap::from_iter([(header::AUTHORIZATION, value)]));
            for text in [text, format!("Basic {}", BASE64.encode(inside))] {
                let _ = headers(&text).map(|headers| shown(&headers, &Pairs::default()));
            }
        }
    }

    #[test]
    fn a_client_that_shows_itself_in_two_ways_or_none_is_refused() {
        assert_eq!(read(Some("Basic wiki:s"), "client_secret=s"), Err("invalid_request"));
        assert_eq!(read(Some("Basic wiki:s"), "client_id=other"), Err("invalid_request"));
        assert_eq!(read(None, "client_secret=s"), Err("invalid_client"));
        for header in ["Bearer wiki:s", "Basic wiki", "Basic wiki:%", "Basic wiki:s&id=other"] {
            assert_eq!(read(Some(header), ""), Err("invalid_client"), "{header}");
        }
    }
}
