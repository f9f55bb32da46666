//! The tokens themselves: an access token (RFC 9068), an ID token, and the newest refresh token of a family.

use base::chance;
use base::error::Kind as Fault;
use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::{Error, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256, Sha512};

use super::about;
use super::client::Client;
use super::family::{self, Family};
use super::jws::{self, Kind};
use super::scope::Scopes;
use super::word::Word;
use crate::jose::Algorithm;
use crate::own;
use crate::service::Identity;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) iss: String,
    /// The account's id.
    pub(crate) sub: String,
    /// For whom it is: us.
    pub(crate) aud: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    /// With which family it ends.
    pub(crate) family: String,
}

/// An access token that is good now.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) claims: Access,
    pub(crate) family: Family,
    pub(crate) account: Principal,
}

/// For which occasion tokens are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A code was brought back.
    Code,
    /// A refresh token was.
    Renewal,
}

impl Identity {
    /// The token endpoint's answer for a family that has just taken a turn.
    pub(crate) async fn mint(
        &self,
        client: &Client,
        family: &Family,
        account: &Principal,
        scopes: Scopes,
        occasion: Occasion,
    ) -> Result<Value, Error> {
        let now = self.records().clock().now();
        let life = self.config().access_token_time.0;
        let access = Access {
            iss: self.issuer()?.to_owned(),
            sub: account.row.id.clone(),
            aud: self.issuer()?.to_owned(),
            client_id: client.id.clone(),
            scope: scopes.to_string(),
            iat: second(now),
            exp: second(now.after(life)),
            jti: chance::word(base::id::LENGTH),
            family: family.id.clone(),
        };
        let key = self.keyring().signing(self, now, now.after(life)).await?;
        let access = jws::sign(Kind::Access, Algorithm::EdDsa, &key, &access).ok_or_else(no_key)?;
        let id = self.id_token(client, family, account, scopes, occasion, &access).await?;
        let mut answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": life.as_secs(),
            "scope": scopes.to_string(),
            "id_token": id,
        });
        if family.is_offline() {
            let word = Word { family: family.id.clone(), turn: family.turn };
            answer["refresh_token"] = word.write(&self.word_key()?).into();
        }
        Ok(answer)
    }

    async fn id_token(
        &self,
        client: &Client,
        family: &Family,
        account: &Principal,
        scopes: Scopes,
        occasion: Occasion,
        access: &str,
    ) -> Result<String, Error> {
        let (now, issuer) = (self.records().clock().now(), self.issuer()?);
        let exp = now.after(self.config().id_token_time.0);
        let values = self.records().values(&account.collection, &account.row);
        let mut claims: Map<String, Value> = about::claims(account, &values, scopes, &client.groups, issuer);
        claims.extend(own::object(json!({
            "iss": issuer,
            "aud": client.id,
            "iat": second(now),
            "exp": second(exp),
            "auth_time": second(family.signed_in),
            "amr": about::amr(family.methods.iter().map(String::as_str)),
            "sid": sid(&client.id, &family.session),
            "at_hash": half_hash(client.algorithm, access),
        })));
        if occasion == Occasion::Code && !family.nonce.is_empty() {
            claims.insert("nonce".into(), family.nonce.clone().into());
        }
        self.signed_for(client, Kind::Id, exp, &claims).await
    }

    /// A token for a client, by the algorithm that it knows.
    pub(crate) async fn signed_for(
        &self,
        client: &Client,
        kind: Kind,
        exp: Timestamp,
        claims: &Map<String, Value>,
    ) -> Result<String, Error> {
        let now = self.records().clock().now();
        let key = match client.algorithm {
            Algorithm::Es256 => self.keyring().signing_p256(self, now, exp).await?,
            _ => self.keyring().signing(self, now, exp).await?,
        };
        jws::sign(kind, client.algorithm, &key, claims).ok_or_else(no_key)
    }

    /// What an access token stands for, if it is good: asked of the database each time, so that it is void with its family
    /// at once, on every web server.
    pub(crate) async fn good(&self, token: &str) -> Result<Option<Good>, Error> {
        let now = self.records().clock().now();
        let Some(unproven) = jws::read(Kind::Access, token) else { return Ok(None) };
        let Some((key, _)) = self.keyring().find(self, unproven.kid(), now).await? else { return Ok(None) };
        let Some(claims) = unproven.prove::<Access>(&key) else { return Ok(None) };
        if claims.iss != self.issuer()? || !crate::token::is_alive(claims.exp, now) {
            return Ok(None);
        }
        let mut conn = self.records().store().reader().await?;
        let Some(family) = family::get(&mut conn, self, &claims.family).await? else { return Ok(None) };
        if family.turn == 0 || family.client != claims.client_id || now >= family.lasts {
            return Ok(None);
        }
        let account = family::account(&mut conn, self, &family).await?;
        Ok(account.map(|account| Good { claims, family, account }))
    }
}

/// What a session is called for one client: two clients can't find out by it that it is the same.
pub(crate) fn sid(client: &str, session: &str) -> String {
    own::id(&["client session", client, session])
}

pub(crate) fn second(at: Timestamp) -> i64 {
    at.0.div_euclid(1000)
}

/// The first half of a token's hash, by the hash of the algorithm (OpenID Connect Core, 3.1.3.6).
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    match algorithm {
        Algorithm::EdDsa => BASE64.encode(&Sha512::digest(token)[..32]),
        _ => BASE64.encode(&Sha256::digest(token)[..16]),
    }
}

pub(crate) fn no_key() -> Error {
    Error::refused(Fault::Internal, "there is no key to sign tokens with")
}
