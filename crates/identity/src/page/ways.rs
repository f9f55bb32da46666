//! The ways to sign in that a collection offers, on two pages: before it is known who it is, and after.
//!
//! Invariant: what is offered follows from the collection alone, never from whether there is an account.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::frame::Page;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::{RECOVER, SIGN_IN, SIGN_UP, passkey, sign_in, sign_up};
use crate::mfa::Way;
use crate::options;
use crate::passkey::RelyingParty;
use crate::service::Identity;

/// Which of the ways are open, and what is wrong with the one that was tried.
#[derive(Clone, Copy, Default)]
pub(super) struct Open {
    /// All but this one, which has been passed.
    pub(super) but: Option<Way>,
    pub(super) fault: Option<&'static str>,
}

/// What a collection offers.
struct Offer {
    has_password: bool,
    has_code: bool,
    passkey_site: Option<RelyingParty>,
    /// Names and labels.
    providers: Vec<(String, String)>,
}

impl Offer {
    fn of(identity: &Identity, goal: &Goal, but: Option<Way>) -> Offer {
        let auth = goal.collection.auth.as_ref();
        let providers = identity.providers(&goal.collection);
        let providers = providers.into_iter().filter(|_| but != Some(Way::OAuth2));
        Offer {
            has_password: auth.is_some_and(|auth| auth.has_password) && but != Some(Way::Password),
            has_code: identity.post().is_some()
                && auth.is_some_and(options::has_otp)
                && but != Some(Way::Otp),
            passkey_site: passkey::offered(identity, &goal.collection)
                .cloned()
                .filter(|_| goal.half.is_empty()),
            providers: providers.map(|provider| (provider.name, provider.label)).collect(),
        }
    }
}

/// The page that asks who it is.
pub(super) async fn begin(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    fault: Option<&'static str>,
) -> Shown {
    let (offer, mark) = (Offer::of(identity, goal, None), visitor.mark(identity)?);
    let asks = offer.has_password || offer.has_code;
    let start = Goal { who: String::new(), half: String::new(), ..goal.clone() };
    let body = html! {
        (told(fault))
        @if asks {
            form method="post" action=(SIGN_IN) {
                (start.fields(&mark))
                (sign_in::who(visitor, &goal.collection, &goal.who))
                button { (visitor.say("계속", "Continue")) }
            }
        }
        (others(visitor, &start, &mark, &offer, asks))
        @if sign_up::is_offered(identity, &goal.collection) {
            p.hint {
                (visitor.say("계정이 없나요?", "No account yet?")) " "
                a href=(goal.begin(SIGN_UP)) { (visitor.say("가입하기", "Sign up")) }
            }
        }
    };
    let page = page(visitor, goal, body, &offer);
    let status = if fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    Ok(visitor.show(identity, page.with_status(status)).await)
}

/// The page with the ways, once it is said who it is.
pub(super) async fn ask(identity: &Identity, visitor: &Visitor, goal: &Goal, open: Open) -> Shown {
    let (offer, mark) = (Offer::of(identity, goal, open.but), visitor.mark(identity)?);
    let has_first = offer.has_password || offer.has_code;
    let body = html! {
        (told(open.fault))
        @if !goal.half.is_empty() {
            p.lead { (visitor.say("이 계정은 두 단계로 로그인합니다. 다른 방법을 하나 더 골라 주세요.",
                "This account signs in in two steps. Please choose a second way.")) }
        } @else if !goal.again.is_empty() {
            p.lead { (visitor.say("계정을 바꾸기 전에, 본인인지 한 번 더 확인합니다.",
                "Before the account is changed, please show once more that it is you.")) }
        }
        div.who {
            span { (goal.who) }
            @if goal.half.is_empty() && goal.again.is_empty() {
                a href=(goal.begin(SIGN_IN)) { (visitor.say("다른 계정", "Not you?")) }
            }
        }
        @if offer.has_password { (password(visitor, goal, &mark)) }
        @if offer.has_password && offer.has_code { p.or { (visitor.say("또는", "or")) } }
        @if offer.has_code {
            form method="post" action="/auth/sign-in/mail" {
                (goal.fields(&mark))
                button class=[offer.has_password.then_some("plain")] {
                    (visitor.say("메일로 코드 받기", "Mail me a code"))
                }
            }
        }
        (others(visitor, goal, &mark, &offer, has_first))
    };
    let page = page(visitor, goal, body, &offer);
    let status = if open.fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    Ok(visitor.show(identity, page.with_status(status)).await)
}

fn page<'a>(visitor: &Visitor, goal: &Goal, body: Markup, offer: &Offer) -> Page<'a> {
    let title = match goal.again.is_empty() {
        true => visitor.say("로그인", "Sign in"),
        false => visitor.say("본인 확인", "Is it you?"),
    };
    let page = Page::new(title, body);
    if offer.passkey_site.is_some() { page.with_script(passkey::SCRIPT) } else { page }
}

fn told(fault: Option<&'static str>) -> Markup {
    html! { @if let Some(fault) = fault { p.fault role="alert" { (fault) } } }
}

fn password(visitor: &Visitor, goal: &Goal, mark: &str) -> Markup {
    html! {
        form method="post" action="/auth/sign-in/password" {
            (goal.fields(mark))
            div.field {
                label for="password" { (visitor.say("비밀번호", "Password")) }
                // so that a manager of passwords knows whose it is
                input type="text" name="username" value=(goal.who) autocomplete="username" hidden;
                input #password name="password" type="password" autocomplete="current-password" required autofocus
                    maxlength="255";
            }
            button { (visitor.say("로그인", "Sign in")) }
            @if goal.half.is_empty() {
                p.hint { a href=(goal.begin(RECOVER)) { (visitor.say("비밀번호를 잊었나요?", "Forgotten your password?")) } }
            }
        }
    }
}

/// The ways that know by themselves who it is.
fn others(visitor: &Visitor, goal: &Goal, mark: &str, offer: &Offer, has_more: bool) -> Markup {
    let has_others = offer.passkey_site.is_some() || !offer.providers.is_empty();
    html! {
        @if has_others && has_more && !offer.providers.is_empty() { p.or { (visitor.say("또는", "or")) } }
        @if let Some(site) = &offer.passkey_site { (passkey::sign_in_form(visitor, site, goal, mark)) }
        @if !offer.providers.is_empty() {
            form method="post" action="/auth/sign-in/provider" {
                (goal.fields(mark))
                @for (name, label) in &offer.providers {
                    button.plain name="provider" value=(name) { (through(visitor, label)) }
                }
            }
        }
    }
}

fn through(visitor: &Visitor, label: &str) -> String {
    match visitor.language {
        crate::language::Language::Korean => format!("{label} 계정으로 계속"),
        crate::language::Language::English => format!("Continue with {label}"),
    }
}
