//! OpenID 2.0 as a relying party: discovery, associations, assertions; Simple Registration, Attribute Exchange, and the
//! hybrid with OAuth.
//!
//! Map, in reading order: `core` (pure: all that is decided), `settings`, `discover` (pages are fetched), `associate` (a key
//! is agreed on), `kept` (what all web servers remember), `round` (all of it), `drive` (and who it was), `error`.
//!
//! OpenID 1 is not spoken: its answers have no nonce and don't name the provider. XRI identifiers are refused plainly.

pub mod associate;
pub mod core;
pub mod discover;
pub mod drive;
mod error;
pub mod kept;
pub mod round;
pub mod settings;

pub use error::Error;
pub use settings::Settings;

#[cfg(test)]
mod tests;
