//! `/auth/sign-up`: whoever wants an account gives an address, and gets a link there with which the account is made: so nobody has an
//! account with an address of somebody else's, and nobody is told whose addresses have accounts.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use maud::html;
use records::core::collection::Collection;
use serde_json::Map;
use web::Problem;

use super::form::Form;
use super::frame::Page;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::{SIGN_IN, SIGN_UP};
use crate::endpoint::is_address;
use crate::invitation::Guest;
use crate::mailed::Asked;
use crate::service::Identity;
use crate::session::Check;

/// Whether a collection lets people make accounts of themselves, and our page can ask for all that it needs.
pub(super) fn is_offered(identity: &Identity, collection: &Collection) -> bool {
    let is_known = |name: &str| matches!(name, "id" | "email" | "password" | "tokenKey");
    let asks_for_more = collection.fields.iter().any(|field| field.is_required && !is_known(&field.name));
    identity.post().is_some()
        && collection.auth.as_ref().is_some_and(|auth| auth.has_password)
        && collection.rules.create.is_some()
        && !asks_for_more
}

/// GET.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Heard).await?;
    let goal = Goal::of_query(&identity, &visitor)?;
    if !is_offered(&identity, &goal.collection) {
        return Err(Problem::missing().into());
    }
    let mark = visitor.mark(&identity)?;
    let body = html! {
        p.lead { (visitor.say("메일로 보내 드리는 링크로 가입을 마칩니다.", "You finish by a link that we mail you.")) }
        form method="post" action=(SIGN_UP) {
            (goal.fields(&mark))
            div.field {
                label for="who" { (visitor.say("이메일", "Email")) }
                input #who name="who" type="email" autocomplete="email" required autofocus maxlength="255";
            }
            button { (visitor.say("링크 받기", "Mail me the link")) }
        }
        p.hint { (visitor.say("계정이 있나요?", "You have an account?")) " " a href=(goal.begin(SIGN_IN)) { (visitor.say("로그인", "Sign in")) } }
    };
    Ok(visitor.show(&identity, Page::new(title(&visitor), body)).await)
}

/// POST: `who`. The answer is the same whether or not there is an account.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "signUp")?;
    if !is_offered(&identity, &goal.collection) || !is_address(&goal.who) {
        return Err(Problem::invalid("").into());
    }
    let guest =
        Guest { collection: goal.collection.clone(), email: goal.who.clone(), by: None, values: Map::new() };
    if let Asked::TooOften(used_up) = identity.send_invitation(guest).await? {
        return Err(Problem::too_often(used_up.seconds).into());
    }
    let body = html! {
        p.done role="status" { (visitor.say("링크를 보냈습니다. 메일을 확인해 주세요.", "The link has been mailed. Please look at your mail.")) }
        div.who { span { (goal.who) } a href=(goal.begin(SIGN_UP)) { (visitor.say("다른 주소", "Another address")) } }
    };
    Ok(visitor.show(&identity, Page::new(title(&visitor), body)).await)
}

fn title(visitor: &Visitor) -> &'static str {
    visitor.say("가입하기", "Sign up")
}
