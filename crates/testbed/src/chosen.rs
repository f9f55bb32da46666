//! The engine that a suite is run on: embedded, unless `ONDOL_TEST_ENGINE` names a server.
//!
//! A suite that should pass on every engine asks here for a database, and `cargo x test` runs it once for each.

use crate::{Database, mariadb, postgres};

/// The variable that names the engine: `sqlite`, `postgres` or `mariadb`.
pub const VARIABLE: &str = "ONDOL_TEST_ENGINE";

/// A fresh database on the engine that this suite is run on; `None` when that is the embedded one.
///
/// # Panics
/// When the variable names no engine.
#[expect(clippy::disallowed_methods, reason = "tests are told by their command what to run on")]
pub fn chosen() -> Option<Database> {
    match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("sqlite") => None,
        Ok("postgres") => Some(postgres().database()),
        Ok("mariadb") => Some(mariadb().database()),
        Ok(other) => panic!("{VARIABLE} is {other:?}; it may be sqlite, postgres or mariadb"),
    }
}
