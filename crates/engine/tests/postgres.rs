//! Hands on true PostgreSQL servers: one, and two of which one follows the other, whole and broken.
//!
//! Run as root they run as the user `postgres`, else as ourselves.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

#[path = "postgres/follow.rs"]
mod follow;
#[path = "postgres/guard.rs"]
mod guard;
#[path = "postgres/host.rs"]
mod host;
#[path = "postgres/life.rs"]
mod life;
#[path = "postgres/papers.rs"]
mod papers;
#[path = "postgres/rejoin.rs"]
mod rejoin;
