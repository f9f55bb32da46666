//! The room's doors: what it needs, its routes, and the task that it runs.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, post, put};
use records::{Authenticate, Records};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use web::limiter::Limiter;
use web::metrics::{Operators, Page, Source, Telling};

use crate::config::Config;
use crate::health::Heart;
use crate::realtime::Hub;
use crate::{batch, collections, files, health, realtime, record, report};

/// What the room stands on.
#[derive(Clone)]
pub struct Means {
    /// The records.
    pub records: Records,
    /// Who a token belongs to.
    pub authenticate: Arc<dyn Authenticate>,
    /// How often an address may do what.
    pub limiter: Arc<Limiter>,
    /// Who learns at `/api/health` what is not for everybody.
    pub operators: Operators,
}

/// The room. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) records: Records,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) operators: Operators,
    pub(crate) heart: Heart,
    pub(crate) hub: Hub,
    pub(crate) thumbs: Semaphore,
}

impl Service {
    /// Puts the room together. Realtime events flow once [`run`](Service::run) runs.
    pub fn new(config: Config, means: Means) -> Service {
        let Means { records, authenticate, limiter, operators } = means;
        let hub = Hub::new(config.clone(), records.clone(), authenticate.clone());
        let heart = Heart::new(config.health_time_max.0);
        let thumbs = Semaphore::new(config.thumbs_at_once_max.clamp(1, Semaphore::MAX_PERMITS));
        let inner = Inner { config, records, authenticate, limiter, operators, heart, hub, thumbs };
        Service { inner: Arc::new(inner) }
    }

    /// All endpoints of the room.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/api/health", get(health::check))
            .route("/api/collections", get(collections::list).post(collections::create))
            .route("/api/collections/import", put(collections::import))
            .route("/api/collections/meta/scaffolds", get(collections::scaffolds))
            .route(
                "/api/collections/{collection}",
                get(collections::view).patch(collections::update).delete(collections::delete),
            )
            .route("/api/collections/{collection}/truncate", delete(collections::truncate))
            .route("/api/collections/{collection}/records", get(record::list).post(record::create))
            .route(record::ONE, get(record::view).patch(record::update).delete(record::delete))
            .route("/api/batch", post(batch::run))
            .route("/api/files/{collection}/{id}/{name}", get(files::download))
            .route("/api/realtime", get(realtime::connect).post(realtime::subscribe))
            .with_state(self.clone())
    }

    /// Tells the client of an event stream something under a topic that is no collection's, if it waits for it. It is told
    /// once, and waits no longer then; false when it does not wait here.
    pub fn tell_client(&self, client: &str, topic: &str, what: &serde_json::Value) -> bool {
        self.inner.hub.tell(client, topic, what)
    }

    /// Says that sessions have ended: the tokens of all listeners are looked at again, soon.
    pub fn look_again(&self) {
        self.inner.hub.look_again();
    }

    /// Carries events from the change log to the listeners until `stop` is cancelled; then ends their connections.
    pub async fn run(&self, stop: CancellationToken) {
        self.inner.hub.run(stop).await;
    }
}

impl Source for Service {
    fn tell<'a>(&'a self, page: &'a mut Page) -> Telling<'a> {
        Box::pin(report::tell(&self.inner, page))
    }
}

impl FromRef<Service> for Arc<Inner> {
    fn from_ref(service: &Service) -> Arc<Inner> {
        service.inner.clone()
    }
}
