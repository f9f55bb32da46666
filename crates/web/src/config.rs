//! The settings and limits of the HTTP server, each with its default.

use std::net::IpAddr;
use std::time::Duration;

use base::unit::{Bytes, Span};
use serde::Deserialize;

use crate::limiter::Allowance;

/// Which requests get a line in the log.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// None, but for faults of ours that have a cause to tell.
    Off,
    /// Answers of 500 and above, and slow ones: nobody can fill the log from outside.
    #[default]
    Errors,
    /// Every request.
    All,
}

/// Every limit that a connection or a request can meet before a room sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Connections at once; further ones get a 503 and are closed.
    pub connections_max: usize,
    /// New connections in a second; those that come faster wait in the system's queue.
    pub connections_per_second_max: u32,
    /// Bytes of a request's line and headers.
    pub head_bytes_max: Bytes,
    /// Headers of a request.
    pub headers_max: usize,
    /// Longest time from a request's first byte to the end of its headers.
    pub head_time_max: Span,
    /// Longest time from a connection's beginning to the end of its TLS handshake.
    pub handshake_time_max: Span,
    /// Longest silence on a connection between two requests.
    pub idle_time_max: Span,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// Age at which the client of an HTTP/2 connection is asked to make a new one; what is under way there ends.
    pub connection_age_max: Span,
    /// Bytes of any body; rooms have smaller limits of their own.
    pub body_bytes_max: Bytes,
    /// A body may dawdle that long; after it, it must have come at `body_pace_min` on average.
    pub body_grace: Span,
    /// Bytes per second that a body must at least bring on average, once `body_grace` is over.
    pub body_pace_min: Bytes,
    /// Longest time to an answer's head; a body that is still coming in time is not counted against it.
    pub request_time_max: Span,
    /// A request whose answer's head took longer is logged, with its path and time.
    pub slow_time: Span,
    /// Longest time for which a client may not take any byte of an answer.
    pub write_stall_max: Span,
    /// Time that a stop gives to requests in flight.
    pub drain_time_max: Span,
    /// Longest time until a new process that is to take over is ready; then it is killed, and the old one goes on.
    pub handover_time_max: Span,
    /// How long event streams and websockets go on in a process that another one has taken over from.
    pub linger_time_max: Span,
    /// Which requests get a line in the log.
    pub access_log: AccessLog,
    /// Addresses of proxies in front of us: of those, and only those, `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether those proxies begin each connection with a PROXY header (versions 1 and 2), which says who their client is. Others
    /// must not, and are served as they are.
    pub proxy_protocol: bool,
    /// Origins that browsers may call from; `*` for any. Credentials (cookies) are never allowed across origins.
    pub origins: Vec<String>,
    /// How often one address may do what, by label.
    pub rates: Vec<Allowance>,
    /// Addresses and labels that the rate limiter remembers at once; the oldest is forgotten first.
    pub rate_entries_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(Duration::from_secs(s));
        Config {
            connections_max: 10_000,
            connections_per_second_max: 10_000,
            head_bytes_max: Bytes(32 << 10),
            headers_max: 100,
            head_time_max: seconds(9),
            handshake_time_max: seconds(9),
            idle_time_max: seconds(75),
            streams_max: 100,
            connection_age_max: seconds(3600),
            body_bytes_max: Bytes(512 << 20),
            body_grace: seconds(9),
            body_pace_min: Bytes(1000),
            request_time_max: seconds(60),
            slow_time: seconds(3),
            write_stall_max: seconds(30),
            drain_time_max: seconds(10),
            handover_time_max: seconds(20),
            linger_time_max: seconds(600),
            access_log: AccessLog::default(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            origins: vec!["*".into()],
            rates: vec![Allowance { label: "*:auth".into(), requests: 10, per: seconds(10) }],
            rate_entries_max: 100_000,
        }
    }
}
