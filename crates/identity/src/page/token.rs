//! `POST /auth/token`: for scripts of the team's own pages: the token of this browser's session, and whose it is, as the client
//! library keeps them (`pb.authStore.save(token, record)`).
//!
//! The cookie itself is kept from scripts, and no endpoint of the API takes it: so a page of another site can do nothing with it.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::response::Response;
use web::Problem;

use super::visitor::Visitor;
use crate::endpoint::refreshed;
use crate::service::Identity;
use crate::session::Check;

/// POST: what `auth-refresh` answers.
pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if !web::own_page::has_sent(&head.headers) {
        return Err(Problem::forbidden("Only pages of this service are told who has signed in."));
    }
    let visitor = Visitor::of(&identity, head, Check::Anew).await?;
    let (Some(proven), Some(token)) = (&visitor.session, visitor.token()) else {
        return Err(Problem::unauthenticated());
    };
    let mut head = visitor.head.clone();
    let token = HeaderValue::try_from(token).map_err(|error| Problem::internal(&error))?;
    head.headers.insert(AUTHORIZATION, token);
    let collection = proven.principal.collection.name.clone();
    let mut response = refreshed(&identity, &collection, Request::from_parts(head, body)).await?;
    visitor.keep(&identity, &mut response).await;
    Ok(response)
}
