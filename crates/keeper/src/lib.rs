//! Who is primary: this host's keeper observes, decides, acts, and publishes what it knows.
//!
//! Map, in reading order: `core` (the decision, pure), `config`, `service` (the doors: run, handle), `keeper` (the rounds:
//! look, decide, act), `sight` (what was seen, as rules see it), `memory` (since when things are so), `act` (the database's
//! steps), `agree` (the store's), `lease` (kept beside, with its deadline), `sentry` (who kills at that deadline when this keeper
//! can't; `guard` is the program that does),
//! `herald` (what this host says of itself), `pulse` (the leader's signs of life, as they come), `ear` (what happens in the store),
//! `disk` (whether it takes writes), `judge` (where the store's leader is), `lineage` (which reign the data belong to), `report`, `error`.
//! To add a step: a variant of `core::step::Step`, its doing in `act` or `agree`, the rule that asks for it, and what it
//! does in the model (`tests/model/shell.rs`).
//!
//! Invariant: every change of who leads and of who has everything is one compared transaction.
//! Invariant: a database starts as a replica; only a won epoch with time left on its lease makes it primary.

mod act;
mod agree;
mod config;
pub mod core;
mod disk;
mod ear;
mod error;
pub mod guard;
mod herald;
mod judge;
mod keeper;
mod lease;
mod lineage;
mod memory;
mod pulse;
mod report;
mod sentry;
mod service;
mod sight;

pub use config::{Address, Config, GuardProgram, Limits, Mishap, Trip};
pub use error::Error;
pub use report::{Report, State};
pub use service::{Handle, Means, Service};
