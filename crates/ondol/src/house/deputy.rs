//! Reads that a replica answers while the primary is silent, marked as such.

use std::pin::Pin;

use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use records::Records;
use store::deputy;

/// What marks an answer of which a part came from a replica.
const MARK: HeaderName = HeaderName::from_static("ondol-read");

/// Lets a request that only reads be answered by a replica, where the file says so. The work is pinned by whoever has it
/// done: it is large, and is not moved about.
pub(super) async fn reading(
    records: &Records,
    method: &Method,
    work: Pin<&mut impl Future<Output = Response>>,
) -> Response {
    if !records.store().has_deputies() || !matches!(*method, Method::GET | Method::HEAD) {
        return work.await;
    }
    let (mut response, answered) = deputy::reading(work).await;
    let mark = answered.and_then(|at| HeaderValue::try_from(format!("replica; position={}", at.0)).ok());
    if let Some(mark) = mark {
        response.headers_mut().insert(MARK, mark);
    }
    response
}
