//! The superuser of every team, by the names that the house's client knows.

/// The superuser.
pub(crate) const EMAIL: &str = "root@example.com";
/// Their password.
pub(crate) const PASSWORD: &str = "따뜻한-바닥-1234";
