//! Sessions: an account that has signed in somewhere, until it signs out, is put out, or does not come again.
//!
//! Map, in reading order: `token` (pure: the tokens' form and signature), `key` (pure: the keys that sign them), `p256` (their
//! other half, for tools), `keyring` (the keys as this web server knows them), `sign_in` (a session begins and is renewed), `end`
//! (and ends), `prove` (whose a token is), `feed` (the change log is followed, so that an end is heard of everywhere),
//! `cookie` (the token as browsers keep it).
//!
//! Invariant: a session ends on every web server with the deletion of its record, and all of an account's with a new token key.

mod cookie;
mod end;
mod feed;
mod key;
mod keyring;
pub(crate) mod p256;
mod prove;
mod sign_in;
mod token;

pub(crate) use cookie::Cookie;
pub(crate) use key::{Key, Keys, Turns};
pub(crate) use keyring::Keyring;
pub use prove::Proven;
pub(crate) use prove::{Check, Start};
pub use sign_in::{Actor, Beginning, Via};
#[cfg(test)]
pub(crate) use token::{Claims, has_form};
