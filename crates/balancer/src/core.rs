//! What decides: where a request goes, whether it is tried again, who waits, which backend is well.
//!
//! Time comes in as the span since the balancer began.

pub(crate) mod health;
pub(crate) mod pace;
pub(crate) mod pick;
pub(crate) mod queue;
pub(crate) mod retry;
pub(crate) mod roster;
pub(crate) mod routes;
