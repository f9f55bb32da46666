//! Records over HTTP, in the shape that PocketBase's client libraries speak.
//!
//! Map, in reading order: `config` (limits and their defaults), `service` (the room's doors), `caller` (who asks, as
//! rules know it), `draft` (what was sent, as a record), `once` (writes that are sent again), `record`, `collections`,
//! `batch`, `files` (downloads and thumbs), `realtime` (events as they happen), `health`, `report` (the room's numbers at
//! `/metrics`), and `transfer` (data files in and out, for the command).
//!
//! To add an endpoint: one function in the file of its feature, one line in the list of [`Service::router`], one row in
//! `docs/api.md`.
//!
//! Invariant: no rule is decided here; `records` decides, this room reads requests and writes replies.

mod batch;
mod caller;
mod collections;
mod config;
mod draft;
mod files;
mod health;
mod once;
mod realtime;
mod record;
mod report;
mod service;
pub mod transfer;

pub use config::Config;
pub use service::{Means, Service};
