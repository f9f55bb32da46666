//! The driver of PostgreSQL servers, 15 or later.
//!
//! Map, in reading order: `value` (what is bound and what comes back), `fault` (what the server says, as errors of the
//! store), `fit` (what a server must be, in words for the person who set it up), `place` (where it is, how it is
//! connected to, how long things may take), `statements` (the prepared ones of a connection), `wire` (one connection and
//! what is asked through it), `link` (a connection taken for one transaction), `shared` (the connections that short
//! questions share), `ear` (the one that listens), `pool` (all of them).
//!
//! Invariant: no connection is used again after something was left open on it: it is rolled back first, or closed.

mod ear;
mod fault;
mod fit;
mod link;
mod place;
mod pool;
mod shared;
mod statements;
mod value;
mod wire;

pub(crate) use link::Link;
pub(crate) use pool::Pool;

#[cfg(test)]
mod tests;
