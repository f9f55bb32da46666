//! Does what an answer orders: see `reproxy` for what it may.

use axum::body::Body;
use axum::response::Response;
use hyper::body::Body as _;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use web::Problem;

use crate::config::Config;
use crate::core::roster::Want;
use crate::error::Error;
use crate::gate::Way;
use crate::plan::Orders;
use crate::proxy::{Errand, Proxy};
use crate::relay::send_file;
use crate::reproxy::{self, Order, Source};

impl Proxy {
    /// Sends what an answer has ordered in its stead.
    pub(crate) async fn obey(
        &self,
        order: &Order,
        orders: &Orders,
        client: &Parts,
        said: Response,
        config: &Config,
    ) -> Result<Response, Problem> {
        for source in order.sources(orders) {
            let sent = match &source {
                Source::File(root, path) => send_file(client, root, Some(path.clone()), false).await?,
                Source::Pool { .. } => match self.fetch(&source, orders, client, config).await {
                    Ok(sent) => sent,
                    Err(problem) => {
                        tracing::warn!(problem.message, ?source, "what an answer orders could not be had");
                        continue;
                    }
                },
            };
            let (mut head, body) = sent.into_parts();
            let is_wanted = !matches!(head.status.as_u16(), 400..=411 | 413..=415 | 417..);
            let has_size =
                order.size().is_none_or(|size| body.size_hint().exact().is_none_or(|sent| sent == size))
                    || head.status != StatusCode::OK;
            if is_wanted && (has_size || client.method == Method::HEAD) {
                reproxy::dress(&mut head.headers, said.headers());
                return Ok(Response::from_parts(head, body));
            }
            tracing::warn!(status = head.status.as_u16(), ?source, "what an answer orders is not there");
        }
        Err(Error::Order(format!("{order:?} leads to nothing that the route allows")).into())
    }

    /// Asks a pool for what an answer has ordered.
    async fn fetch(
        &self,
        source: &Source<'_>,
        orders: &Orders,
        client: &Parts,
        config: &Config,
    ) -> Result<Response, Problem> {
        let Source::Pool { pool, address, host, path } = source else { return Err(Error::Held.into()) };
        let desk = &orders.pools[*pool].1;
        let only = address.as_ref().and_then(|address| desk.id(address));
        let Some(head) = reproxy::request(client, host, path) else {
            return Err(Error::Order("it makes no request".into()).into());
        };
        let told = self.client(&head, Way::Plain);
        let want = Want {
            preferred: only,
            tried: only.map(|only| desk.others(only)).unwrap_or_default(),
            ..Want::default()
        };
        let errand = Errand {
            desk: desk.clone(),
            want,
            only,
            is_sticky: false,
            takes_orders: false,
            tunnel: None,
            visit: None,
        };
        self.forward(head, Body::empty(), (errand, told), config).await
    }
}
