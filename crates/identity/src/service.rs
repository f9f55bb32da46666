//! The handle: proves tokens for the other rooms and issues new ones.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use records::core::collection::SUPERUSERS;
use records::{Authenticate, Error, Moment, Principal, Records};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use web::limiter::Limiter;

use crate::cache::Cache;
use crate::config::Config;
use crate::external::External;
use crate::issuer::{Registry, logout};
use crate::notice::Teller;
use crate::post::{self, Outgoing, Post};
use crate::session::{Check, Keyring};
use crate::token::{self, Claims, Key, Purpose};
use crate::{endpoint, page, sweep};

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
    keyring: Keyring,
    external: External,
    registry: Registry,
    /// Word that a session has ended, for clients that are to be told.
    ended: Notify,
    post: Option<Post>,
    listeners: OnceLock<Arc<dyn Listeners>>,
}

/// The room for whoever must not keep it alive.
pub(crate) struct Weak(std::sync::Weak<Inner>);

impl Weak {
    /// The room, as long as somebody has it.
    pub(crate) fn upgrade(&self) -> Option<Identity> {
        self.0.upgrade().map(|inner| Identity { inner })
    }
}

/// Those who have an open event stream; told of by whichever room keeps them.
pub trait Listeners: Send + Sync + 'static {
    /// Tells one of them something under a topic that it waits for, once: it waits no longer then. False when it does not wait.
    fn tell(&self, client: &str, topic: &str, what: &serde_json::Value) -> bool;

    /// Sessions have ended: whose token each of them has is to be asked again.
    fn look_again(&self);
}

impl Identity {
    /// The room on these records; the limiter is the one of the whole server.
    pub fn new(config: Config, records: Records, limiter: Arc<Limiter>) -> Identity {
        let cache = Cache::new(config.cached_tokens_max, config.cached_token_time_max.0);
        let external = External::new(config.fetch_limits());
        let listeners = OnceLock::new();
        Identity {
            inner: Arc::new(Inner {
                config,
                records,
                limiter,
                cache,
                keyring: Keyring::default(),
                external,
                registry: Registry::default(),
                ended: Notify::new(),
                post: None,
                listeners,
            }),
        }
    }

    /// The same, sending mails. To be asked before the handle is shared.
    #[must_use]
    pub fn with_mail(self, outgoing: Outgoing) -> Identity {
        let inner = Arc::into_inner(self.inner).expect("nobody else has the handle yet");
        let identity = Identity { inner: Arc::new(Inner { post: Some(Post::new(outgoing)), ..inner }) };
        let teller = Teller(Weak(Arc::downgrade(&identity.inner)));
        identity.records().set_witness(Arc::new(teller));
        identity
    }

    /// Says who tells listeners: whoever waits for a provider's answer waits on the event stream. Said once.
    pub fn set_listeners(&self, listeners: Arc<dyn Listeners>) {
        // a second word changes nothing
        drop(self.inner.listeners.set(listeners));
    }

    /// Its routes: the API's, and the pages.
    pub fn router(&self) -> Router {
        endpoint::router(self.clone()).merge(page::router(self.clone()))
    }

    /// Works until the stop: hears of ended sessions and tells clients of them, sends the mails that wait, clears away what has
    /// expired.
    pub async fn run(&self, stop: CancellationToken) {
        let (mails, logouts) = (post::run(self, &stop), logout::run(self, &stop));
        tokio::join!(self.follow(&stop), mails, logouts, sweep::run(self, &stop));
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
        let now = self.records().clock().now();
        let claims = Claims {
            id: account.row.id.clone(),
            collection_id: account.collection.id.clone(),
            purpose,
            email: values.text("email").to_owned(),
            new_email: new_email.to_owned(),
            iat: now.0.div_euclid(1000),
            exp: now.after(life).0.div_euclid(1000),
        };
        let key = self.key(account, purpose).ok_or_else(|| {
            let what = "the account has no token key, or its collection no secret";
            Error::refused(base::error::Kind::Internal, what)
        })?;
        Ok(token::sign(&claims, &key))
    }

    /// What this service alone knows, for one purpose: the same on every web server.
    pub(crate) fn house_key(&self, purpose: &[u8]) -> Result<[u8; 32], Error> {
        let superusers = self.records().catalog().find(SUPERUSERS).cloned();
        let secret = superusers.and_then(|found| found.auth.as_ref().map(|auth| auth.token_secret.clone()));
        let secret = secret.filter(|secret| !secret.is_empty());
        let secret = secret.ok_or_else(|| {
            Error::refused(base::error::Kind::Internal, "the collection of superusers has no secret")
        })?;
        Ok(token::derived(&secret, purpose))
    }

    /// The key of an account's mailed tokens, or of its codes.
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

    pub(crate) fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    pub(crate) fn external(&self) -> &External {
        &self.inner.external
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(crate) fn ended(&self) -> &Notify {
        &self.inner.ended
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
        Box::pin(async move {
            let proven = self.prove(token, Purpose::Auth, moment, Check::Heard).await?;
            Ok(proven.map(|proven| proven.principal))
        })
    }

    fn certain_principal<'a>(&'a self, token: &'a str, moment: Moment) -> records::Found<'a> {
        Box::pin(async move {
            let proven = self.prove(token, Purpose::Auth, moment, Check::Certain).await?;
            Ok(proven.map(|proven| proven.principal))
        })
    }

    fn file_principal<'a>(&'a self, token: &'a str) -> records::Found<'a> {
        Box::pin(async move {
            let proven = self.prove(token, Purpose::File, Moment::default(), Check::Heard).await?;
            Ok(proven.map(|proven| proven.principal))
        })
    }
}
