//! What a browser is asked for (WebAuthn level 3, 5.4 and 5.5), in the JSON form that `parseCreationOptionsFromJSON` and
//! `parseRequestOptionsFromJSON` take.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::{Error, Principal};
use serde_json::{Value, json};

use super::challenge::{Purpose, TIME_MAX_MS};
use super::{RelyingParty, drive, kept, key};
use crate::service::Identity;
use records::core::collection::Collection;

/// A new passkey for an account, on an authenticator that has none of it yet.
pub(crate) async fn register(
    identity: &Identity,
    site: &RelyingParty,
    account: &Principal,
) -> Result<Value, Error> {
    let (records, collection) = (identity.records(), &account.collection);
    let challenge = drive::challenge(identity, collection, Purpose::Register(&account.row.id));
    let values = records.values(collection, &account.row);
    let name = ["email", "username", "name", "id"].map(|field| values.text(field).to_owned());
    let name = name.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let shown = Some(values.text("name")).filter(|text| !text.is_empty()).unwrap_or(&name);
    let known = kept::of(records, account).await?;
    let excluded: Vec<Value> = known
        .iter()
        .map(|passkey| {
            let transports = passkey.0.get("transports").filter(|t| t.is_array()).cloned();
            json!({ "type": "public-key", "id": passkey.text("credentialId"), "transports": transports.unwrap_or(json!([])) })
        })
        .collect();
    Ok(json!({
        "rp": { "id": site.id, "name": site.name },
        "user": {
            "id": BASE64.encode(kept::user_handle(&collection.id, &account.row.id)),
            "name": name,
            "displayName": shown,
        },
        "challenge": challenge.unwrap_or_default(),
        "pubKeyCredParams": key::OFFERED.map(|alg| json!({ "type": "public-key", "alg": alg })),
        "timeout": TIME_MAX_MS,
        "excludeCredentials": excluded,
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
        },
        "attestation": "none",
    }))
}

/// Any passkey for this site; whose it is, it says itself.
pub(crate) fn sign_in(identity: &Identity, site: &RelyingParty, collection: &Collection) -> Value {
    json!({
        "challenge": drive::challenge(identity, collection, Purpose::SignIn).unwrap_or_default(),
        "timeout": TIME_MAX_MS,
        "rpId": site.id,
        "allowCredentials": [],
        "userVerification": "required",
    })
}
