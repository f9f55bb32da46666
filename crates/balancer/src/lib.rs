//! The balancer: one address in front of several web servers.
//!
//! Map, in reading order: `config` (every limit, with its default), `core` (what decides: routes, health, pace, pick, retry, queue,
//! roster), `condition` (what of a file is sent), `coding` (and how), `plan` (what the settings come to), `gate` (what may not be passed on),
//! `headers` (whose are whose), `words` (how a head is written), `letter` (a request as it goes over a line), `framing` (how an answer is read), `sticky` (the cookie), `stream` (what a line goes over), `line` (one connection to a web server), `backend` (one web server and
//! its connections), `desk` (places at backends, and the wait for one), `parcel` (a request that may be sent again), `spool`
//! (a large upload on disk), `answer` (a body on its way back), `ahead` (the same for a slow client), `tunnel` (websockets),
//! `reading` and `files` (files of roots), `redirect`, `reproxy` (what an answer orders to be sent in its stead), `squeeze`
//! (compression), `proxy` (to a backend and back), `obey` (does what an answer orders), `relay` (a request's whole way),
//! `probe` (asks backends how they are), `service` (all of it, for the house), `recent` (how long answers took of late), `status` (how it is, for those
//! who run it), `certificates` (what a service shows that it is itself), `error`.
//!
//! To add a limit: a field of `Config` with its default, its use where it bites, and its line in `docs/balancer.md`. To add a
//! rule about a header: a line in `headers` and one in its tests.
//!
//! Invariant: what is passed on is one request, whoever reads it; what was sent once is sent again only if twice is as good
//! as once.

mod ahead;
mod answer;
mod backend;
pub mod certificates;
mod coding;
mod condition;
mod config;
mod core;
mod desk;
mod error;
mod files;
mod framing;
mod gate;
mod headers;
mod letter;
mod line;
mod obey;
mod parcel;
mod plan;
mod probe;
mod proxy;
mod reading;
mod recent;
mod redirect;
mod relay;
mod reproxy;
mod service;
mod spool;
mod squeeze;
mod status;
mod sticky;
mod stream;
mod tunnel;
mod words;

pub use config::{Config, Goal, Place, Route, Uploads};
pub use error::Error;
pub use service::{Means, Service};
