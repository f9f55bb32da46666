//! Hands on true MariaDB servers: one, and two of which one follows the other, whole and broken.
//!
//! Run as root they run as the user `mysql`, else as ourselves.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

#[path = "mariadb/follow.rs"]
mod follow;
#[path = "mariadb/host.rs"]
mod host;
#[path = "mariadb/life.rs"]
mod life;
#[path = "mariadb/papers.rs"]
mod papers;
#[path = "mariadb/rejoin.rs"]
mod rejoin;
