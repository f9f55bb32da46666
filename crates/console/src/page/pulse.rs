//! Whether anything has been written: asked by the script that keeps a grid fresh.
//!
//! A question now and then costs less than a stream held open for every window, and a stop need not wait for it.

use axum::response::Response;

use crate::session::Session;

/// `GET /_/pulse`: the newest position of the change log, a number that grows with every write.
pub(crate) async fn show(session: Session) -> Response {
    web::reply::json_text(session.shared().records.store().position().0.to_string())
}
