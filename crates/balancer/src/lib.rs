//! The balancer: one address in front of several web servers.
//!
//! Map, in reading order: `config` (every limit, with its default), `core` (what decides: health, pick, retry, queue, roster),
//! `gate` (what may not be passed on), `headers` (whose are whose), `words` (what we say in them), `sticky` (the cookie), `line` (one connection
//! to a web server), `backend` (one web server and its connections), `desk` (places at backends, and the wait for one), `parcel` (a request that may be sent again),
//! `answer` (a body on its way back), `tunnel` (websockets), `proxy` (a request's whole way), `probe` (asks backends how they
//! are), `service` (all of it, for the house), `error`.
//!
//! To add a limit: a field of `Config` with its default, its use where it bites, and its line in `docs/command.md`. To add a
//! rule about a header: a line in `headers` and one in its tests.
//!
//! Invariant: what is passed on is one request, whoever reads it; what was sent once is sent again only if twice is as good
//! as once.

mod answer;
mod backend;
mod config;
mod core;
mod desk;
mod error;
mod gate;
mod headers;
mod line;
mod parcel;
mod probe;
mod proxy;
mod service;
mod sticky;
mod tunnel;
mod words;

pub use config::{Config, Place};
pub use error::Error;
pub use service::{Means, Service};
