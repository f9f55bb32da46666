//! The swap of the running program: the old process starts what lies on disk, hands it its listening sockets, and leaves
//! once that is ready.
//!
//! The two speak over one socket, which is the new one's stdin ([`channel`]). First come the listening sockets. The new
//! process (the *heir*) reads the file, opens the database, looks after its backends, and says `ready`; the old one says `go`
//! and leaves: see [`web::Stop::leave`]. If the heir fails, ends, or is silent for `handover_time_max`, it is killed and the
//! old one goes on as if nothing had been.
//!
//! Map, in reading order: `channel` (what the two say to each other), `sockets` (listening sockets, by the text that asked for
//! them), `program` (what is started), `heir` (the new process's side), `swapper` (the old one's), `notify` (what systemd is
//! told), `control` (the socket at which `ondol upgrade` and `ondol status` ask).
//!
//! Invariant: the old process gives nothing away before the heir has said that it is ready.

mod channel;
pub(crate) mod control;
pub(crate) mod heir;
pub(crate) mod notify;
mod program;
mod sockets;
mod swapper;

pub(crate) use heir::{Heir, Turn};
pub(crate) use program::Program;
pub(crate) use sockets::Sockets;
pub(crate) use swapper::{Swapper, Upgrades};
