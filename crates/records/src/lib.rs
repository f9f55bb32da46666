//! What a record is: collections and their fields, validation, the filter and rule language, expand, and doing all of it
//! on a store.
//!
//! Map, in reading order: `core` (pure: collections, fields, values, the language, rendering), `audit` (what is noted of sign-in), `limits`, `error`,
//! `request` (who asks what), `password` (hashing in a bounded pool), `catalog` (the collections as they are now), and
//! `records` (the shell: list, view, create, update, delete, batch; collections).
//!
//! Invariant: nothing here knows HTTP, sockets or pages.

pub mod audit;
pub mod core;
mod error;
mod limits;
mod password;
mod records;
mod request;

pub use error::Error;
pub use limits::Limits;
pub use password::NO_PASSWORD;
pub use records::{Act, Draft, Fate, ListQuery, Moment, Page, Records, Repeat, Shape, Step, Upload, Written};
pub use request::{Authenticate, Context, Found, Principal, Request};
