//! How a sign-in is answered: the auth rule is asked, then the account is shown with its token.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use records::Principal;
use records::core::pick::Pick;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use web::Problem;

use super::ask::Ask;
use crate::service::Identity;

/// Shows the account to itself, with the token, if its collection lets it sign in.
pub(super) async fn signed_in(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    token: String,
) -> Result<Response, Problem> {
    signed_in_with(identity, ask, account, token, None).await
}

/// The same with what a provider said.
pub(super) async fn signed_in_with(
    identity: &Identity,
    mut ask: Ask,
    account: Arc<Principal>,
    token: String,
    meta: Option<Value>,
) -> Result<Response, Problem> {
    if !identity.records().may_sign_in(&ask.request, &account).await? {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The request doesn't satisfy the collection requirements to authenticate.",
        ));
    }
    // `fields` is about the whole answer here, not about the record
    let fields = std::mem::take(&mut ask.shape.fields);
    let pick = Pick::parse(&fields).map_err(Problem::invalid)?;
    ask.request.auth = Some(account.clone());
    let record =
        identity.records().render(&ask.request, &account.collection, &account.row, &ask.shape).await?;
    let record: Box<RawValue> = RawValue::from_string(record).map_err(|e| Problem::internal(&e))?;
    let Some(pick) = pick else {
        return web::reply::json(&Answer { record: &record, token: &token, meta });
    };
    let record: Value = serde_json::from_str(record.get()).map_err(|e| Problem::internal(&e))?;
    let mut answer = json!({ "record": record, "token": token });
    if let Some(meta) = meta {
        answer["meta"] = meta;
    }
    pick.apply(&mut answer);
    web::reply::json(&answer)
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    record: &'a RawValue,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}
