//! `/auth/sign-out`: the session of this browser ends, wherever its token has got to. It is asked first, so that no link of
//! another site signs anybody out.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use maud::html;
use web::Problem;

use super::form::{Form, hidden};
use super::frame::Page;
use super::visitor::Visitor;
use super::{SIGN_IN, SIGN_OUT};
use crate::service::Identity;
use crate::session::Check;

/// GET: the question.
pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Heard).await?;
    let say = |korean: &'static str, english: &'static str| visitor.language.pick(korean, english);
    let body = match &visitor.session {
        None => html! {
            p.lead { (say("이 브라우저는 로그인되어 있지 않습니다.", "Nobody is signed in with this browser.")) }
            a.button href=(SIGN_IN) { (say("로그인", "Sign in")) }
        },
        Some(_) => html! {
            p.lead { (say("이 브라우저에서 로그아웃합니다.", "You will be signed out of this browser.")) }
            form method="post" action=(SIGN_OUT) {
                (hidden(&visitor.mark(&identity)?, &visitor.query("return_to")))
                button { (say("로그아웃", "Sign out")) }
            }
        },
    };
    Ok(visitor.show(&identity, Page::new(say("로그아웃", "Sign out"), body)).await)
}

/// POST: it is done.
pub(super) async fn submit(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    if let Some(proven) = &visitor.session {
        identity.end_session(proven, &visitor.place()).await?;
    }
    let mut response = web::reply::see_other(form.return_to().unwrap_or(SIGN_IN));
    visitor.sign_out(&mut response);
    Ok(response)
}
