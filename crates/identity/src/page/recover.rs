//! `/auth/recover`: whoever has forgotten the password has a link mailed, to a page where a new one is set. That signs nobody
//! in: a second step that the account asks for is still asked for.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use maud::html;
use web::Problem;

use super::form::Form;
use super::frame::Page;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::{RECOVER, SIGN_IN, sign_in};
use crate::mailed::{Asked, Wish, ask};
use crate::post::Kind;
use crate::service::Identity;
use crate::session::Check;

/// GET.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Heard).await?;
    let goal = Goal::of_query(&identity, &visitor)?;
    let mark = visitor.mark(&identity)?;
    let body = match may(&identity, &goal) {
        true => html! {
            p.lead { (visitor.say("새 비밀번호를 정할 수 있는 링크를 메일로 보냅니다.",
                "We will mail you a link to a page where you set a new one.")) }
            form method="post" action=(RECOVER) {
                (goal.fields(&mark))
                (sign_in::who(&visitor, &goal.collection, ""))
                button { (visitor.say("링크 받기", "Mail me the link")) }
            }
        },
        false => html! {
            p.lead { (visitor.say("이 서비스는 메일을 보내지 않습니다. 서비스를 운영하는 분께 새 비밀번호를 부탁해 주세요.",
                "This service sends no mail. Please ask whoever runs it for a new password.")) }
        },
    };
    let body = html! { (body) p.hint { a href=(goal.begin(SIGN_IN)) { (visitor.say("로그인으로", "Back to sign-in")) } } };
    Ok(visitor.show(&identity, Page::new(title(&visitor), body)).await)
}

/// POST: `who`. The answer is the same whether or not there is such an account.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "requestPasswordReset")?;
    if !may(&identity, &goal) {
        return Err(Problem::missing().into());
    }
    let account = identity.records().find_account(&goal.collection, &["email".to_owned()], &goal.who).await?;
    let (collection, to) = (goal.collection.clone(), goal.who.clone());
    if let Asked::TooOften(used_up) =
        ask(&identity, Wish { kind: Kind::PasswordReset, collection, account, to, by: None }).await?
    {
        return Err(Problem::too_often(used_up.seconds).into());
    }
    let body = html! {
        p.done role="status" { (visitor.say("이 주소의 계정이 있다면, 링크를 보냈습니다. 메일을 확인해 주세요.",
            "If there is an account with this address, the link has been mailed. Please look at your mail.")) }
        div.who { span { (goal.who) } }
        p.hint { a href=(goal.begin(SIGN_IN)) { (visitor.say("로그인으로", "Back to sign-in")) } }
    };
    Ok(visitor.show(&identity, Page::new(title(&visitor), body)).await)
}

fn may(identity: &Identity, goal: &Goal) -> bool {
    identity.post().is_some() && goal.collection.auth.as_ref().is_some_and(|auth| auth.has_password)
}

fn title(visitor: &Visitor) -> &'static str {
    visitor.say("비밀번호 다시 정하기", "Set a new password")
}
