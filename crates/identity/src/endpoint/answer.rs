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
use crate::authenticator;
use crate::mfa::{self, Passed, Step, Way};
use crate::service::Identity;
use crate::session::{Beginning, Via};

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

/// The ways that an account has passed, and the provider's session that it came through.
pub(super) struct Ways {
    pub(super) passed: Vec<Way>,
    pub(super) via: Option<Via>,
}

/// The same with what a provider said.
pub(super) async fn enter_with(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    passed: Passed,
    meta: Option<Value>,
) -> Result<Response, Problem> {
    let way = passed.way;
    may_enter(identity, &ask, &account).await?;
    let mut ways = Ways { passed: vec![way], via: passed.via.clone() };
    if !way.is_two() && mfa::is_asked(identity, &ask.request, &account).await? {
        match mfa::step(identity, &account, &passed, &ask.half).await? {
            Step::Enter(first) => {
                ways = Ways { passed: vec![first.way, way], via: first.via.or(ways.via) };
            }
            Step::Half(id) => {
                let mut body = json!({ "mfaId": id });
                if authenticator::is_enrolled(identity, &account).await? {
                    body["totp"] = true.into();
                }
                let mut response = web::reply::json(&body)?;
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                return Ok(response);
            }
            Step::Expired => return Err(Problem::invalid("Invalid or expired MFA session.")),
            Step::Authenticator => {
                return Err(Problem::invalid("A code of the account's authenticator is required."));
            }
            Step::SameWay => return Err(Problem::invalid("A different authentication method is required.")),
        }
    }
    admit(identity, ask, account, ways, meta).await
}

/// An account has passed all ways that are asked for.
pub(super) async fn admit(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    ways: Ways,
    meta: Option<Value>,
) -> Result<Response, Problem> {
    may_enter(identity, &ask, &account).await?;
    let Ways { passed, via } = ways;
    let beginning = Beginning { ways: passed, place: ask.place.clone(), actor: None, via };
    let token = identity.begin_session(&account, &beginning).await?;
    show(identity, ask, account, token, meta).await
}

/// Shows the account to itself, with the token, if its collection lets it sign in.
pub(super) async fn signed_in(
    identity: &Identity,
    ask: Ask,
    account: Arc<Principal>,
    token: String,
) -> Result<Response, Problem> {
    may_enter(identity, &ask, &account).await?;
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

/// Refuses whom the collection's auth rule keeps out.
pub(super) async fn may_enter(identity: &Identity, ask: &Ask, account: &Principal) -> Result<(), Problem> {
    match identity.records().may_sign_in(&ask.request, account).await? {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The request doesn't satisfy the collection requirements to authenticate.",
        )),
    }
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    record: &'a RawValue,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}
