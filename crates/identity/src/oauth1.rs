//! OAuth 1.0a (RFC 5849) as a client: three legs, HMAC-SHA1.
//!
//! Map, in reading order: `core` (pure: signing a request, reading the provider's answers and its callback).
//!
//! PLAINTEXT and RSA-SHA1 are not here: the one sends the secret, the other nobody offers for signing in.

pub mod core;
