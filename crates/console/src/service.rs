//! The console as a service: what it stands on, and its routes in reading order.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use identity::Identity;
use records::Records;
use web::limiter::Limiter;

use crate::balancers::Ask;
use crate::config::Config;
use crate::continuity::Watch;
use crate::page::mailed::Mailed;
use crate::{asset, guard, page};

/// What the console stands on.
#[derive(Clone)]
pub struct Means {
    /// Records and collections.
    pub records: Records,
    /// Proves and makes tokens.
    pub identity: Identity,
    /// How often one address may try; the one of the whole server.
    pub limiter: Arc<Limiter>,
    /// Who can ask the balancers in front, where the service file names some.
    pub balancers: Option<Arc<dyn Ask>>,
    /// Who knows how all hosts are, where there are several.
    pub watch: Option<Arc<dyn Watch>>,
}

/// The console.
#[derive(Clone)]
pub struct Service {
    shared: Shared,
}

/// What all pages share. Cheap to clone.
pub(crate) type Shared = Arc<Inner>;

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) records: Records,
    pub(crate) identity: Identity,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) balancers: Option<Arc<dyn Ask>>,
    pub(crate) watch: Option<Arc<dyn Watch>>,
}

impl Service {
    /// The console over these means.
    pub fn new(config: Config, means: Means) -> Service {
        let Means { records, identity, limiter, balancers, watch } = means;
        Service { shared: Arc::new(Inner { config, records, identity, limiter, balancers, watch }) }
    }

    /// The pages: below `/_/`, and those that mails lead to, below `/auth/`.
    pub fn router(&self) -> Router {
        let outside = Router::new()
            .route("/_", get(page::home::show))
            .route("/_/", get(page::home::show))
            .route("/_/assets/{name}", get(asset::show))
            .route("/_/look", post(page::look::submit))
            .route("/_/first-run", get(page::first_run::show).post(page::first_run::submit))
            .route("/_/sign-in", get(page::sign_in::show).post(page::sign_in::submit))
            .route("/_/sign-in/code", post(page::sign_in::second))
            .route("/_/sign-out", post(page::sign_in::leave));
        let collections = Router::new()
            .route("/_/pulse", get(page::pulse::show))
            .route("/_/balancers", get(page::balancers::show))
            .route("/_/balancers/now", get(page::balancers::now))
            .route("/_/continuity", get(page::continuity::show))
            .route("/_/continuity/now", get(page::continuity::now))
            .route("/_/collections", get(page::collections::show))
            .route("/_/new", get(page::make::show).post(page::make::submit))
            .route("/_/collections/{name}", get(page::grid::show))
            .route("/_/collections/{name}/new", get(page::record::new).post(page::record::create))
            .route("/_/collections/{name}/records/{id}", get(page::record::show).post(page::record::update))
            .route("/_/collections/{name}/delete", post(page::remove::submit))
            .route("/_/collections/{name}/export", get(page::export::show))
            .route("/_/collections/{name}/pick/{field}", get(page::record::pick))
            .route("/_/collections/{name}/fields", get(page::fields::show).post(page::fields::submit))
            .route("/_/collections/{name}/indexes", get(page::indexes::show).post(page::indexes::submit))
            .route("/_/collections/{name}/rules", get(page::rules::show).post(page::rules::submit))
            .route("/_/collections/{name}/api", get(page::api::show))
            .route("/_/collections/{name}/settings", get(page::settings::show).post(page::settings::submit))
            .route("/_/{*path}", get(page::home::missing));
        let mailed = Mailed::ALL.into_iter().fold(Router::new(), |router, page| {
            let show = get(move |shared, visitor| page.show(shared, visitor));
            router.route(
                page.path(),
                show.post(move |shared, visitor, form| page.submit(shared, visitor, form)),
            )
        });
        outside
            .merge(collections)
            .merge(mailed)
            .layer(from_fn(guard::surround))
            .with_state(self.shared.clone())
    }
}
