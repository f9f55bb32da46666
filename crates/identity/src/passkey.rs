//! Passkeys (WebAuthn level 3): whoever has one signs in with a touch, without a password that could be stolen.
//!
//! Map, in reading order. Pure: `relying_party` (for which site), `challenge` (what is to be signed), `credential` (what a
//! browser gives), `client_data`, `authenticator_data`, `attestation`, `key`, `curve` (its parts, read strictly), `ceremony` (the
//! decisions), `flaw` (why not), `options` (what a browser is asked for). Then the shell: `kept` (the
//! records of `_passkeys`) and `drive` (challenge, decision, record).
//!
//! Passkeys here are always discoverable and always unlocked by the person (user verification); so one is two factors at
//! once, and counts as two ways where a collection asks for two.
//!
//! Invariant: signatures are ring's; nothing else here computes with keys but whether a point lies on its curve.

mod attestation;
mod authenticator_data;
mod ceremony;
mod challenge;
mod client_data;
mod credential;
mod curve;
mod drive;
mod flaw;
mod kept;
mod key;
pub(crate) mod options;
mod relying_party;
#[cfg(test)]
mod tests;

pub(crate) use drive::{register, sign_in};
pub(crate) use kept::of;
pub use relying_party::RelyingParty;

/// Bytes of a credential's id (WebAuthn level 3, 4).
const ID_BYTES_MAX: usize = 1023;
/// Longest name of a passkey, in characters.
pub(crate) const NAME_LENGTH_MAX: usize = 100;
/// What used challenges are called among the flows.
const FLOW: &str = "passkey";
