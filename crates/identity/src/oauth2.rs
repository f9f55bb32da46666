//! OAuth 2.0 with its dialects as data: the address that a browser is sent to, and the answer of the token endpoint.
//!
//! Map: this file is pure; `drive` asks the provider.
//!
//! Invariant: a token request carries the code's verifier whenever the address carried its challenge (PKCE, RFC 7636), and
//! goes to no other place than the settings name.

pub(crate) mod drive;

use std::collections::BTreeMap;

use base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::callback::Callback;
use crate::fetch::{Answer, Request};
use crate::provider::Provider;
use crate::refusal::Refusal;

/// The settings of a provider of OAuth 2.0.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where people agree.
    pub authorize: String,
    /// Where a code becomes a token.
    pub token: String,
    /// How we say who we are there.
    pub client_auth: ClientAuth,
    /// Whether a code is bound to whoever began.
    pub pkce: Pkce,
    /// What we want to know.
    pub scopes: Vec<String>,
    /// What stands between scopes.
    pub scope_sep: String,
    /// How the callback comes: `query`, or `form_post`.
    pub response_mode: String,
    /// `absent`, or `required:ISSUER`: whether the callback names who it comes from (RFC 9207).
    pub iss_param: String,
    /// Further parameters of the address.
    pub extra: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            authorize: String::new(),
            token: String::new(),
            client_auth: ClientAuth::Basic,
            pkce: Pkce::S256,
            scopes: Vec::new(),
            scope_sep: " ".into(),
            response_mode: String::new(),
            iss_param: "absent".into(),
            extra: BTreeMap::new(),
        }
    }
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By `Authorization: Basic`.
    Basic,
    /// By its secret in the form.
    Post,
    /// By nothing but its name.
    None,
    /// By a token that it signs, as Apple wants it.
    AppleJwt,
}

/// Whether a code is bound to whoever began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Pkce {
    /// By a hash of the verifier.
    S256,
    /// Not at all: for a provider that takes no parameters that it doesn't know.
    #[serde(rename = "off")]
    Off,
}

impl Settings {
    /// The addresses in it; what else is wrong goes to `faults`.
    pub(crate) fn check<'a>(
        &'a self,
        provider: &Provider,
        faults: &mut Vec<String>,
    ) -> Vec<(&'static str, &'a str)> {
        check_client(self.client_auth, provider, faults);
        check_response_mode(&self.response_mode, faults);
        if self.iss_param != "absent" && !self.iss_param.starts_with("required:") {
            faults.push("`iss_param` may be \"absent\" or \"required:ISSUER\"".into());
        }
        vec![("authorize", &self.authorize), ("token", &self.token)]
    }
}

pub(crate) fn check_client(auth: ClientAuth, provider: &Provider, faults: &mut Vec<String>) {
    if auth != ClientAuth::None && provider.secret.is_none() {
        faults.push("`secret` is missing: the provider gives it out beside the client's id".into());
    }
}

pub(crate) fn check_response_mode(mode: &str, faults: &mut Vec<String>) {
    if !["", "query", "form_post"].contains(&mode) {
        faults.push("`response_mode` may be \"query\" or \"form_post\"".into());
    }
}

/// What an address is made of.
pub(crate) struct Leaving<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a str,
    pub(crate) state: &'a str,
    pub(crate) challenge: Option<&'a str>,
    /// What else there is, in its order; empty ones are left out.
    pub(crate) more: Vec<(&'a str, &'a str)>,
}

/// The address to which a browser is sent; it ends with `redirect_uri=`, to which the client adds its own.
pub(crate) fn leave(authorize: &str, leaving: &Leaving<'_>) -> Result<String, Refusal> {
    let mut url = Url::parse(authorize).map_err(|_| Refusal::Mismatch("the provider's address is none"))?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", leaving.client_id);
        for (name, value) in leaving.more.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        if let Some(challenge) = leaving.challenge {
            query.append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
        }
        if !leaving.scopes.is_empty() {
            query.append_pair("scope", leaving.scopes);
        }
        query.append_pair("state", leaving.state).append_pair("redirect_uri", "");
    }
    Ok(url.into())
}

/// Whether a callback may come from this provider, by the issuer that it names (RFC 9207).
pub(crate) fn check_iss(settings: &Settings, callback: &Callback) -> Result<(), Refusal> {
    const OTHER: Refusal = Refusal::Mismatch("the callback comes from another provider");
    match (settings.iss_param.strip_prefix("required:"), callback.iss.as_deref()) {
        (Some(wanted), Some(iss)) if wanted == iss => Ok(()),
        (Some(_), None) if !callback.is_whole => Ok(()),
        (Some(_), _) => Err(OTHER),
        (None, None) => Ok(()),
        // one that nobody knows of must at least be at home where people were sent
        (None, Some(iss)) => {
            let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
            let homes = [origin(&settings.authorize), origin(&settings.token)];
            let is_home = origin(iss).is_some_and(|iss| homes.contains(&Some(iss)));
            if is_home { Ok(()) } else { Err(OTHER) }
        }
    }
}

/// What the token endpoint is asked.
pub(crate) struct Exchange<'a> {
    pub(crate) auth: ClientAuth,
    pub(crate) client_id: &'a str,
    pub(crate) secret: Option<&'a Secret>,
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
}

/// The request for a token.
pub(crate) fn ask(endpoint: Url, exchange: &Exchange<'_>) -> Request {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", exchange.code),
        ("redirect_uri", exchange.redirect_uri),
        ("client_id", exchange.client_id),
    ];
    form.extend(exchange.verifier.map(|verifier| ("code_verifier", verifier)));
    // the provider is to see it, nobody else
    let secret = exchange.secret.map(Secret::reveal).unwrap_or_default();
    let request = Request::post(endpoint);
    match exchange.auth {
        ClientAuth::Basic => {
            let coded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let login = STANDARD.encode(format!("{}:{}", coded(exchange.client_id), coded(secret)));
            request.form(form).header(header::AUTHORIZATION, &format!("Basic {login}"))
        }
        ClientAuth::Post | ClientAuth::AppleJwt => {
            form.push(("client_secret", secret));
            request.form(form)
        }
        ClientAuth::None => request.form(form),
    }
}

/// What the token endpoint gave.
pub(crate) struct Token {
    pub(crate) access: Secret,
    pub(crate) id_token: Option<String>,
    pub(crate) refresh: Option<Secret>,
    pub(crate) seconds: Option<u64>,
    /// The whole answer, for places in it.
    pub(crate) document: Map<String, Value>,
}

/// Reads the answer of the token endpoint.
pub(crate) fn token(answer: &Answer) -> Result<Token, Refusal> {
    const WHAT: &str = "the token endpoint";
    let status = answer.status.as_u16();
    let body = match answer.json() {
        Ok(Value::Object(body)) => body,
        _ if status != 200 => return Err(Refusal::Status { what: WHAT, status }),
        Ok(_) => return Err(Refusal::Mismatch("the token endpoint's answer is no object")),
        Err(error) => return Err(error.into()),
    };
    if let Some(error) = body.get("error") {
        return Err(Refusal::Refused(code(error)));
    }
    if status != 200 {
        return Err(Refusal::Status { what: WHAT, status });
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("access_token").ok_or(Refusal::Mismatch("the token endpoint gave no access token"))?;
    let is_bearer = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if body.get("token_type").is_some_and(|kind| !is_bearer(kind)) {
        return Err(Refusal::Mismatch("the token endpoint gave a token of another kind than bearer"));
    }
    // some write the number as a text; what makes no sense is as good as nothing
    let seconds = body.get("expires_in").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    Ok(Token {
        access: Secret::new(access),
        id_token: text("id_token").map(str::to_owned),
        refresh: text("refresh_token").map(Secret::new),
        seconds,
        document: body,
    })
}

/// An error's code as the protocol foresees it; anything else is not repeated.
pub(crate) fn code(error: &Value) -> String {
    const LENGTH_MAX: usize = 40;
    let code = error.as_str().or_else(|| error.get("type")?.as_str()).unwrap_or_default();
    let is_code = (1..=LENGTH_MAX).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_code { code.to_owned() } else { "an error of its own".to_owned() }
}
