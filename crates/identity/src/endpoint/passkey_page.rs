//! `/auth/passkey?collection=NAME`: the page on which people without a page of the team's own add a passkey and sign in with it.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use serde_json::Value;
use web::Problem;

use super::ask::auth_collection;
use super::passkey;
use crate::browser;
use crate::passkey::page;
use crate::service::Identity;

pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let query = web::request::query(head.uri.query());
    let name = query.get("collection").and_then(Value::as_str).unwrap_or("users");
    let (collection, site) = (auth_collection(&identity, name)?, passkey::site(&identity)?);
    let text = page::show(browser::language(&head), site, &collection.name);
    Ok(browser::under(web::reply::html(text), &page::policy()))
}
