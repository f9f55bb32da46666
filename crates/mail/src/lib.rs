//! Mail that the service sends: a message as plain data, and an SMTP server that takes it.
//!
//! Map, in reading order: `config`, `message` (what is sent), `text` (pure: a page as plain text, for those who read no
//! HTML), `sender` (the SMTP server), `error` (whether another try makes sense).
//!
//! Who waits and tries again is not here: see `identity`, which keeps the mails that are to be sent.
//!
//! Invariant: nothing of a message gets into a header but as a header's value: no line of it can begin another header.
//! Invariant: a message, a name or a secret goes over a network only inside TLS, unless the settings say so in words.

mod config;
mod error;
mod message;
mod sender;
mod text;

pub use config::{Config, Fault, Security};
pub use error::Error;
pub use message::Message;
pub use sender::Sender;
