//! What the relying party decides, in reading order: `identifier` (what somebody types, and which addresses may be asked),
//! `page` (what to do with a page that discovery has fetched), `html` and `xrds` (what stands in it), `services` (whom it
//! names), `message` (the two forms in which messages travel), `exchange` (Diffie-Hellman), `association` (the key that two
//! sides share), `request` (where the browser is sent), `assertion` (what must hold of what comes back), `extension` (what
//! a provider tells of a person).

pub mod assertion;
pub mod association;
pub mod exchange;
pub mod extension;
pub mod html;
pub mod hybrid;
pub mod identifier;
pub mod message;
pub mod page;
pub mod request;
pub mod services;
pub mod xrds;

/// The namespace of OpenID 2.0 messages.
pub const NAMESPACE: &str = "http://specs.openid.net/auth/2.0";
/// Stands for an identifier that the provider lets the person choose.
pub const IDENTIFIER_SELECT: &str = "http://specs.openid.net/auth/2.0/identifier_select";
