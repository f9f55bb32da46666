//! `GET auth-methods`: the ways to sign in that a collection offers.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use records::core::collection::AuthOptions;
use records::core::pick::Pick;
use serde_json::{Value, json};
use web::Problem;

use super::ask;
use crate::external::Beginning;
use crate::options;
use crate::service::Identity;

pub(super) async fn list(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    ask::count(&identity, &collection, &head, &["listAuthMethods"])?;
    let collection = ask::auth_collection(&identity, &collection)?;
    let options = collection.auth.as_ref().filter(|options| options.has_password);
    let fields = options.map(|options| options.identity_fields.clone()).unwrap_or_default();
    let has = |name: &str| fields.iter().any(|field| field == name);
    let auth = collection.auth.as_ref();
    let has_otp = identity.post().is_some() && auth.is_some_and(options::has_otp);
    let has_passkey = identity.config().relying_party.is_some() && auth.is_some_and(options::has_passkey);
    let has_mfa = auth.is_some_and(options::has_mfa);
    let seconds = |is_on: bool, time: fn(&AuthOptions) -> Duration| {
        auth.filter(|_| is_on).map_or(0, |auth| time(auth).as_secs())
    };
    let origin = ask::origin(&identity, &head);
    let offered = identity.providers(&collection);
    let beginnings = offered.iter().map(|provider| identity.begin(&collection, provider, &origin));
    let beginnings = futures_util::future::join_all(beginnings).await;
    let providers: Vec<Value> = beginnings.iter().flatten().map(shown).collect();
    let mut methods = json!({
        "password": { "identityFields": fields, "enabled": options.is_some() },
        "oauth2": { "providers": providers, "enabled": !providers.is_empty() },
        "mfa": { "enabled": has_mfa, "duration": seconds(has_mfa, options::mfa_time) },
        "otp": { "enabled": has_otp, "duration": seconds(has_otp, options::otp_time) },
        "passkey": { "enabled": has_passkey },
        "totp": { "enabled": true },
        "authProviders": providers,
        "usernamePassword": has("username"),
        "emailPassword": has("email"),
    });
    let query = web::request::query(head.uri.query());
    let wanted = query.get("fields").and_then(|fields| fields.as_str()).unwrap_or_default();
    if let Some(pick) = Pick::parse(wanted).map_err(Problem::invalid)? {
        pick.apply(&mut methods);
    }
    web::reply::json(&methods)
}

/// What the client library needs to send somebody to a provider; its older versions read the names in lower case.
fn shown(beginning: &Beginning) -> Value {
    let method = if beginning.challenge.is_empty() { "" } else { "S256" };
    json!({
        "name": beginning.name,
        "displayName": beginning.label,
        "state": beginning.state,
        "authURL": beginning.url,
        "authUrl": beginning.url,
        "codeVerifier": beginning.verifier,
        "codeChallenge": beginning.challenge,
        "codeChallengeMethod": method,
    })
}
