//! Signing in by a mailed code: `POST /auth/sign-in/mail` has it mailed, `POST /auth/sign-in/code` gives it back.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use maud::html;
use web::Problem;

use super::entry;
use super::form::Form;
use super::frame::Page;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::ways;
use crate::mailed::{Asked, Code, Found, Wish, ask, redeem};
use crate::mfa::Way;
use crate::options;
use crate::post::Kind;
use crate::service::Identity;
use crate::session::Check;

/// A code is mailed, if the address is an account's; the page is the same if not.
pub(super) async fn mail(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "requestOTP")?;
    check(&identity, &goal)?;
    let account = identity.records().find_account(&goal.collection, &["email".to_owned()], &goal.who).await?;
    let (collection, to) = (goal.collection.clone(), goal.who.clone());
    match ask(&identity, Wish { kind: Kind::Otp, collection, account, to, by: None }).await? {
        Asked::Done(otp_id) => show(&identity, &visitor, &goal, &otp_id.unwrap_or_default(), None).await,
        Asked::TooOften(_) => {
            let open = ways::Open { but: Some(Way::Otp), fault: Some(too_often(&visitor)) };
            ways::ask(&identity, &visitor, &goal, open).await
        }
    }
}

/// The code: `code`, with `otp` as the page had it.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "authWithOTP")?;
    check(&identity, &goal)?;
    let otp_id = form.text("otp");
    let code = Code {
        accounts: goal.collection.clone(),
        otp_id: otp_id.to_owned(),
        given: form.text("code").trim().to_owned(),
        from: visitor.place().address,
    };
    let fault = match redeem(&identity, code).await? {
        Found::Account(account) => {
            return entry::passed(&identity, &visitor, &goal, &account.into(), Way::Otp.into()).await;
        }
        Found::Wrong => {
            visitor.say("코드가 맞지 않거나 더 이상 쓸 수 없습니다.", "The code is wrong, or no longer good.")
        }
        Found::TooOften(_) => too_often(&visitor),
    };
    show(&identity, &visitor, &goal, otp_id, Some(fault)).await
}

fn check(identity: &Identity, goal: &Goal) -> Result<(), Problem> {
    let has_code = goal.collection.auth.as_ref().is_some_and(options::has_otp) && identity.post().is_some();
    if has_code { Ok(()) } else { Err(Problem::missing()) }
}

fn too_often(visitor: &Visitor) -> &'static str {
    visitor.say(
        "너무 여러 번 시도했습니다. 잠시 뒤에 다시 해 주세요.",
        "Too many tries. Please try again later.",
    )
}

async fn show(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    otp_id: &str,
    fault: Option<&'static str>,
) -> Shown {
    let mark = visitor.mark(identity)?;
    let body = html! {
        p.lead { (visitor.say("계정이 있다면, 아래 주소로 코드를 보냈습니다.",
            "If there is an account, a code has been mailed to this address.")) }
        div.who { span { (goal.who) } a href=(goal.begin(super::SIGN_IN)) { (visitor.say("처음부터", "Start again")) } }
        form method="post" action="/auth/sign-in/code" {
            (goal.fields(&mark))
            input type="hidden" name="otp" value=(otp_id);
            @if let Some(fault) = fault { p.fault #fault role="alert" { (fault) } }
            div.field {
                label for="code" { (visitor.say("코드", "Code")) }
                input #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required autofocus
                    maxlength="20" aria-describedby=[fault.map(|_| "fault")];
            }
            button { (visitor.say("계속", "Continue")) }
        }
    };
    let status = if fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let page = Page::new(visitor.say("메일을 확인해 주세요", "Look at your mail"), body);
    Ok(visitor.show(identity, page.with_status(status)).await)
}
