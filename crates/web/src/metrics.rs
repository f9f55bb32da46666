//! `/metrics`: what the program counts, for those who run it; `/metrics/status`: how a balancer is.
//!
//! Rooms hand in a [`Source`] when the house is wired, and are asked at each scrape. To whom the page isn't meant it isn't
//! there: the request goes on as if nobody had this path.
//!
//! Map, in reading order: `page` (the text format), `meter` (the numbers of HTTP), `operators` (who may read).

mod meter;
mod operators;
mod page;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use hyper::header::{self, HeaderValue};

use crate::reply;

pub(crate) use meter::{Going, Meter};
pub use operators::{Operators, SECRET_LENGTH_MIN};
pub use page::{Family, Kind, Page};

/// Where the page is.
const PATH: &str = "/metrics";
/// Version 0.0.4 of the text format, which every scraper reads.
const TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Where more is told than numbers say.
const STATUS_PATH: &str = "/metrics/status";

/// How the whole is, as JSON.
type Status = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// What a source says when it is asked.
pub type Telling<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Whoever has numbers to tell. A family is told by one source only, whole.
pub trait Source: Send + Sync {
    /// Writes down its numbers as they are now. A wait in it must have a limit: the page waits for all sources.
    fn tell<'a>(&'a self, page: &'a mut Page) -> Telling<'a>;
}

/// The page's sources and readers. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) operators: Operators,
    sources: Arc<[Box<dyn Source>]>,
    status: Option<Status>,
}

impl Metrics {
    /// A page for `operators`, written by `sources` in their order, after the numbers of HTTP.
    pub fn new(operators: Operators, sources: Vec<Box<dyn Source>>) -> Metrics {
        Metrics { operators, sources: sources.into(), status: None }
    }

    /// The same, which tells at `/metrics/status` how the whole is.
    #[must_use]
    pub fn with_status(self, status: impl Fn() -> serde_json::Value + Send + Sync + 'static) -> Metrics {
        Metrics { status: Some(Arc::new(status)), ..self }
    }

    /// The page at a path, if one is there.
    pub(crate) fn page(&self, path: &str) -> Option<&'static str> {
        match path {
            PATH => Some(PATH),
            STATUS_PATH if self.status.is_some() => Some(STATUS_PATH),
            _ => None,
        }
    }

    /// A page as an answer.
    pub(crate) async fn answer(&self, page: &'static str, meter: &Meter) -> Response {
        if let (STATUS_PATH, Some(status)) = (page, &self.status) {
            let mut response = reply::json_text(status().to_string());
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return response;
        }
        let mut page = Page::default();
        meter.tell(&mut page);
        for source in self.sources.iter() {
            source.tell(&mut page).await;
        }
        let mut response = reply::html(page.into_text());
        response.headers_mut().insert(header::CONTENT_TYPE, TYPE);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
