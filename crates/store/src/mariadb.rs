//! The driver of mariadb servers.

mod link;
mod pool;

pub(crate) use link::Link;
pub(crate) use pool::Pool;
