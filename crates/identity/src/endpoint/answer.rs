//! How a sign-in is answered: the auth rule is asked, then for a second way, where one is needed, then the account is shown
//! with its token.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use records::Principal;
use records::core::pick::Pick;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use web::Problem;

use super::ask::Ask;
use crate::entrance::{Entrance, Ways};
use crate::mfa::{Passed, Way};
use crate::service::Identity;

/// An account has passed one way to sign in. It enters when that is enough, or when it was the second way; else it is told
/// under which id the second way is awaited (401).
pub(super) async fn enter(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    way: Way,
) -> Result<Response, Problem> {
    enter_with(identity, ask, account, way.into(), None).await
}

/// The same with what a provider said.
pub(super) async fn enter_with(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    passed: Passed,
    meta: Option<Value>,
) -> Result<Response, Problem> {
    match identity.enter(ask.passage(), &account, passed).await? {
        Entrance::In(token) => show(identity, ask, account, token, meta).await,
        Entrance::Half { half, is_authenticator } => {
            let mut body = json!({ "mfaId": half });
            if is_authenticator {
                body["totp"] = true.into();
            }
            let mut response = web::reply::json(&body)?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(response)
        }
    }
}

/// An account has passed all ways that are asked for.
pub(super) async fn admit(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    ways: Ways,
    meta: Option<Value>,
) -> Result<Response, Problem> {
    let token = identity.let_in(ask.passage(), &account, ways).await?;
    show(identity, ask, account, token, meta).await
}

/// Shows the account to itself, with the token, if its collection lets it sign in.
pub(super) async fn signed_in(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    token: String,
) -> Result<Response, Problem> {
    identity.may_enter(&ask.request, &account).await?;
    show(identity, ask, account, token, None).await
}

async fn show(
    identity: &Identity,
    mut ask: Ask,
    account: Arc<Principal>,
    token: String,
    meta: Option<Value>,
) -> Result<Response, Problem> {
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
