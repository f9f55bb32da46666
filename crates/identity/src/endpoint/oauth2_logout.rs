//! `POST /api/oauth2-logout/COLLECTION/PROVIDER`: a provider of OpenID Connect says that somebody has signed out there (OpenID
//! Connect Back-Channel Logout 1.0). The sessions that came through it end.
//!
//! It comes from the provider's servers, not from a browser: what it says is believed for its signature alone.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use web::Problem;
use web::request::Path;

use super::ask::{self, auth_collection};
use crate::browser;
use crate::oidc::drive::Drive;
use crate::oidc::logout::Ended;
use crate::provider::{Kind, Provider};
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::{external::External, flow};

/// What spent log-out tokens are called among the flows.
const FLOW: &str = "logout";
/// How long a token is remembered, in milliseconds: longer than one is good.
const KEPT_MS: i64 = 1_800_000;

pub(super) async fn end(
    State(identity): State<Identity>,
    Path((collection, provider)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    identity.limiter().check(&["*:oauth2Logout"], web::request::address(&head.extensions))?;
    let collection = auth_collection(&identity, &collection)?;
    let provider = identity.providers(&collection).into_iter().find(|known| known.name == provider);
    let provider = provider.filter(|provider| matches!(provider.kind, Kind::Oidc(_)));
    let provider = provider.ok_or_else(Problem::missing)?;
    let form = browser::form(&identity, body).await?;
    let place = ask::place(&head);
    match believed(&identity, &provider, &form).await? {
        Ok(ended) => {
            let gone = identity.end_by_provider(&collection, &provider.name, &ended, &place).await?;
            tracing::info!(provider = provider.name, sessions = gone, "a provider has signed somebody out");
            Ok(unkept(web::reply::json(&json!({}))?))
        }
        Err(refusal) => {
            let cause = base::error::chain(&refusal);
            tracing::warn!(provider = provider.name, cause, "a log-out by a provider was refused");
            identity.note_refusal(&collection, &provider.name, &refusal, &place).await;
            let mut response = web::reply::json(&json!({ "error": "invalid_request" }))?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(unkept(response))
        }
    }
}

/// What a form says, if its token is the provider's and new.
async fn believed(
    identity: &Identity,
    provider: &Provider,
    form: &str,
) -> Result<Result<Ended, Refusal>, Problem> {
    let Kind::Oidc(settings) = &provider.kind else { return Err(Problem::missing()) };
    let mut tokens = web::request::pairs(form).filter(|(name, _)| name == "logout_token");
    let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
        return Ok(Err(Refusal::Mismatch("the request has not one log-out token")));
    };
    let External { fetch, directory } = identity.external();
    let now = identity.records().clock().now();
    let ended = match (Drive { fetch, directory, provider, settings, now }).logout(&token).await {
        Ok(ended) => ended,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let name = format!("{} {} {}", settings.issuer, provider.client_id, ended.jti);
    match flow::claim(identity.records(), FLOW, &name, KEPT_MS).await? {
        true => Ok(Ok(ended)),
        false => Ok(Err(Refusal::Mismatch("the log-out token has come before"))),
    }
}

/// The answer is kept by nobody between us (section 2.8).
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
