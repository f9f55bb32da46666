//! Signing in by a passkey: a script asks the browser for it and sends the form; `POST /auth/sign-in/passkey` proves it.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use maud::{Markup, html};
use records::core::collection::Collection;
use serde_json::Value;

use super::form::Form;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::{PASSKEY, entry, ways};
use crate::mfa::Way;
use crate::options;
use crate::passkey::{self, RelyingParty};
use crate::service::Identity;
use crate::session::Check;

/// What makes a passkey or uses one, on every page that has such a form.
pub(super) const SCRIPT: &str = include_str!("passkey.js");

/// POST: `credential`, as the browser gave it.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "authWithPasskey")?;
    let site = site(&identity, &goal.collection)?;
    let credential: Value = serde_json::from_str(form.text("credential")).unwrap_or_default();
    match passkey::sign_in(&identity, site, &goal.collection, &credential, &visitor.place()).await? {
        Ok(account) => entry::passed(&identity, &visitor, &goal, &account, Way::Passkey.into()).await,
        Err(flaw) => {
            tracing::info!(collection = goal.collection.name, %flaw, "a passkey was not taken");
            identity.note_refused(&goal.collection, Way::Passkey, "", None, &visitor.place()).await;
            let fault = visitor.say(
                "이 패스키로는 로그인할 수 없습니다. 다시 하거나 다른 방법을 골라 주세요.",
                "This passkey does not sign in here. Please try again, or choose another way.",
            );
            ways::begin(&identity, &visitor, &goal, Some(fault)).await
        }
    }
}

/// The site that passkeys of a collection's accounts are for, where it has any.
pub(super) fn site<'a>(
    identity: &'a Identity,
    accounts: &Collection,
) -> Result<&'a RelyingParty, web::Problem> {
    offered(identity, accounts).ok_or_else(web::Problem::missing)
}

/// The same, where that is asked.
pub(super) fn offered<'a>(identity: &'a Identity, accounts: &Collection) -> Option<&'a RelyingParty> {
    let has_any = accounts.auth.as_ref().is_some_and(options::has_passkey);
    identity.config().relying_party.as_ref().filter(|_| has_any)
}

/// The form that the script sends. Without the script it is not seen.
pub(super) fn sign_in_form(visitor: &Visitor, site: &RelyingParty, goal: &Goal, mark: &str) -> Markup {
    let ask = format!("/api/collections/{}/passkey-sign-in-options", goal.collection.name);
    html! {
        form.passkey method="post" action=(PASSKEY) hidden data-origin=(site.origin) data-ask=(ask)
            data-refused=(visitor.say("취소되었거나 맞는 패스키가 없습니다.", "It was cancelled, or there is no fitting passkey."))
            data-failed=(visitor.say("되지 않았습니다. 다시 시도해 주세요.", "That did not work. Please try again.")) {
            (goal.fields(mark))
            input type="hidden" name="credential";
            p.fault role="alert" hidden {}
            button.plain { (visitor.say("패스키로 로그인", "Sign in with a passkey")) }
        }
    }
}
