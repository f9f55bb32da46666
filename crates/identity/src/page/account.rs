//! `/auth/account`: whoever has signed in sees where, and by which ways; each way is a page of its own.
//!
//! Map: `shown` (what stands on the page), then what can be done from there: `sessions`, `passkeys`, `authenticator`, `links`,
//! `password`, `email`.
//!
//! Invariant: how an account signs in is changed only by whoever has just shown who it is (`signed`).

pub(super) mod authenticator;
pub(super) mod email;
pub(super) mod links;
pub(super) mod passkeys;
pub(super) mod password;
pub(super) mod sessions;
mod shown;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};

use super::frame::{Page, Width};
use super::signed::Signed;
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::{ACCOUNT, address};
use crate::service::Identity;
pub(super) use password::new_passwords;
use shown::Told;

/// GET.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let signed = Signed::of(&identity, request.into_parts().0).await?;
    let told = said(&signed.visitor).map_or(Told::Nothing, Told::Done);
    page(&identity, &signed, told).await
}

/// The same after something that did not work.
pub(super) async fn told(identity: &Identity, visitor: &Visitor, fault: &'static str) -> Shown {
    let signed = Signed::of(identity, visitor.head.clone()).await?;
    page(identity, &signed, Told::Fault(fault)).await
}

async fn page(identity: &Identity, signed: &Signed, told: Told) -> Shown {
    let visitor = &signed.visitor;
    let body = shown::body(identity, signed, &told).await?;
    let page = Page { width: Width::Wide, ..Page::new(visitor.say("내 계정", "Your account"), body) };
    let status = if matches!(told, Told::Fault(_)) { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visitor.show(identity, page.with_status(status)).await)
}

/// Back to the page, which says what was done.
fn done(said: &str) -> Turn {
    Turn::Elsewhere(address(ACCOUNT, &[("said", said)]))
}

/// What was done, in words.
fn said(visitor: &Visitor) -> Option<&'static str> {
    let say = |korean: &'static str, english: &'static str| Some(visitor.say(korean, english));
    match visitor.query("said").as_str() {
        "ended" => say("로그인을 끝냈습니다.", "It is signed out."),
        "linked" => say("로그인 서비스를 연결했습니다.", "The service is linked."),
        "unlinked" => say("연결을 끊었습니다.", "The link is gone."),
        "passkey" => say("패스키를 추가했습니다.", "The passkey has been added."),
        "no-passkey" => say("패스키를 지웠습니다.", "The passkey is gone."),
        "totp" => say("인증 앱을 켰습니다.", "Your authenticator is on."),
        "no-totp" => say("인증 앱을 껐습니다.", "Your authenticator is off."),
        "password" => say(
            "비밀번호를 바꾸었고, 다른 곳의 로그인을 모두 끝냈습니다.",
            "Your password is new, and you are signed out everywhere else.",
        ),
        "email" => say(
            "새 주소로 링크를 보냈습니다. 그 링크를 열면 주소가 바뀝니다.",
            "A link has been mailed to the new address. Open it to make the change.",
        ),
        _ => None,
    }
}
