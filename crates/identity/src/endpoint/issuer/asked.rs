//! The request that a browser brings from a client: read, and answered through the browser.

use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use url::form_urlencoded::Serializer;
use web::Problem;

use crate::issuer::Client;
use crate::issuer::decide::Seen;
use crate::issuer::denial::Denial;
use crate::issuer::grant::{self, Grant};
use crate::issuer::jws::{self, Kind};
use crate::issuer::request::{self, Request};
use crate::page::frame::Page;
use crate::page::visitor::Visitor;
use crate::pairs::Pairs;
use crate::service::Identity;
use crate::session::Proven;

/// A request that is right, and the client that it is of.
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) request: Request,
}

/// Why it can't be gone on with.
pub(super) enum Unfit {
    /// Nobody knows whom to tell but the person.
    Nowhere(&'static str),
    /// The client is told, at this address.
    Told(String),
}

/// Reads the query of a request.
pub(super) async fn read(identity: &Identity, query: &str) -> Result<Result<Asked, Unfit>, Problem> {
    let nowhere = |why| Ok(Err(Unfit::Nowhere(why)));
    let Ok(pairs) = Pairs::parse(query) else {
        return nowhere("The request can't be read: a parameter comes twice, or is not encoded as one.");
    };
    let Some((id, redirect)) = request::addressee(&pairs) else {
        return nowhere("client_id or redirect_uri is missing.");
    };
    let Some(client) = identity.client(id).await? else {
        return nowhere(
            "There is no client of this client_id, or its settings are wrong (the log says how).",
        );
    };
    if !client.may_be_answered_at(redirect) {
        return nowhere("redirect_uri is none of the addresses that were written down for the client.");
    }
    match Request::read(&pairs, client.scopes, client.pkce) {
        Ok(request) => Ok(Ok(Asked { client, request })),
        Err(denial) => {
            let url = refusal(identity, redirect, request::state(&pairs), denial)?;
            Ok(Err(Unfit::Told(url)))
        }
    }
}

/// The person's session, as far as it is of use for this client; what is known of it, and what was agreed to.
pub(super) async fn seen<'a>(
    identity: &Identity,
    asked: &Asked,
    visitor: &'a Visitor,
) -> Result<Option<(&'a Proven, Seen, Grant)>, Problem> {
    let is_of_use = |proven: &&Proven| {
        let accounts = &proven.principal.collection;
        // whoever acts as somebody else acts so here alone
        let is_own = proven.claims.refreshable;
        is_own && (accounts.name == asked.client.accounts || accounts.id == asked.client.accounts)
    };
    let Some(proven) = visitor.session.as_ref().filter(is_of_use) else { return Ok(None) };
    let mut conn = identity.records().store().reader().await.map_err(records::Error::from)?;
    let grant = grant::of(&mut conn, identity, &proven.principal, &asked.client).await?;
    let is_other = match &asked.request.hint {
        Some(hint) => meant(identity, hint).await?.is_none_or(|meant| meant.sub != proven.principal.row.id),
        None => false,
    };
    let seen = Seen { began: proven.start.at, is_other, agreed: grant.scopes };
    Ok(Some((proven, seen, grant)))
}

/// What we once said in an ID token.
#[derive(serde::Deserialize)]
pub(super) struct Meant {
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) sid: String,
}

/// Whom an ID token of ours is about, also where it has expired; `None` where it is none of ours.
pub(super) async fn meant(identity: &Identity, hint: &str) -> Result<Option<Meant>, Problem> {
    let now = identity.records().clock().now();
    let Some(unproven) = jws::read(Kind::Id, hint) else { return Ok(None) };
    let key = identity.keyring().find(identity, unproven.kid(), now).await?;
    Ok(key.and_then(|(key, _)| unproven.prove::<Meant>(&key)))
}

/// Where a code is sent to.
pub(super) fn answer(identity: &Identity, asked: &Asked, code: &str) -> Result<String, Problem> {
    let request = &asked.request;
    Ok(with(&request.redirect, &[("code", code), ("iss", identity.issuer()?)], request.state.as_deref()))
}

/// Where it is told why there is none.
pub(super) fn refusal(
    identity: &Identity,
    redirect: &str,
    state: Option<&str>,
    denial: Denial,
) -> Result<String, Problem> {
    let pairs = [("error", denial.error), ("error_description", denial.why), ("iss", identity.issuer()?)];
    Ok(with(redirect, &pairs, state))
}

/// An address of a client's with our words behind its own (RFC 6749, 3.1.2).
pub(super) fn with(address: &str, pairs: &[(&str, &str)], state: Option<&str>) -> String {
    let state = state.map(|state| ("state", state));
    let query = Serializer::new(String::new()).extend_pairs(pairs.iter().copied().chain(state)).finish();
    let mark = match address.split_once('?') {
        Some((_, "")) => "",
        Some(_) => "&",
        None => "?",
    };
    if query.is_empty() { address.to_owned() } else { format!("{address}{mark}{query}") }
}

/// Sends the browser there; it keeps its cookies.
pub(super) async fn send(identity: &Identity, visitor: &Visitor, to: &str) -> Response {
    let mut response = web::reply::see_other(to);
    visitor.keep(identity, &mut response).await;
    let headers = response.headers_mut();
    headers.insert("cache-control", axum::http::HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", axum::http::HeaderValue::from_static("no-referrer"));
    response
}

/// The same after a form: browsers that hold a form to our own addresses hold what follows on it to them too.
pub(super) async fn send_on(identity: &Identity, visitor: &Visitor, to: &str) -> Response {
    let say = |korean: &'static str, english: &'static str| visitor.language.pick(korean, english);
    let body = html! { p.lead { a.button href=(to) { (say("계속", "Continue")) } } };
    let page = Page { onward: Some(to), ..Page::new(say("이동하는 중", "One moment"), body) };
    visitor.show(identity, page).await
}

/// Tells the person what whoever looks after the client has to put right.
pub(super) async fn nowhere(identity: &Identity, visitor: &Visitor, why: &str) -> Response {
    let say = |korean: &'static str, english: &'static str| visitor.language.pick(korean, english);
    let body = html! {
        p.lead {
            (say(
                "다른 서비스가 잘못된 주소로 보냈습니다. 그 서비스를 관리하는 사람에게 아래 내용을 알려 주세요.",
                "Another service has sent you here with a wrong address. Please tell this to whoever looks after it:",
            ))
        }
        p { code { (why) } }
    };
    let page = Page {
        status: StatusCode::BAD_REQUEST,
        ..Page::new(say("로그인할 수 없습니다", "No sign-in"), body)
    };
    visitor.show(identity, page).await
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn our_words_stand_behind_a_clients_own() {
        let pairs = [("code", "a b")];
        assert_eq!(
            with("https://a.example/cb", &pairs, Some("é&=")),
            "https://a.example/cb?code=a+b&state=%C3%A9%26%3D"
        );
        assert_eq!(with("https://a.example/cb?x=1", &pairs, None), "https://a.example/cb?x=1&code=a+b");
        assert_eq!(with("https://a.example/cb?", &pairs, None), "https://a.example/cb?code=a+b");
        assert_eq!(with("https://a.example/cb", &[], None), "https://a.example/cb");
    }
}
