//! The driver of postgres servers.

mod link;
mod pool;

pub(crate) use link::Link;
pub(crate) use pool::Pool;
