//! `/metrics`: what the program counts, for those who run it.
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
pub(crate) const PATH: &str = "/metrics";
/// Version 0.0.4 of the text format, which every scraper reads.
const TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

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
}

impl Metrics {
    /// A page for `operators`, written by `sources` in their order, after the numbers of HTTP.
    pub fn new(operators: Operators, sources: Vec<Box<dyn Source>>) -> Metrics {
        Metrics { operators, sources: sources.into() }
    }

    /// The page as an answer.
    pub(crate) async fn answer(&self, meter: &Meter) -> Response {
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
