//! OpenID 2.0 as a relying party: discovery, associations, assertions; Simple Registration, Attribute Exchange, and the
//! hybrid with OAuth.
//!
//! Map, in reading order: `core` (pure: all that is decided).
//!
//! OpenID 1 is not spoken: its answers have no nonce and don't name the provider. XRI identifiers are refused plainly.

pub mod core;
