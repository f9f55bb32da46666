//! The driver of MariaDB servers, 10.11 or newer: everything that knows `mysql_async` and MariaDB's numbers.
//!
//! Map, in reading order: `fault` (what the server says, as errors of the store, and what is left after each), `value`
//! (bound values, and what comes back), `answer` (rows, up to a limit), `line` (one connection: statements, and whether it
//! is fit to be used again), `session` (what each connection is told, and what a server must be), `pool` (all connections,
//! questions outside of transactions), `link` (a transaction).
//!
//! The pool is ours because the driver's own waits without bound, reads the rest of a forgotten answer behind our back
//! before it lends the connection again, and knows nothing of connections that differ, nor of a restart.
//!
//! Invariant: a connection with an unread answer, or within a transaction, is never lent again: it is closed.
//! Invariant: an answer that did not come is [`Error::Lost`](crate::Error::Lost), never a guess.

mod answer;
mod fault;
mod line;
mod link;
mod pool;
mod session;
mod value;

pub(crate) use link::Link;
pub(crate) use pool::Pool;

#[cfg(test)]
mod tests;
