//! `/auth/invitation?token=…`: whoever follows the link of an invitation, or of a sign-up, makes the account: with a password, or
//! with a passkey or a provider right afterwards. Looking at the page uses nothing up.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use base::error::{Fault, Kind};
use maud::{Markup, html};
use records::Context;

use super::account::new_passwords;
use super::form::{Form, hidden};
use super::frame::Page;
use super::goal::Goal;
use super::journey::Aim;
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::{INVITATION, PASSKEYS, SIGN_IN, address, entry, passkey, provider};
use crate::entrance::{Passage, Ways};
use crate::invitation::{Accepted, Invitation};
use crate::mailed::check_passwords;
use crate::mfa::Way;
use crate::options;
use crate::service::Identity;
use crate::session::Check;

/// GET.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Heard).await?;
    let token = visitor.query("token");
    match identity.invitation(&token).await? {
        Some(invitation) => asked(&identity, &visitor, &invitation, &token, None).await,
        None => over(&identity, &visitor).await,
    }
}

/// POST: `token` and `way`: `password` (with `password`, `passwordConfirm`), `passkey`, or the name of a provider.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Anew).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let (token, way) = (form.text("token"), form.text("way"));
    let Some(invitation) = identity.invitation(token).await? else { return over(&identity, &visitor).await };
    visitor.count(&identity, &invitation.collection.name, "acceptInvitation")?;
    let offers = Offers::of(&identity, &invitation);
    if !offers.has(way) {
        return asked(&identity, &visitor, &invitation, token, None).await;
    }
    let password = (way == "password").then(|| form.text("password"));
    let request = visitor.request(Context::Default);
    let checked = password.map_or(Ok(()), |password| check_passwords(password, form.text("passwordConfirm")));
    let accepted = match checked {
        Ok(()) => identity.accept(&invitation, password, &request).await,
        Err(error) => Err(error),
    };
    match accepted {
        Ok(Accepted::Account(account)) => {
            let mut ways = Ways { passed: vec![Way::Otp], via: None };
            ways.passed.extend(password.map(|_| Way::Password));
            let goal = goal(&invitation, if way == "passkey" { PASSKEYS } else { "" });
            if password.is_some() || way == "passkey" {
                return entry::passed_all(&identity, &visitor, &goal, &account, ways).await;
            }
            let passage = Passage { request: &request, place: &visitor.place(), half: "" };
            let session = identity.let_in(passage, &account, ways).await?;
            on_to_provider(&identity, &visitor, &goal, way, &account, &session).await
        }
        Ok(Accepted::AlreadyThere) => Err(Turn::Elsewhere(goal(&invitation, "").begin(SIGN_IN))),
        Err(error) if error.kind() == Kind::NotFound => over(&identity, &visitor).await,
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Forbidden) => {
            tracing::info!(error = base::error::chain(&error), "an invitation was not accepted");
            let fault = match form.text("password") == form.text("passwordConfirm") {
                false => visitor.say("두 비밀번호가 서로 다릅니다.", "The two passwords differ."),
                true => visitor.say(
                    "계정을 만들지 못했습니다. 비밀번호는 8자 이상이어야 합니다.",
                    "The account could not be made. A password has 8 characters or more.",
                ),
            };
            asked(&identity, &visitor, &invitation, token, Some(fault)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The account is there and signed in; now it is linked to a provider.
async fn on_to_provider(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    name: &str,
    account: &std::sync::Arc<records::Principal>,
    session: &str,
) -> Shown {
    if let Some(before) = &visitor.session {
        identity.end_session(before, &visitor.place()).await?;
    }
    let aim = Aim::Link(account.row.id.clone());
    let mut response = match provider::leave(identity, visitor, goal, name, aim).await? {
        Some(response) => response,
        None => web::reply::see_other(super::ACCOUNT),
    };
    visitor.sign_in(&mut response, account, session);
    Ok(response)
}

/// The first ways in that an invitation offers.
struct Offers {
    has_password: bool,
    has_passkey: bool,
    providers: Vec<(String, String)>,
}

impl Offers {
    /// Where two ways are asked for, the address and a password are two; another way could not be added before.
    fn of(identity: &Identity, invitation: &Invitation) -> Offers {
        let auth = invitation.collection.auth.as_ref();
        let is_enough = !auth.is_some_and(options::has_mfa);
        let providers = identity.providers(&invitation.collection).into_iter().filter(|_| is_enough);
        Offers {
            has_password: auth.is_some_and(|auth| auth.has_password),
            has_passkey: is_enough && passkey::offered(identity, &invitation.collection).is_some(),
            providers: providers.map(|provider| (provider.name, provider.label)).collect(),
        }
    }

    fn has(&self, way: &str) -> bool {
        match way {
            "password" => self.has_password,
            "passkey" => self.has_passkey,
            name => self.providers.iter().any(|(known, _)| known == name),
        }
    }
}

async fn asked(
    identity: &Identity,
    visitor: &Visitor,
    invitation: &Invitation,
    token: &str,
    fault: Option<&'static str>,
) -> Shown {
    let (offers, mark) = (Offers::of(identity, invitation), visitor.mark(identity)?);
    let fields = html! { (hidden(&mark, "")) input type="hidden" name="token" value=(token); };
    let body = html! {
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        p.lead { @if invitation.is_sign_up() { (visitor.say("마지막 단계입니다. 로그인할 방법을 골라 주세요.", "One last step: choose how you will sign in.")) }
            @else { (visitor.say("초대를 받으셨습니다. 로그인할 방법을 골라 계정을 만들어 주세요.", "You have been invited. Make your account: choose how you will sign in.")) } }
        div.who { span { (invitation.email) } }
        @if offers.has_password {
            form method="post" action=(INVITATION) {
                (fields)
                input type="text" name="username" value=(invitation.email) autocomplete="username" hidden;
                (new_passwords(visitor))
                button name="way" value="password" { (visitor.say("비밀번호로 시작", "Start with a password")) }
            }
        }
        (others(visitor, &offers, &fields))
    };
    let title = if invitation.is_sign_up() {
        visitor.say("가입하기", "Sign up")
    } else {
        visitor.say("초대", "Invitation")
    };
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visitor.show(identity, Page::new(title, body).with_status(status)).await)
}

fn others(visitor: &Visitor, offers: &Offers, fields: &Markup) -> Markup {
    html! {
        @if offers.has_passkey || !offers.providers.is_empty() {
            @if offers.has_password { p.or { (visitor.say("또는", "or")) } }
            form method="post" action=(INVITATION) {
                (fields)
                @if offers.has_passkey { button.plain name="way" value="passkey" { (visitor.say("패스키로 시작", "Start with a passkey")) } }
                @for (name, label) in &offers.providers { button.plain name="way" value=(name) { (label) } }
            }
        }
    }
}

async fn over(identity: &Identity, visitor: &Visitor) -> Shown {
    let body = html! {
        p.lead { (visitor.say("이 링크는 이미 쓰였거나, 시간이 지났거나, 취소되었습니다. 다시 보내 달라고 해 주세요.",
            "The link has been used, has expired or was withdrawn. Please ask for another one.")) }
        a.button href=(SIGN_IN) { (visitor.say("로그인으로", "To the sign-in")) }
    };
    let page = Page::new(visitor.say("더 이상 쓸 수 없는 링크", "This link is over"), body);
    Ok(visitor.show(identity, page.with_status(StatusCode::GONE)).await)
}

fn goal(invitation: &Invitation, return_to: &str) -> Goal {
    Goal {
        collection: invitation.collection.clone(),
        return_to: address(return_to, &[]),
        who: String::new(),
        half: String::new(),
        again: String::new(),
    }
}
