//! `/api/oauth2-begin/COLLECTION/PROVIDER`: where a browser begins with a provider that is reached by a detour. It is sent on,
//! or, where the person chooses the provider by an address, asked for it.

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use web::Problem;
use web::request::Path;

use super::ask::auth_collection;
use crate::browser::{self, Browser};
use crate::detour::begin::{self, Beginning};
use crate::detour::leave::{Leave, Leaving};
use crate::detour::page::{self, Note};
use crate::fetch::transcript;
use crate::language::Language;
use crate::page::journey;
use crate::pairs::Pairs;
use crate::service::Identity;

/// GET: the browser begins.
pub(super) async fn show(
    State(identity): State<Identity>,
    Path(at): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    answer(&identity, &at, &head, None).await
}

/// POST: the person has typed an address.
pub(super) async fn send(
    State(identity): State<Identity>,
    Path(at): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let text = browser::form(&identity, body).await?;
    let form = Pairs::parse(&text).unwrap_or_default();
    answer(&identity, &at, &head, Some(form.get("identifier").unwrap_or_default())).await
}

async fn answer(
    identity: &Identity,
    (collection, provider): &(String, String),
    head: &Parts,
    typed: Option<&str>,
) -> Result<Response, Problem> {
    identity.limiter().check(&["*:oauth2Begin", "*:auth"], web::request::address(&head.extensions))?;
    let language = browser::language(head);
    let collection = auth_collection(identity, collection)?;
    let provider = identity.providers(&collection).into_iter().find(|known| known.name == *provider);
    let provider = provider.ok_or_else(Problem::missing)?;
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(beginning) = begin::read(head.uri.query().unwrap_or_default(), host) else {
        return Ok(browser::page(StatusCode::BAD_REQUEST, page::note(language, Note::Failed)));
    };
    let browser = Browser::of(head, &beginning.origin);
    let leaving = Leaving {
        collection: &collection,
        provider: &provider,
        beginning: &beginning,
        browser: browser.cookie(),
        typed,
    };
    let (left, lines) = transcript::record(identity.leave(&leaving)).await;
    journey::keep(identity, &beginning.state, "leave", &lines).await?;
    Ok(match left? {
        Leave::To(url) => browser.send_away(url.as_str()),
        Leave::Ask(fault) => {
            let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            let text = page::ask(language, &provider.label, typed.unwrap_or_default(), fault);
            browser::page(status, text)
        }
        Leave::Over(note) => over(identity, &beginning, language, note).await?,
    })
}

/// The client that waits learns that it waits in vain.
async fn over(
    identity: &Identity,
    beginning: &Beginning,
    language: Language,
    note: Note,
) -> Result<Response, Problem> {
    let (status, error) = match note {
        Note::Later => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        _ => (StatusCode::BAD_REQUEST, "server_error"),
    };
    if let Some(to) = journey::arrive(identity, &beginning.state, "", error).await? {
        return Ok(web::reply::see_other(&to));
    }
    let told = json!({ "state": beginning.state, "code": "", "error": error });
    identity.hand(&beginning.state, told).await?;
    Ok(browser::page(status, page::note(language, note)))
}
