//! Whom this process believes at the other end of a line, and what it is known by itself.
//!
//! Map, in reading order: `kin` (the hosts of one service know each other by a secret that all of them have: keys and
//! certificates made from it), `tls` (a line that is encrypted, to a server that has shown who it is; and its other end), `postgres` (the same,
//! as PostgreSQL's driver takes it), `error`.
//!
//! Invariant: there is no line whose other end is not checked; what is not to be checked is not encrypted either, and the
//! file says so.

mod error;
mod kin;
mod postgres;
mod tls;

pub use error::Error;
pub use kin::{Kin, Papers};
pub use postgres::{Encrypt, Encrypted};
pub use tls::{Door, Line, Received, Tls};
