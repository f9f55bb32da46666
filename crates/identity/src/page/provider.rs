//! Signing in through a provider: `POST /auth/sign-in/provider` sends the browser away, by a page that goes on by itself.
//!
//! (A redirect would be the answer to a form, which our policy lets go to us only.)

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use maud::html;
use web::Problem;

use super::form::Form;
use super::frame::Page;
use super::goal::Goal;
use super::journey::{self, Aim};
use super::turn::Shown;
use super::visitor::Visitor;
use super::ways;
use crate::service::Identity;
use crate::session::Check;

/// POST: `provider`.
pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "authWithOAuth2")?;
    match leave(&identity, &visitor, &goal, form.text("provider"), Aim::SignIn).await? {
        Some(page) => Ok(page),
        None => ways::begin(&identity, &visitor, &goal, Some(away(&visitor))).await,
    }
}

/// The page that sends a browser away; `None` where the provider can't be asked now.
pub(super) async fn leave(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    name: &str,
    aim: Aim,
) -> Result<Option<axum::response::Response>, super::turn::Turn> {
    let provider = identity.providers(&goal.collection).into_iter().find(|provider| provider.name == name);
    let provider = provider.ok_or_else(Problem::missing)?;
    let Some((to, _)) = journey::begin(identity, visitor, goal, &provider, aim).await? else {
        return Ok(None);
    };
    let body = html! {
        p.lead { (visitor.say("로그인 서비스로 이동합니다.", "You are being taken there.")) }
        a.button href=(to) { (visitor.say("계속", "Continue")) " → " (provider.label) }
    };
    let page = Page { onward: Some(&to), ..Page::new(&provider.label, body) };
    Ok(Some(visitor.show(identity, page.with_status(StatusCode::OK)).await))
}

/// What is said of a provider that can't be asked now.
pub(super) fn away(visitor: &Visitor) -> &'static str {
    visitor.say(
        "그 로그인 서비스가 응답하지 않습니다. 잠시 뒤에 다시 하거나 다른 방법을 골라 주세요.",
        "That service does not answer. Please try again later, or choose another way.",
    )
}
