//! The first address, and addresses where nothing is.

use axum::response::Response;

use crate::refusal::Refusal;
use crate::session::Session;

/// `GET /_/`: the collections are the first page.
pub(crate) async fn show() -> Response {
    web::reply::see_other("/_/collections")
}

/// `GET` of anything else below `/_/`.
pub(crate) async fn missing(_session: Session) -> Refusal {
    Refusal::missing()
}
