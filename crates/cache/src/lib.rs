//! What was read lately, kept in this process or in memcached, and given out only while it is the newest.
//!
//! Three things make that hold, whatever another server, a restart or an old value in memcached does:
//! - **A stamp.** A value is kept with the place in the change log up to which it was known to be the newest.
//! - **A window** ([`core`]) of what changed lately, fed by the change log. It judges each value by its stamp.
//! - **A barrier.** Before anything is given out, the log is asked what was committed before the request began; all who
//!   wait at that moment share one question. Whoever can't be sure goes to the database.
//!
//! So a request never sees less than what anybody could have read from the database when it began.
//!
//! Map, in reading order: `config` and `error`, `log` (what is asked of the change log), `core` (deciding: the window,
//! how a value is written down, memcached's protocol, which server has a key), `barrier` (one question for all who wait),
//! `local` and `memcached` (the two backs), `cache` (the face), `report` (what it did),
//! `outage` (what it goes on without).
//!
//! Invariant: it knows nothing of records; a key is a space and an id, a value is bytes.
//! Invariant: a value is stamped with nothing but a [`Ticket`], and a ticket is given before the database is read.

mod barrier;
mod cache;
mod config;
mod core;
mod error;
mod local;
mod log;
mod memcached;
mod outage;
mod report;

pub use cache::{Cache, Found, Kept, Moment, Ticket};
pub use config::{Back, Config, Memcached};
pub use error::Error;
pub use log::{Answer, Change, Log, News, Place};
pub use report::{Report, ServerReport};
