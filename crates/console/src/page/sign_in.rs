//! Signing in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base::error::{Fault, Kind};
use identity::{Beginning, Second, Way, superusers};
use maud::{Markup, html};
use records::core::collection::SUPERUSERS;
use records::{Moment, Principal};

use crate::address;
use crate::cookie::{self, Life};
use crate::form::Outside;
use crate::frame::{self, Said};
use crate::look::Look;
use crate::refusal::Refusal;
use crate::service::{Inner, Shared};
use crate::session::{self, Visitor};

/// By what the limiter counts tries: the same as for the API, so that trying here gains nothing.
const LABELS: [&str; 4] =
    ["_superusers:authWithPassword", "_superusers:auth", "*:authWithPassword", "*:auth"];
/// Longest password that is looked at, in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;

/// `GET /_/sign-in?to=…`.
pub(crate) async fn show(State(shared): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    let has_somebody = superusers::exist(&shared.records).await?;
    let to = visitor.query.get("to").to_owned();
    let said = visitor.query.find("said").and_then(Said::from_code);
    let view = View { to: &to, email: "", fault: None, has_somebody, said };
    Ok(web::reply::html(view.page(visitor.look, &visitor.path).into_string()))
}

/// `POST /_/sign-in`: `email`, `password`, `to`.
pub(crate) async fn submit(
    State(shared): State<Shared>,
    visitor: Visitor,
    Outside(form): Outside,
) -> Result<Response, Refusal> {
    let (email, to) = (form.get("email").trim(), form.get("to"));
    let words = visitor.words();
    let (fault, status) = if shared.limiter.check(&LABELS, visitor.address).is_err() {
        (words.busy, StatusCode::TOO_MANY_REQUESTS)
    } else {
        match verified(&shared, &visitor, email, form.get("password")).await {
            Ok(Some(account)) => match shared.identity.ask_second(&Arc::new(account.clone())).await {
                Ok(Second::Enough) => {
                    return entered(&shared, &visitor, &account, vec![Way::Password], to).await;
                }
                Ok(Second::Code { half, otp_id }) => {
                    let asked = Asked { half: &half, otp_id: &otp_id, to, fault: None };
                    return Ok(web::reply::html(asked.page(visitor.look).into_string()));
                }
                Ok(Second::Authenticator { half }) => {
                    let asked = Asked { half: &half, otp_id: "", to, fault: None };
                    return Ok(web::reply::html(asked.page(visitor.look).into_string()));
                }
                Ok(Second::NotOffered) => (words.second_not_offered, StatusCode::FORBIDDEN),
                Err(error) if error.kind() == Kind::Busy => (words.busy, StatusCode::TOO_MANY_REQUESTS),
                Err(error) => return Err(error.into()),
            },
            Ok(None) => (words.wrong_sign_in, StatusCode::UNAUTHORIZED),
            Err(error) if error.kind() == Kind::Busy => (words.busy, StatusCode::TOO_MANY_REQUESTS),
            Err(error) => return Err(error.into()),
        }
    };
    let view = View { to, email, fault: Some(fault), has_somebody: true, said: None };
    let mut response = web::reply::html(view.page(visitor.look, &visitor.path).into_string());
    *response.status_mut() = status;
    Ok(response)
}

/// `POST /_/sign-in/code`: `code`, with `half` and `otp` as the page had them, and `to`.
pub(crate) async fn second(
    State(shared): State<Shared>,
    visitor: Visitor,
    Outside(form): Outside,
) -> Result<Response, Refusal> {
    let (half, otp_id, to) = (form.get("half"), form.get("otp"), form.get("to"));
    let words = visitor.words();
    shared.limiter.check(&LABELS, visitor.address)?;
    let Some(superusers) = shared.records.catalog().find(SUPERUSERS).cloned() else {
        return Err(Refusal::missing());
    };
    let (fault, status) = match shared
        .identity
        .finish_second(&superusers, half, otp_id, form.get("code"), &visitor.place())
        .await
    {
        Ok(Some((account, ways))) => return entered(&shared, &visitor, &account, ways, to).await,
        Ok(None) => (words.second_wrong, StatusCode::UNAUTHORIZED),
        Err(error) if error.kind() == Kind::Busy => (words.busy, StatusCode::TOO_MANY_REQUESTS),
        Err(error) => return Err(error.into()),
    };
    let asked = Asked { half, otp_id, to, fault: Some(fault) };
    let mut response = web::reply::html(asked.page(visitor.look).into_string());
    *response.status_mut() = status;
    Ok(response)
}

/// `POST /_/sign-out`: the session ends, wherever its token has got to.
pub(crate) async fn leave(State(shared): State<Shared>, headers: HeaderMap, visitor: Visitor) -> Response {
    if let Err(fault) = end(&shared, &headers, &visitor).await {
        tracing::warn!(error = base::error::chain(&fault), "a session that was left could not be ended");
    }
    let to = address::with_query("/_/sign-in", &[("said", Said::SignedOut.code())]);
    let mut response = web::reply::see_other(&to);
    let ended = cookie::set(session::COOKIE, "", Life::Ended, visitor.is_https);
    response.headers_mut().append(SET_COOKIE, ended);
    response
}

async fn end(shared: &Inner, headers: &HeaderMap, visitor: &Visitor) -> Result<(), records::Error> {
    let Some(token) = cookie::read(headers, session::COOKIE) else { return Ok(()) };
    match shared.identity.session(token, Moment::default()).await? {
        Some(proven) => shared.identity.end_session(&proven, &visitor.place()).await,
        None => Ok(()),
    }
}

/// The superuser whom this address and password name. It takes as long for nobody.
pub(crate) async fn verified(
    shared: &Inner,
    visitor: &Visitor,
    email: &str,
    password: &str,
) -> Result<Option<Principal>, records::Error> {
    let catalog = shared.records.catalog();
    let Some(collection) = catalog.find(SUPERUSERS) else { return Ok(None) };
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    if shared.identity.too_many_guesses(collection, email, &visitor.place()).await?.is_some() {
        return Err(records::Error::refused(Kind::Busy, visitor.words().busy));
    }
    let account = shared.records.find_account(collection, &["email".to_owned()], email).await?;
    let fits = shared.records.verify_password(account.as_ref(), password).await?;
    if !fits {
        let (way, place) = (Way::Password, visitor.place());
        shared.identity.note_refused(collection, way, email, account.as_ref(), &place).await;
    }
    Ok(account.filter(|_| fits))
}

/// The reply that begins a session.
pub(crate) async fn entered(
    shared: &Inner,
    visitor: &Visitor,
    account: &Principal,
    ways: Vec<Way>,
    to: &str,
) -> Result<Response, Refusal> {
    let beginning = Beginning { ways, place: visitor.place(), actor: None, via: None };
    let token = shared.identity.begin_session(account, &beginning).await?;
    let mut response = web::reply::see_other(address::ours(to));
    let value = cookie::set(session::COOKIE, &token, Life::Session, visitor.is_https);
    response.headers_mut().append(SET_COOKIE, value);
    Ok(response)
}

struct View<'a> {
    to: &'a str,
    email: &'a str,
    fault: Option<&'a str>,
    has_somebody: bool,
    said: Option<Said>,
}

impl View<'_> {
    fn page(&self, look: Look, path: &str) -> Markup {
        let words = look.words();
        let content = html! {
            h1 { (words.sign_in) }
            p.lead { (words.sign_in_lead) }
            @if let Some(said) = self.said { div.gap { (said.line(look)) } }
            @if !self.has_somebody {
                div.note.gap { p { (words.nobody_yet) } p { code { "ondol superuser upsert EMAIL" } } }
            }
            form.fields method="post" action="/_/sign-in" {
                input type="hidden" name="to" value=(self.to);
                @if let Some(fault) = self.fault { p.fault-box role="alert" { (fault) } }
                (field("email", words.email, "email", "username", self.email))
                (field("password", words.password, "password", "current-password", ""))
                button type="submit" { (words.sign_in) }
            }
        };
        frame::outside(look, path, words.sign_in, &content)
    }
}

/// The second step: the code that was mailed.
struct Asked<'a> {
    half: &'a str,
    otp_id: &'a str,
    to: &'a str,
    fault: Option<&'a str>,
}

impl Asked<'_> {
    fn page(&self, look: Look) -> Markup {
        let words = look.words();
        let content = html! {
            h1 { (words.second) }
            p.lead { @if self.otp_id.is_empty() { (words.second_lead_totp) } @else { (words.second_lead) } }
            form.fields method="post" action="/_/sign-in/code" {
                input type="hidden" name="to" value=(self.to);
                input type="hidden" name="half" value=(self.half);
                input type="hidden" name="otp" value=(self.otp_id);
                @if let Some(fault) = self.fault { p.fault-box role="alert" { (fault) } }
                div.field {
                    label for="code" { (words.code) }
                    input id="code" name="code" type="text" autocomplete="one-time-code" required autofocus;
                }
                button type="submit" { (words.sign_in) }
            }
            p { a href="/_/sign-in" { (words.second_again) } }
        };
        frame::outside(look, "/_/sign-in", words.second, &content)
    }
}

/// A labelled input of the cards outside.
pub(crate) fn field(name: &str, label: &str, kind: &str, autocomplete: &str, value: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) type=(kind) autocomplete=(autocomplete) value=(value) required
                autofocus[name == "email" && value.is_empty()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_refused_sign_in_keeps_the_address_and_says_why() {
        for (page, look) in sample::every("sign-in", |look| {
            let fault = Some(look.words().wrong_sign_in);
            View { to: sample::HOSTILE, email: sample::HOSTILE, fault, has_somebody: true, said: None }
                .page(look, "/_/sign-in")
        }) {
            assert!(page.contains(look.words().wrong_sign_in) && page.contains("&lt;script&gt;"));
            assert!(page.contains("autocomplete=\"current-password\""));
        }
    }

    #[test]
    fn the_second_step_asks_for_the_code_and_says_what_is_wrong() {
        for (page, look) in sample::every("sign-in-code", |look| {
            let fault = Some(look.words().second_wrong);
            Asked { half: sample::HOSTILE, otp_id: "o", to: sample::HOSTILE, fault }.page(look)
        }) {
            assert!(
                page.contains(look.words().second_wrong) && page.contains("autocomplete=\"one-time-code\"")
            );
        }
    }

    #[test]
    fn a_service_without_superusers_says_how_to_make_one() {
        for (page, look) in sample::every("sign-in-nobody", |look| {
            View { to: "", email: "", fault: None, has_somebody: false, said: None }.page(look, "/_/sign-in")
        }) {
            assert!(page.contains(look.words().nobody_yet) && page.contains("ondol superuser upsert"));
        }
    }
}
