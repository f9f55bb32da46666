//! The balancer from outside: raw bytes in front of it, servers that we watch, or did not write, behind it.

#[path = "proxy/bench.rs"]
mod bench;
#[path = "proxy/strict.rs"]
mod strict;
#[path = "proxy/witness.rs"]
mod witness;

#[path = "proxy/any_bytes.rs"]
mod any_bytes;
#[path = "proxy/conduct.rs"]
mod conduct;
#[path = "proxy/fallen.rs"]
mod fallen;
#[path = "proxy/foreign.rs"]
mod foreign;
#[path = "proxy/hostile_answers.rs"]
mod hostile_answers;
#[path = "proxy/hostile_requests.rs"]
mod hostile_requests;
#[path = "proxy/issuer.rs"]
mod issuer;
#[path = "proxy/kin.rs"]
mod kin;
#[path = "proxy/routes.rs"]
mod routes;
#[path = "proxy/stead.rs"]
mod stead;
