//! `/api/oauth2-return/COLLECTION/PROVIDER`: where a provider that is reached by a detour sends the browser back to. What it
//! brings is checked; the client that waits is told a code, the page that it may be closed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base::error::{Fault, Kind, chain};
use serde_json::json;
use web::Problem;
use web::request::Path;

use super::ask::{self, auth_collection};
use crate::browser;
use crate::detour::come_back::{Back, Told};
use crate::detour::page::{self, Note};
use crate::fetch::transcript;
use crate::page::journey;
use crate::refusal::Refusal;
use crate::service::Identity;

/// GET: the browser comes back.
pub(super) async fn arrive(
    State(identity): State<Identity>,
    Path((collection, provider)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    identity.limiter().check(&["*:oauth2Return", "*:auth"], web::request::address(&head.extensions))?;
    let collection = auth_collection(&identity, &collection)?;
    let provider = identity.providers(&collection).into_iter().find(|known| known.name == provider);
    let provider = provider.ok_or_else(Problem::missing)?;
    let back = Back {
        collection: &collection,
        provider: &provider,
        browser: &browser::cookies(&head),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
    };
    let (told, lines) = transcript::record(identity.come_back(&back)).await;
    let told = told?;
    if let Some(told) = &told {
        journey::keep(&identity, &told.state, "return", &lines).await?;
    }
    let note = match told {
        None => {
            let stray = Refusal::Mismatch("a browser came back that had not begun here, or too late");
            identity.note_refusal(&collection, &provider.name, &stray, &ask::place(&head)).await;
            tracing::warn!(
                provider = provider.name,
                "a browser came back that had not begun here, or too late"
            );
            Note::Failed
        }
        Some(Told { state, code: Ok(code) }) => {
            if let Some(to) = journey::arrive(&identity, &state, &code, "").await? {
                return Ok(web::reply::see_other(&to));
            }
            let is_heard =
                identity.hand(&state, json!({ "state": state, "code": code, "error": "" })).await?;
            if is_heard { Note::Done } else { Note::Failed }
        }
        Some(Told { state, code: Err(refusal) }) => {
            let cause = chain(&refusal);
            tracing::warn!(provider = provider.name, cause, "a sign-in through a provider was refused");
            identity.note_refusal(&collection, &provider.name, &refusal, &ask::place(&head)).await;
            if let Some(to) = journey::arrive(&identity, &state, "", error(&refusal)).await? {
                return Ok(web::reply::see_other(&to));
            }
            let told = json!({ "state": state, "code": "", "error": error(&refusal) });
            identity.hand(&state, told).await?;
            match refusal.kind() {
                Kind::Unavailable => Note::Later,
                Kind::Forbidden => Note::Outsider,
                _ => Note::Failed,
            }
        }
    };
    let status = match note {
        Note::Done => StatusCode::OK,
        Note::Later => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    Ok(browser::page(status, page::note(browser::language(&head), note)))
}

/// POST: the browser was made to send a form, from the provider's page: then it does not send our cookie along. It is told to
/// come again by GET, and does.
pub(super) async fn forward(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    identity.limiter().check(&["*:oauth2Return", "*:auth"], web::request::address(&head.extensions))?;
    let form = browser::form(&identity, body).await?;
    let query = head.uri.query().unwrap_or_default();
    Ok(web::reply::see_other(&format!("{}?{query}&{form}", head.uri.path())))
}

/// What the client is told of a refusal, in the words of OAuth 2.0.
fn error(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Refused(_) | Refusal::Outsider => "access_denied",
        refusal if refusal.kind() == Kind::Unavailable => "temporarily_unavailable",
        _ => "server_error",
    }
}
