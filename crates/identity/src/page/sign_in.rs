//! `/auth/sign-in`: whoever wants to sign in says who it is, then sees the ways; nobody is told whether there is such an account.
//!
//! With `again=1` whoever has signed in already shows once more who it is, before something about the account is changed.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use maud::{Markup, html};
use records::core::collection::Collection;

use super::form::Form;
use super::goal::Goal;
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::ways;
use crate::service::Identity;
use crate::session::Check;

/// GET.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Anew).await?;
    let mut goal = Goal::of_query(&identity, &visitor)?;
    let Some(proven) =
        visitor.session.as_ref().filter(|session| session.principal.collection.id == goal.collection.id)
    else {
        goal.again = String::new();
        return ways::begin(&identity, &visitor, &goal, None).await;
    };
    if goal.again.is_empty() {
        return Err(Turn::Elsewhere(goal.end().to_owned()));
    }
    let account = &proven.principal;
    identity.records().values(&account.collection, &account.row).text("email").clone_into(&mut goal.who);
    match goal.who.is_empty() {
        true => ways::begin(&identity, &visitor, &goal, None).await,
        false => ways::ask(&identity, &visitor, &goal, ways::Open::default()).await,
    }
}

/// POST: `who`.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    match goal.who.is_empty() {
        true => ways::begin(&identity, &visitor, &goal, None).await,
        false => ways::ask(&identity, &visitor, &goal, ways::Open::default()).await,
    }
}

/// The field in which somebody says who it is.
pub(super) fn who(visitor: &Visitor, collection: &Collection, value: &str) -> Markup {
    let fields = collection.auth.as_ref().map(|auth| auth.identity_fields.as_slice()).unwrap_or_default();
    let is_address = fields.iter().all(|field| field == "email");
    let label = match is_address {
        true => visitor.say("이메일", "Email"),
        false => visitor.say("이메일 또는 사용자 이름", "Email or user name"),
    };
    html! {
        div.field {
            label for="who" { (label) }
            input #who name="who" type=(if is_address { "email" } else { "text" }) value=(value) required autofocus
                autocomplete="username webauthn" autocapitalize="none" spellcheck="false" maxlength="255";
        }
    }
}
