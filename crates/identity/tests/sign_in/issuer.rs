//! Ondol as an OpenID Connect provider, as clients and browsers meet it.
//!
//! Map: `service` (what the tests stand on: houses that serve on a port, and their clients), then what they are about.

mod battery;
mod check;
mod clients;
mod consent;
mod logout;
mod nginx;
mod once;
mod service;
mod tokens;
