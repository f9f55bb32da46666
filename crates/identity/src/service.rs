//! The handle: proves tokens for the other rooms and issues new ones.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use base::time::Timestamp;
use records::{Authenticate, Error, Moment, Principal, Records};
use tokio_util::sync::CancellationToken;
use web::limiter::Limiter;

use crate::cache::{Cache, Proven};
use crate::config::Config;
use crate::external::External;
use crate::post::{self, Outgoing, Post};
use crate::token::{self, Claims, Key, Purpose};
use crate::{endpoint, sweep};

/// The room of accounts. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    records: Records,
    limiter: Arc<Limiter>,
    cache: Cache,
    external: External,
    post: Option<Post>,
    listeners: OnceLock<Arc<dyn Listeners>>,
}

/// Those who have an open event stream; told of by whichever room keeps them.
pub trait Listeners: Send + Sync + 'static {
    /// Tells one of them something under a topic that it waits for, once: it waits no longer then. False when it does not wait.
    fn tell(&self, client: &str, topic: &str, what: &serde_json::Value) -> bool;
}

impl Identity {
    /// The room on these records; the limiter is the one of the whole server.
    pub fn new(config: Config, records: Records, limiter: Arc<Limiter>) -> Identity {
        let cache = Cache::new(config.cached_tokens_max, config.cached_token_time_max.0);
        let external = External::new(config.fetch_limits());
        let (listeners, post) = (OnceLock::new(), None);
        Identity { inner: Arc::new(Inner { config, records, limiter, cache, external, post, listeners }) }
    }

    /// The same, sending mails. To be asked before the handle is shared.
    #[must_use]
    pub fn with_mail(self, outgoing: Outgoing) -> Identity {
        let inner = Arc::into_inner(self.inner).expect("nobody else has the handle yet");
        Identity { inner: Arc::new(Inner { post: Some(Post::new(outgoing)), ..inner }) }
    }

    /// Says who tells listeners: whoever waits for a provider's answer waits on the event stream. Said once.
    pub fn set_listeners(&self, listeners: Arc<dyn Listeners>) {
        // a second word changes nothing
        drop(self.inner.listeners.set(listeners));
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        endpoint::router(self.clone())
    }

    /// Works until the stop: keeps proven tokens at hand, sends the mails that wait, clears away what has expired.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.follow(&stop), post::run(self, &stop), sweep::run(self, &stop));
    }

    /// Follows the change log until the stop, so that proven tokens can be kept at hand. Without it every token is proved
    /// against the database each time; so it is on a database server, where another web server may have voided a token
    /// before this one has heard of it; there the log is followed for what providers send back to other web servers.
    async fn follow(&self, stop: &CancellationToken) {
        let (store, cache) = (self.records().store(), &self.inner.cache);
        if store.is_shared() {
            return self.carry(stop).await;
        }
        while !stop.is_cancelled() {
            let after = store.position();
            let mut tail = store.tail(after);
            cache.follow(after);
            loop {
                let changes = tokio::select! {
                    () = stop.cancelled() => break,
                    changes = tail.next() => changes,
                };
                match changes {
                    Ok(changes) => cache.apply(&changes),
                    Err(error) => {
                        tracing::warn!(
                            error = base::error::chain(&error),
                            "following the change log begins anew"
                        );
                        break;
                    }
                }
            }
            cache.rest();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// A fresh sign-in token for an account.
    pub fn sign_in_token(&self, account: &Principal) -> Result<String, Error> {
        let seconds = account.collection.auth.as_ref().map_or(0, |auth| auth.token_seconds);
        self.issue(account, Purpose::Auth, Duration::from_secs(seconds), true)
    }

    /// A token that is never renewed, for acting as an account; of no duration: as long as a plain one.
    pub(crate) fn static_token(&self, account: &Principal, duration: Duration) -> Result<String, Error> {
        let usual = account.collection.auth.as_ref().map_or(0, |auth| auth.token_seconds);
        let duration = if duration.is_zero() { Duration::from_secs(usual) } else { duration };
        self.issue(account, Purpose::Auth, duration, false)
    }

    /// A token for downloading protected files.
    pub fn file_token(&self, account: &Principal) -> Result<String, Error> {
        let seconds = account.collection.auth.as_ref().map_or(0, |auth| auth.file_token_seconds);
        self.issue(account, Purpose::File, Duration::from_secs(seconds), false)
    }

    /// The account and claims of a token that is valid at that moment or later; `None` for any other.
    pub(crate) async fn prove(
        &self,
        token: &str,
        purpose: Purpose,
        moment: Moment,
    ) -> Result<Option<Proven>, Error> {
        let (records, cache) = (self.records(), &self.inner.cache);
        let now = records.clock().now();
        if let Some(proven) = cache.find(token, records.store().position(), now) {
            let is_current = records
                .catalog()
                .find(&proven.claims.collection_id)
                .is_some_and(|current| Arc::ptr_eq(current, &proven.principal.collection));
            if is_current && proven.claims.purpose == purpose {
                return Ok(Some(proven));
            }
        }
        self.prove_anew(token, purpose, moment, now).await
    }

    async fn prove_anew(
        &self,
        token: &str,
        purpose: Purpose,
        moment: Moment,
        now: Timestamp,
    ) -> Result<Option<Proven>, Error> {
        let (records, cache) = (self.records(), &self.inner.cache);
        let Some(unproven) = token::read(token).filter(|t| t.claimed_purpose() == purpose) else {
            return Ok(None);
        };
        let (collection, id) = unproven.claimed_account();
        let Some(collection) =
            records.catalog().find(collection).filter(|c| c.id == collection && c.is_auth()).cloned()
        else {
            return Ok(None);
        };
        let ticket = cache.ticket(collection.table().as_str(), id);
        let Some(row) = records.find_as_of(moment, &collection, id).await? else { return Ok(None) };
        let principal = Principal { collection, row };
        let Some(claims) = self.key(&principal, purpose).and_then(|key| unproven.prove(&key, now)) else {
            return Ok(None);
        };
        let proven = Proven { principal: Arc::new(principal), claims: Arc::new(claims) };
        cache.keep(ticket, token, proven.clone(), now);
        Ok(Some(proven))
    }

    /// A token that is mailed to an account's address, or to the one that it is to have.
    pub(crate) fn mailed_token(
        &self,
        account: &Principal,
        purpose: Purpose,
        life: Duration,
        new_email: &str,
    ) -> Result<String, Error> {
        let values = self.records().values(&account.collection, &account.row);
        let claims = Claims {
            email: values.text("email").to_owned(),
            new_email: new_email.to_owned(),
            ..self.claims(account, purpose, life, false)
        };
        self.sign(account, &claims)
    }

    fn issue(
        &self,
        account: &Principal,
        purpose: Purpose,
        life: Duration,
        refreshable: bool,
    ) -> Result<String, Error> {
        self.sign(account, &self.claims(account, purpose, life, refreshable))
    }

    fn claims(&self, account: &Principal, purpose: Purpose, life: Duration, refreshable: bool) -> Claims {
        let now = self.records().clock().now();
        Claims {
            id: account.row.id.clone(),
            collection_id: account.collection.id.clone(),
            purpose,
            email: String::new(),
            new_email: String::new(),
            refreshable,
            iat: now.0.div_euclid(1000),
            exp: now.after(life).0.div_euclid(1000),
        }
    }

    fn sign(&self, account: &Principal, claims: &Claims) -> Result<String, Error> {
        let key = self.key(account, claims.purpose).ok_or_else(|| {
            let what = "the account has no token key, or its collection no secret";
            Error::refused(base::error::Kind::Internal, what)
        })?;
        Ok(token::sign(claims, &key))
    }

    /// The key of an account's tokens, or of its codes.
    pub(crate) fn key(&self, account: &Principal, purpose: Purpose) -> Option<Key> {
        let auth = account.collection.auth.as_ref()?;
        let values = self.records().values(&account.collection, &account.row);
        Key::derive(purpose, values.0.get("tokenKey")?.as_str()?, &auth.token_secret)
    }

    /// The service's name, as its mails say it; `None` where none are sent.
    pub fn app_name(&self) -> Option<&str> {
        self.inner.post.as_ref().map(|post| post.outgoing.app_name.as_str())
    }

    /// Where mails go; `None` where none are sent.
    pub(crate) fn post(&self) -> Option<&Post> {
        self.inner.post.as_ref()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn records(&self) -> &Records {
        &self.inner.records
    }

    pub(crate) fn external(&self) -> &External {
        &self.inner.external
    }

    pub(crate) fn listeners(&self) -> Option<&dyn Listeners> {
        self.inner.listeners.get().map(|listeners| &**listeners)
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }
}

impl Authenticate for Identity {
    fn principal<'a>(&'a self, token: &'a str, moment: Moment) -> records::Found<'a> {
        Box::pin(
            async move { Ok(self.prove(token, Purpose::Auth, moment).await?.map(|proven| proven.principal)) },
        )
    }

    fn file_principal<'a>(&'a self, token: &'a str) -> records::Found<'a> {
        Box::pin(async move {
            Ok(self.prove(token, Purpose::File, Moment::default()).await?.map(|proven| proven.principal))
        })
    }
}
