//! Asking a provider of OpenID Connect, and holding every answer against what was agreed on.

use base::secret::Secret;
use base::time::Timestamp;
use hyper::header;
use serde_json::{Map, Value, json};

use super::claims::{self, Expected, Vouches};
use super::directory::{Directory, Patience};
use super::logout::{self, Ended};
use super::metadata::Metadata;
use super::{Nonce, Response, Settings, UserinfoUse};
use crate::callback::Given;
use crate::fetch::{Fetch, Request, json};
use crate::jose::{self, Doubt, Proven, Sort};
use crate::oauth2::{self, ClientAuth, Exchange, Token};
use crate::provider::{Documents, Provider};
use crate::refusal::Refusal;

/// How long a client secret that we sign is good, in seconds.
const SECRET_SECONDS: i64 = 300;

/// One sign-in at one provider.
pub(crate) struct Drive<'a> {
    pub(crate) fetch: &'a Fetch,
    pub(crate) directory: &'a Directory,
    pub(crate) provider: &'a Provider,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Timestamp,
}

impl Drive<'_> {
    /// Exchanges the code of a callback; the answers hold `id` and `claims`, and `userinfo` where that is asked.
    pub(crate) async fn run(&self, given: &Given<'_>) -> Result<(Documents, Token), Refusal> {
        let Drive { fetch, settings, .. } = *self;
        let metadata = self.directory.metadata(fetch, settings, self.now, Patience::Ask).await?;
        self.check_iss(&metadata, given)?;
        let front = self.front(&metadata, given).await?;
        let auth = self.client_auth(&metadata);
        let signed = if auth == ClientAuth::AppleJwt { Some(self.apple_secret()?) } else { None };
        let exchange = Exchange {
            auth,
            client_id: &self.provider.client_id,
            secret: signed.as_ref().or(self.provider.secret.as_ref()),
            code: &given.callback.code,
            redirect_uri: given.redirect_uri,
            verifier: Some(given.verifier),
        };
        let token = oauth2::token(&fetch.send(oauth2::ask(metadata.token.clone(), &exchange)).await?)?;
        let id_token =
            token.id_token.as_deref().ok_or(Refusal::Mismatch("the token endpoint gave no ID token"))?;
        let proven = self.prove(&metadata, Sort::Id, id_token).await?;
        // the hash of the token is compared, nothing is shown
        let about =
            claims::check(&proven, &self.expected(given, Vouches::AccessToken(token.access.reveal())))?;
        if front.is_some_and(|front| front != about) {
            return Err(Refusal::Mismatch("the two ID tokens are about two people"));
        }
        let mut documents = Documents::new();
        if let (UserinfoUse::Always, Some(url)) = (settings.userinfo_use, &metadata.userinfo) {
            let request = Request::get(url.clone());
            let request = request.header(header::AUTHORIZATION, &format!("Bearer {}", token.access.reveal()));
            documents.insert("userinfo".into(), self.userinfo(request, &about.subject).await?);
        }
        if let Some(name) = given.callback.user.as_deref().and_then(name_of) {
            documents.insert("user".into(), json!({ "name": name }));
        }
        documents.insert("claims".into(), Value::Object(joined(&proven, documents.get("userinfo"))));
        documents.insert("id".into(), Value::Object(proven.claims));
        oauth2::drive::about(fetch, self.provider, &token, &mut documents).await?;
        Ok((documents, token))
    }

    /// The callback comes from whom it should, as far as it says so (RFC 9207, 2.4).
    fn check_iss(&self, metadata: &Metadata, given: &Given<'_>) -> Result<(), Refusal> {
        match &given.callback.iss {
            Some(iss) if *iss == self.settings.issuer => Ok(()),
            // a plain code comes without all that the callback said; and of the hybrid flow the ID token names the issuer
            None if !metadata.names_itself || !given.callback.is_whole => Ok(()),
            None if self.settings.response == Response::Hybrid => Ok(()),
            _ => Err(Refusal::Mismatch("the callback comes from another provider")),
        }
    }

    /// Of the hybrid flow: whom the token that came through the browser is about. It vouches for the code before that is sent
    /// anywhere.
    async fn front(&self, metadata: &Metadata, given: &Given<'_>) -> Result<Option<claims::About>, Refusal> {
        match (self.settings.response, &given.callback.id_token) {
            (Response::Code, _) => Ok(None),
            (Response::Hybrid, None) => Err(Refusal::Mismatch("the callback came without an ID token")),
            (Response::Hybrid, Some(token)) => {
                let proven = self.prove(metadata, Sort::Id, token).await?;
                let about =
                    claims::check(&proven, &self.expected(given, Vouches::Code(&given.callback.code)))?;
                Ok(Some(about))
            }
        }
    }

    fn expected<'a>(&'a self, given: &Given<'a>, vouches: Vouches<'a>) -> Expected<'a> {
        let settings = self.settings;
        Expected {
            issuers: self.issuers(),
            client_id: &self.provider.client_id,
            nonce: (settings.nonce == Nonce::Required).then_some(given.nonce),
            now: self.now.0.div_euclid(1000),
            vouches,
        }
    }

    /// Who may have made its tokens.
    fn issuers(&self) -> Vec<&str> {
        let aliases = self.settings.issuer_aliases.iter().map(String::as_str);
        std::iter::once(self.settings.issuer.as_str()).chain(aliases).collect()
    }

    /// What a log-out token says, once it is believed.
    pub(crate) async fn logout(&self, token: &str) -> Result<Ended, Refusal> {
        let metadata = self.directory.metadata(self.fetch, self.settings, self.now, Patience::Ask).await?;
        let proven = self.prove(&metadata, Sort::Logout, token).await?;
        logout::check(&proven, &self.issuers(), &self.provider.client_id, self.now.0.div_euclid(1000))
    }

    async fn prove(&self, metadata: &Metadata, sort: Sort, token: &str) -> Result<Proven, Refusal> {
        let Drive { fetch, directory, settings, now, .. } = *self;
        let allowed = settings.algorithms();
        let keys = directory.keys(fetch, settings, metadata, now).await?;
        match jose::read(sort, token, &allowed)?.prove(&keys) {
            Ok(proven) => return Ok(proven),
            Err(Doubt::Refused(refusal)) => return Err(refusal),
            Err(Doubt::UnknownKey) => {}
        }
        let keys = directory.newer_keys(fetch, settings, metadata, now).await?;
        jose::read(sort, token, &allowed)?.prove(&keys).map_err(|doubt| match doubt {
            Doubt::Refused(refusal) => refusal,
            Doubt::UnknownKey => {
                Refusal::Mismatch("the ID token is signed by a key that the issuer does not show")
            }
        })
    }

    fn client_auth(&self, metadata: &Metadata) -> ClientAuth {
        match (self.settings.client_auth, &self.provider.secret) {
            (Some(auth), _) => auth,
            (None, None) => ClientAuth::None,
            (None, Some(_)) => metadata.client_auth.first().copied().unwrap_or(ClientAuth::Basic),
        }
    }

    /// The client secret as Apple wants it: signed, for a few minutes.
    fn apple_secret(&self) -> Result<Secret, Refusal> {
        const KEY: Refusal = Refusal::Mismatch("the secret is no key of Apple's: paste the whole .p8 file");
        let Settings { team_id, key_id, apple_audience, issuer, .. } = self.settings;
        let now = self.now.0.div_euclid(1000);
        let audience = if apple_audience.is_empty() { issuer } else { apple_audience };
        let claims = json!({
            "iss": team_id, "iat": now, "exp": now + SECRET_SECONDS, "aud": audience, "sub": self.provider.client_id,
        });
        let key = self.provider.secret.as_ref().ok_or(KEY)?;
        jose::sign::es256(key, key_id, &claims).map(Secret::new).ok_or(KEY)
    }

    async fn userinfo(&self, request: Request, subject: &str) -> Result<Value, Refusal> {
        let answer = self.fetch.send(request).await?;
        if answer.status != 200 {
            return Err(Refusal::Status { what: "the userinfo endpoint", status: answer.status.as_u16() });
        }
        let answer = answer.json()?;
        match answer.get("sub").and_then(Value::as_str) {
            Some(said) if said == subject => Ok(answer),
            _ => Err(Refusal::Mismatch("the userinfo endpoint answers about somebody else")),
        }
    }
}

/// Claims of both: an address comes with the word on it of the same source.
fn joined(proven: &Proven, userinfo: Option<&Value>) -> Map<String, Value> {
    let mut claims = proven.claims.clone();
    let Some(userinfo) = userinfo.and_then(Value::as_object) else { return claims };
    if userinfo.contains_key("email") {
        claims.remove("email_verified");
    }
    claims.extend(userinfo.iter().map(|(name, value)| (name.clone(), value.clone())));
    claims
}

/// The name in Apple's form field, for nothing but being shown.
fn name_of(user: &str) -> Option<String> {
    const LENGTH_MAX: usize = 200;
    let user = json::parse(user.as_bytes()).ok()?;
    let part = |name: &str| user.pointer(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let name = format!("{} {}", part("/name/firstName"), part("/name/lastName")).trim().to_owned();
    let is_fit =
        !name.is_empty() && name.chars().count() <= LENGTH_MAX && !name.chars().any(char::is_control);
    is_fit.then_some(name)
}
