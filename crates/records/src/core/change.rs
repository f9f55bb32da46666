//! Changes of collections: from the wire's JSON to a checked collection, and back.

mod auth;
mod check;
mod defaults;
mod field;
mod own;
mod plan;
mod reader;
mod stored;
mod view;

pub use defaults::first_collections;
pub use own::{
    AUDIT, AUTH_ORIGINS, CERTIFICATES, CLIENTS, EXTERNAL_AUTHS, FAMILIES, FLOWS, GRANTS, INVITATIONS, KEYS,
    LOGOUTS, MAILS, MFAS, OTPS, PASSKEYS, SESSIONS, TALLIES, TOTPS, own_collections, with_own_fields,
};
pub use plan::plan;
pub use stored::{from_stored, to_stored, to_wire};
pub use view::view;

#[cfg(test)]
mod tests;
