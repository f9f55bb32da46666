//! `POST auth-with-oauth2`: what came back from a provider, for a token. Whoever has signed in already links.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base::error::{Fault, Fields};
use records::Context;
use serde_json::{Map, Value, json};
use web::Problem;

use super::answer::enter_with;
use super::ask::{Ask, count};
use crate::external::account::{Arrival, Outcome};
use crate::external::{Arrived, Return};
use crate::mfa::{Passed, Way};
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::service::Identity;

/// Longest verifier (RFC 7636, 4.1) and address, in bytes; a ticket is limited by the body.
const VERIFIER_BYTES_MAX: usize = 128;
const ADDRESS_BYTES_MAX: usize = 2000;

pub(super) async fn sign_in(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    count(&identity, &collection, &head, &["authWithOAuth2", "auth"])?;
    let mut ask = Ask::read(&identity, &collection, Request::from_parts(head, body)).await?;
    let providers = identity.providers(&ask.collection);
    if providers.is_empty() {
        let why = "The collection is not configured to allow OAuth2 authentication.";
        return Err(Problem::new(StatusCode::FORBIDDEN, why));
    }
    ask.request.context = Context::OAuth2;
    let body = std::mem::take(&mut ask.request.body);
    let (provider, back) = read(&body, providers)?;
    let arrived = match identity.arrive(&ask.collection, provider, &back).await? {
        Ok(arrived) => arrived,
        Err(refusal) => {
            identity.note_refusal(&ask.collection, back.provider, &refusal, &ask.place).await;
            return Err(refused(&ask.collection.name, back.provider, refusal));
        }
    };
    let wanted = match body.get("createData") {
        Some(Value::Object(wanted)) => wanted.clone(),
        _ => Map::new(),
    };
    ask.request.body = wanted.clone();
    let arrival =
        Arrival { collection: &ask.collection, request: &ask.request, arrived: &arrived, wanted: &wanted };
    match identity.admit(&arrival).await? {
        Outcome::Account { account, is_new } => {
            ask.request.body = body;
            let passed = Passed { way: Way::OAuth2, via: Some(arrived.via.clone()) };
            enter_with(&identity, ask, account, passed, Some(meta(&arrived, is_new))).await
        }
        Outcome::Refused(why) => {
            tracing::info!(provider = arrived.provider.name, why = why.code(), "a sign-in was not let in");
            identity.note_kept_out(&ask.collection, &arrived.provider.name, why, &ask.place).await;
            let fields = Fields::one("provider", why.code(), why.sentence());
            Err(Problem::new(StatusCode::CONFLICT, why.sentence()).with(fields))
        }
    }
}

/// What was sent, and the provider that it names.
fn read<'a>(
    body: &'a Map<String, Value>,
    mut providers: Vec<Provider>,
) -> Result<(Provider, Return<'a>), Problem> {
    let mut faults = Fields::default();
    let mut text = |name: &str, most: usize| {
        let text = body.get(name).and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            faults.add(name, "validation_required", "Cannot be blank.");
        } else if text.len() > most {
            faults.add(
                name,
                "validation_length_out_of_range",
                &format!("The length must be no more than {most}."),
            );
        }
        text
    };
    let back = Return {
        provider: text("provider", ADDRESS_BYTES_MAX),
        code: text("code", usize::MAX),
        verifier: text("codeVerifier", VERIFIER_BYTES_MAX),
        redirect_uri: match body.get("redirectURL") {
            None => text("redirectUrl", ADDRESS_BYTES_MAX),
            Some(_) => text("redirectURL", ADDRESS_BYTES_MAX),
        },
    };
    let place = providers.iter().position(|provider| provider.name == back.provider);
    if place.is_none() && !back.provider.is_empty() {
        let message = "This collection does not offer the provider, or its settings are wrong.";
        faults.add("provider", "validation_invalid_provider", message);
    }
    match place {
        Some(place) if faults.is_empty() => Ok((providers.swap_remove(place), back)),
        _ => Err(Problem::invalid("An error occurred while validating the submitted data.").with(faults)),
    }
}

/// A refusal: the log learns why, the person what to do.
fn refused(collection: &str, provider: &str, refusal: Refusal) -> Problem {
    let cause = base::error::chain(&refusal);
    tracing::warn!(collection, provider, cause, "a sign-in through a provider was refused");
    let status = StatusCode::from_u16(refusal.kind().status()).unwrap_or(StatusCode::BAD_REQUEST);
    let public = refusal.public();
    Problem::new(status, format!("Failed to authenticate: {public}."))
}

/// What the client library shows of a profile.
fn meta(arrived: &Arrived, is_new: bool) -> Value {
    let profile = &arrived.profile;
    json!({
        "id": profile.subject,
        "name": profile.name,
        "username": profile.login,
        "email": profile.address.as_ref().map(|address| address.text.as_str()).unwrap_or_default(),
        "avatarURL": profile.picture,
        "avatarUrl": profile.picture,
        // the client may ask the provider further questions with them
        "accessToken": arrived.access.reveal(),
        "refreshToken": arrived.refresh.as_ref().map(base::secret::Secret::reveal).unwrap_or_default(),
        "expiry": arrived.expires.map(|at| at.to_string()).unwrap_or_default(),
        "rawUser": profile.raw,
        "isNew": is_new,
    })
}
