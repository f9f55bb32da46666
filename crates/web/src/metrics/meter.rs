//! What is counted of HTTP.
//!
//! Requests are counted by method, route and class. A route is a template as it stands in a room's list
//! (`/api/collections/{collection}/records`), never a path that somebody sent: the number of series is bounded by what
//! the program knows.
//!
//! Invariant: counting takes no lock that is held for longer than a look-up and its count, and waits for nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use hyper::{Method, StatusCode};

use super::page::{Family, Kind, Page};

/// The route of what no room has: the team's own pages, and paths that nobody knows.
const OTHER: &str = "other";
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// The last one is of clients that went away before there was an answer.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];
/// Upper bounds of the times' buckets, in microseconds: a read from memory at one end, `request_time_max` at the other.
const BOUNDS: [u64; 13] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    routes: RwLock<BTreeMap<Arc<str>, Arc<[Cell; METHODS.len()]>>>,
    in_flight: AtomicU64,
    connections: AtomicU64,
    connections_refused: AtomicU64,
    handshakes_failed: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// The counters of one method of one route.
#[derive(Debug, Default)]
struct Cell {
    classes: [AtomicU64; CLASSES.len()],
    /// One more than there are bounds: what is above the last.
    times: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

/// Something that goes on, counted until it is dropped.
pub(crate) struct Going(Arc<Meter>, fn(&Meter) -> &AtomicU64);

impl Drop for Going {
    fn drop(&mut self) {
        self.1(&self.0).fetch_sub(1, Relaxed);
    }
}

impl Going {
    /// Where it is counted.
    pub(crate) fn meter(&self) -> &Meter {
        &self.0
    }
}

impl Meter {
    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn request(self: &Arc<Meter>) -> Going {
        Meter::going(self, |meter| &meter.in_flight)
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn connection(self: &Arc<Meter>) -> Going {
        Meter::going(self, |meter| &meter.connections)
    }

    fn going(this: &Arc<Meter>, what: fn(&Meter) -> &AtomicU64) -> Going {
        what(this).fetch_add(1, Relaxed);
        Going(this.clone(), what)
    }

    /// Counts a connection for which there was no place.
    pub(crate) fn refuse_connection(&self) {
        self.connections_refused.fetch_add(1, Relaxed);
    }

    /// Counts a TLS handshake that came to nothing.
    pub(crate) fn fail_handshake(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// Counts bytes of a request's body, and of an answer's.
    pub(crate) fn bytes(&self, received: u64, sent: u64) {
        // most requests have no body: what would change nothing is not written to a place that all threads share
        if received > 0 {
            self.received.fetch_add(received, Relaxed);
        }
        if sent > 0 {
            self.sent.fetch_add(sent, Relaxed);
        }
    }

    /// Counts an answer, or that there was none, and the time until its head.
    pub(crate) fn answer(
        &self,
        method: &Method,
        route: Option<&str>,
        status: Option<StatusCode>,
        took: Duration,
    ) {
        let (route, method) = (route.unwrap_or(OTHER), place(&METHODS, method.as_str()));
        if let Some(cells) = self.routes.read().expect("nobody panics while holding it").get(route) {
            return cells[method].count(status, took);
        }
        let mut routes = self.routes.write().expect("nobody panics while holding it");
        routes.entry(route.into()).or_default()[method].count(status, took);
    }

    /// Writes all of it down.
    pub(crate) fn tell(&self, page: &mut Page) {
        let routes = self.routes.read().expect("nobody panics while holding it").clone();
        let help = "Requests answered, by method, route and class of status; gone: the client left first";
        each(page.family(Kind::Counter, "ondol_http_requests_total", help), &routes, Cell::tell_classes);
        let help = "Seconds from a request's head to its answer's head";
        let name = "ondol_http_request_duration_seconds";
        each(page.family(Kind::Histogram, name, help), &routes, Cell::tell_times);
        let now = |number: &AtomicU64| number.load(Relaxed);
        let help = "Requests whose answer has not ended, streams included";
        page.gauge("ondol_http_requests_in_flight", help, now(&self.in_flight));
        page.counter("ondol_http_request_bytes_total", "Bytes of requests' bodies", now(&self.received));
        page.counter("ondol_http_response_bytes_total", "Bytes of answers' bodies", now(&self.sent));
        page.gauge("ondol_http_connections", "Connections open", now(&self.connections));
        let help = "Connections refused because `connections_max` were open";
        page.counter("ondol_http_connections_refused_total", help, now(&self.connections_refused));
        let help = "TLS handshakes that came to nothing";
        page.counter("ondol_http_handshakes_failed_total", help, now(&self.handshakes_failed));
    }
}

impl Cell {
    fn count(&self, status: Option<StatusCode>, took: Duration) {
        let gone = CLASSES.len() - 1;
        let class = status.map_or(gone, |status| usize::from(status.as_u16() / 100 - 1).min(gone - 1));
        self.classes[class].fetch_add(1, Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.times[BOUNDS.partition_point(|bound| *bound < us)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    fn tell_classes(&self, family: &mut Family<'_>, method: &str, route: &str) {
        for (class, count) in CLASSES.iter().zip(&self.classes) {
            let count = count.load(Relaxed);
            if count > 0 {
                family.number(&[("method", method), ("route", route), ("class", class)], count);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum of microseconds is exact for 285 years")]
    fn tell_times(&self, family: &mut Family<'_>, method: &str, route: &str) {
        let mut count = 0;
        let mut buckets = [(0.0, 0); BOUNDS.len()];
        for ((bucket, bound), times) in buckets.iter_mut().zip(BOUNDS).zip(&self.times) {
            count += times.load(Relaxed);
            *bucket = (bound as f64 / 1e6, count);
        }
        count += self.times[BOUNDS.len()].load(Relaxed);
        if count > 0 {
            let sum = self.sum_us.load(Relaxed) as f64 / 1e6;
            family.histogram(&[("method", method), ("route", route)], &buckets, sum, count);
        }
    }
}

fn each(
    mut family: Family<'_>,
    routes: &BTreeMap<Arc<str>, Arc<[Cell; METHODS.len()]>>,
    tell: fn(&Cell, &mut Family<'_>, &str, &str),
) {
    for (route, cells) in routes {
        for (method, cell) in METHODS.iter().zip(cells.iter()) {
            tell(cell, &mut family, method, route);
        }
    }
}

/// The place of a word; the last one stands for all others.
fn place(words: &[&str], word: &str) -> usize {
    words.iter().position(|known| *known == word).unwrap_or(words.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(meter: &Meter) -> String {
        let mut page = Page::default();
        meter.tell(&mut page);
        page.into_text()
    }

    #[test]
    fn an_answer_is_counted_once_by_its_labels_and_in_its_bucket() {
        let meter = Meter::default();
        let fine = Some(StatusCode::NO_CONTENT);
        meter.answer(&Method::GET, Some("/a/{id}"), fine, Duration::from_micros(500));
        meter.answer(&Method::GET, Some("/a/{id}"), fine, Duration::from_micros(501));
        meter.answer(&Method::GET, Some("/a/{id}"), None, Duration::from_secs(31));
        let text = told(&meter);
        for line in [
            "ondol_http_requests_total{method=\"GET\",route=\"/a/{id}\",class=\"2xx\"} 2\n",
            "ondol_http_requests_total{method=\"GET\",route=\"/a/{id}\",class=\"gone\"} 1\n",
            "_bucket{method=\"GET\",route=\"/a/{id}\",le=\"0.0005\"} 1\n",
            "_bucket{method=\"GET\",route=\"/a/{id}\",le=\"0.001\"} 2\n",
            "_bucket{method=\"GET\",route=\"/a/{id}\",le=\"30\"} 2\n",
            "_bucket{method=\"GET\",route=\"/a/{id}\",le=\"+Inf\"} 3\n",
            "_sum{method=\"GET\",route=\"/a/{id}\"} 31.001001\n",
            "_count{method=\"GET\",route=\"/a/{id}\"} 3\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn methods_and_paths_that_nobody_knows_make_one_series() {
        let meter = Meter::default();
        for word in ["BREW", "PROPFIND", "X1"] {
            let method = Method::from_bytes(word.as_bytes()).unwrap();
            meter.answer(&method, None, Some(StatusCode::NOT_FOUND), Duration::ZERO);
        }
        let line = "ondol_http_requests_total{method=\"other\",route=\"other\",class=\"4xx\"} 3\n";
        assert!(told(&meter).contains(line), "{}", told(&meter));
    }

    #[test]
    fn what_goes_on_is_counted_until_it_ends() {
        let meter = Arc::new(Meter::default());
        let (request, _connection) = (meter.request(), meter.connection());
        assert!(told(&meter).contains("in_flight 1\n") && told(&meter).contains("connections 1\n"));
        drop(request);
        assert!(told(&meter).contains("in_flight 0\n"));
    }
}
