//! Who asks, for an application that stands behind us or behind a proxy that asks us: a token that is good for a minute, for one
//! application, host and method, and proved by our public keys (`/.well-known/jwks.json`).
//!
//! It says all that the application has to know; so there is no need to believe a plain header.

use std::time::Duration;

use base::chance;
use records::Error;
use serde_json::{Map, Value, json};

use super::about;
use super::jws::{self, Kind};
use super::mint::{no_key, second};
use super::scope::{Scope, Scopes};
use crate::jose::Algorithm;
use crate::own;
use crate::service::Identity;
use crate::session::Proven;

/// How long it is good.
pub const ASSERTION_TIME: Duration = Duration::from_secs(60);

/// For whom an assertion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience<'a> {
    /// What the application is called.
    pub app: &'a str,
    /// The host that was asked for.
    pub host: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The field of an account that holds its groups; empty for none.
    pub groups: &'a str,
}

impl Identity {
    /// An assertion of who asks. It is made with what this web server knows, without a look at the database.
    pub fn assertion(&self, proven: &Proven, to: &Audience<'_>) -> Result<String, Error> {
        let (now, issuer) = (self.records().clock().now(), self.issuer()?);
        let (keys, exp) = (self.keyring().known(), now.after(ASSERTION_TIME).min(proven.ends));
        let key = keys.active(now).ok_or_else(no_key)?;
        let account = &proven.principal;
        let values = self.records().values(&account.collection, &account.row);
        let mut scopes = Scopes::parse("profile groups");
        // an address that nobody has proved says nothing of who it is
        if values.flag("verified") {
            scopes = scopes.or([Scope::Email].into_iter().collect());
        }
        let mut claims: Map<String, Value> = about::claims(account, &values, scopes, to.groups, issuer);
        claims.extend(own::object(json!({
            "iss": issuer,
            "aud": to.app,
            "host": to.host,
            "method": to.method,
            "collection": account.collection.name,
            "sid": own::id(&["session of an application", to.app, &proven.claims.sid]),
            "iat": second(now),
            "exp": second(exp.min(key.ends)),
            "jti": chance::word(base::id::LENGTH),
            "auth_time": second(proven.start.at),
            "amr": about::amr(proven.start.methods.iter().map(String::as_str)),
        })));
        jws::sign(Kind::Assertion, Algorithm::EdDsa, key, &claims).ok_or_else(no_key)
    }
}
