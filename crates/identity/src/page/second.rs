//! The second step of an account that has an authenticator: `POST /auth/sign-in/second` takes its code, or a recovery code.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use maud::html;

use super::entry;
use super::form::Form;
use super::frame::Page;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use crate::authenticator::{self, Found};
use crate::entrance::Ways;
use crate::mfa::Way;
use crate::service::Identity;
use crate::session::Check;

/// The page that asks for it.
pub(super) async fn ask(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    fault: Option<&'static str>,
) -> Shown {
    let mark = visitor.mark(identity)?;
    let body = html! {
        p.lead { (visitor.say("인증 앱에 보이는 여섯 자리 코드를 넣어 주세요. 휴대폰이 없으면 복구 코드를 써도 됩니다.",
            "Please give the six digits that your authenticator shows. Without your phone, give a recovery code.")) }
        form method="post" action="/auth/sign-in/second" {
            (goal.fields(&mark))
            @if let Some(fault) = fault { p.fault #fault role="alert" { (fault) } }
            div.field {
                label for="code" { (visitor.say("인증 앱 코드 또는 복구 코드", "Authenticator or recovery code")) }
                input #code name="code" type="text" autocomplete="one-time-code" autocapitalize="none" required autofocus
                    maxlength="20" aria-describedby=[fault.map(|_| "fault")];
            }
            button { (visitor.say("계속", "Continue")) }
        }
        p.hint { a href=(goal.begin(super::SIGN_IN)) { (visitor.say("처음부터 다시", "Start again")) } }
    };
    let status = if fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let page = Page::new(visitor.say("두 번째 단계", "Second step"), body);
    Ok(visitor.show(identity, page.with_status(status)).await)
}

/// POST: `code`.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "authWithTOTP")?;
    let (code, from) = (form.text("code"), visitor.place().address);
    let found = authenticator::complete(&identity, &goal.collection, &goal.half, code, from).await?;
    let fault = match found {
        Found::Account(account, first) => {
            let ways = Ways { passed: vec![first.way, Way::Totp], via: first.via };
            return entry::passed_all(&identity, &visitor, &goal, &account.into(), ways).await;
        }
        Found::Wrong => visitor.say(
            "코드가 맞지 않거나 이미 쓰였습니다. 오래 걸렸다면 처음부터 다시 해 주세요.",
            "The code is wrong or was used. If it took long, please start again.",
        ),
        Found::TooOften(_) => visitor.say(
            "너무 여러 번 시도했습니다. 잠시 뒤에 다시 해 주세요.",
            "Too many tries. Please try again later.",
        ),
    };
    ask(&identity, &visitor, &goal, Some(fault)).await
}
