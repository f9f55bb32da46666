//! HTTP plumbing: what every room that speaks HTTP stands on.
//!
//! Map, in reading order: `config` (every limit, with its default), `problem` (errors become replies, once), `reply`
//! (well-formed answers), `request` (token, address and query of a request), `cookie`, `own_page` (requests that our own pages
//! send), `return_to` (where somebody is sent back to), `body` (bodies with a limit and a least
//! pace), `multipart` (parts, streamed), `form` (JSON, form or multipart as one thing), `limiter` (how often), `gate`
//! (ambiguous requests are refused), `folder` (the team's own
//! pages), `trace` (a request's id), `metrics` (what is counted, and who may read it), `visit` (a request from its head to the
//! last byte of its answer), `front` (what every request goes through), `rooms` (those who answer), `within` (rooms
//! behind a balancer's front), `crowd` (how many
//! connections an address has), `pacing` (how many come in a second), `wire` (a connection that can't be held open by silence), `rounds` (who looks after all of them), `tls` (certificates and the handshake),
//! `proxied` (what a proxy says before a connection's first byte), `redirect` (plain http beside https), `listener` (what is spoken on a socket), `streams` (those of HTTP/2), `door` (the front as a
//! connection has it), `connection` (one,
//! from its first byte to its last), `serve` (the accepting loops and the stop).
//!
//! To add a limit: give it a name and a default in `config`, use it where it bites, and add its row to `docs/api.md`.
//!
//! Invariant: nothing here knows of records, rules or accounts.

pub mod body;
mod config;
mod connection;
pub mod cookie;
pub mod crowd;
mod door;
mod folder;
pub mod form;
mod front;
mod gate;
pub mod limiter;
mod listener;
pub mod metrics;
pub mod multipart;
pub mod own_page;
mod pacing;
mod problem;
mod proxied;
mod redirect;
pub mod reply;
pub mod request;
pub mod return_to;
mod rooms;
mod rounds;
mod serve;
mod streams;
pub mod tls;
mod trace;
mod visit;
mod wire;
mod within;

pub use config::{AccessLog, Config};
pub use front::{Caller, Front, Pass, Passing};
pub use listener::Listener;
pub use problem::Problem;
pub use redirect::{Challenges, Redirect};
pub use rooms::Short;
pub use serve::{Stop, serve};
pub use trace::Trace;
pub use visit::{Course, Visit};
