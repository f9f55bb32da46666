//! OAuth 1.0a (RFC 5849) as a client: three legs, HMAC-SHA1.
//!
//! Map, in reading order: `core` (pure: signing a request, reading the provider's answers and its callback), `settings`,
//! `client` (the legs, one after the other), `drive` (and who it was).
//!
//! PLAINTEXT and RSA-SHA1 are not here: the one sends the secret, the other nobody offers for signing in.

pub mod client;
pub mod core;
mod drive;
pub mod settings;

pub use settings::Settings;

#[cfg(test)]
mod tests;
