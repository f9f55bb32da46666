//! `/auth/language?to=ko`: the visitor likes another language; the browser keeps that for a year.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, header};
use axum::response::Response;
use web::Problem;

use super::SIGN_IN;
use super::visitor::Visitor;
use crate::browser;
use crate::language::Language;
use crate::service::Identity;
use crate::session::Check;

/// GET: the visitor is sent back to where the switch was.
pub(super) async fn choose(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Heard).await?;
    let mut response = web::reply::see_other(visitor.return_to().as_deref().unwrap_or(SIGN_IN));
    if let Some(language) = Language::of_code(&visitor.query("to")) {
        response.headers_mut().append(header::SET_COOKIE, browser::likes(language, &visitor.origin));
    }
    Ok(response)
}
