//! The lookout: pages at `/_/` for those who run the service, and those at `/auth/` that mails to its people lead to.
//!
//! Pages are made on the server and work without scripts; a few small modules add keys and comfort. One page is one
//! file: its handler, what it reads from its form, and its template.
//!
//! Map, in reading order: `config`, `balancers` (how those in front are, as facts), `continuity` (how several hosts are, as
//! facts), `service` (the routes), `words` (every text in both languages), `look` (language and
//! theme), `guard` (what all requests go through), `session` (who is signed in), `form` (what a page sent), `refusal`
//! (what goes wrong), `asset`, `icon`, `frame` (what pages stand in), `control` (the right control for each field kind),
//! `cell` (a value in the grid), `page` (the pages).
//!
//! To add a page: a file under `page/` with `show` (and `submit`), its route in `service`, its texts in
//! `words/catalogue.rs`, its address in `docs/console.md`, a test that renders it in both languages.
//!
//! Invariant: no rules of its own: what is allowed and what is valid, `records` and `identity` decide.

mod address;
mod asset;
pub mod balancers;
mod cell;
mod config;
pub mod continuity;
mod control;
mod cookie;
mod fault;
mod form;
mod frame;
mod guard;
mod icon;
mod look;
mod page;
mod refusal;
#[cfg(test)]
mod sample;
mod search;
mod service;
mod session;
mod words;

pub use config::Config;
pub use service::{Means, Service};
