//! What PostgreSQL says, as errors of the store. The codes are those of its manual, appendix A.

use std::error::Error as _;

use tokio_postgres::error::{DbError, SqlState};

use crate::error::Error;

/// What a failure says of the connection that it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It goes on.
    Whole,
    /// It goes on, but its prepared statements are void.
    Stale,
    /// It is broken, or leads to a server that can't serve.
    Broken,
}

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Lost,
    Met,
    Stale,
    Unique,
    TooLong,
    Nul,
    Slow,
    Full,
    Other,
}

/// The error of the store for an error of the driver, and what becomes of the connection.
pub(super) fn fault(error: tokio_postgres::Error, server: &str, limit_ms: u64) -> (Error, Health) {
    let Some(said) = error.as_db_error() else {
        let is_lost = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
        return if is_lost {
            (lost(server, error), Health::Broken)
        } else {
            (Error::engine(error), Health::Whole)
        };
    };
    match meaning(said.code(), said.routine()) {
        Meaning::Lost => (lost(server, error), Health::Broken),
        Meaning::Met => (Error::Met, Health::Whole),
        Meaning::Stale => (Error::Met, Health::Stale),
        Meaning::Unique => (Error::Unique { index: index_of(said) }, Health::Whole),
        Meaning::TooLong => (Error::TooLong { index: index_of(said) }, Health::Whole),
        Meaning::Nul => (Error::Nul, Health::Whole),
        Meaning::Slow => (Error::Slow { limit_ms }, Health::Whole),
        Meaning::Full => (Error::Full, Health::Whole),
        Meaning::Other => (Error::engine(error), Health::Whole),
    }
}

/// The server does not answer.
pub(super) fn lost(server: &str, source: impl Into<crate::error::Cause>) -> Error {
    Error::Lost { server: server.to_owned(), source: source.into() }
}

fn meaning(code: &SqlState, routine: Option<&str>) -> Meaning {
    match code.code() {
        // the server stops, has crashed, starts; the session timed out idle in a transaction, or idle
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Meaning::Lost,
        // it became a replica; it takes no more connections
        "25006" | "53300" => Meaning::Lost,
        code if code.starts_with("08") => Meaning::Lost,
        // could not be serialised, deadlock, a lock was waited for too long
        "40001" | "40P01" | "55P03" => Meaning::Met,
        // "cached plan must not change result type", in whichever language it is said
        "0A000" if routine == Some("RevalidateCachedQuery") => Meaning::Stale,
        "26000" => Meaning::Stale,
        "23505" => Meaning::Unique,
        "54000" => Meaning::TooLong,
        "22P05" | "22021" => Meaning::Nul,
        "57014" => Meaning::Slow,
        "53100" => Meaning::Full,
        _ => Meaning::Other,
    }
}

/// The index that refused, as far as the server names it.
fn index_of(said: &DbError) -> String {
    named(said.constraint())
}

fn named(constraint: Option<&str>) -> String {
    match constraint {
        Some(name) if name.starts_with("r_") && name.ends_with("_pkey") => "id".into(),
        Some(name) => name.into(),
        None => "an index".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        for (code, expected) in [
            ("57P01", Meaning::Lost),
            ("57P02", Meaning::Lost),
            ("57P03", Meaning::Lost),
            ("08000", Meaning::Lost),
            ("08006", Meaning::Lost),
            ("08P01", Meaning::Lost),
            ("25006", Meaning::Lost),
            ("25P03", Meaning::Lost),
            ("53300", Meaning::Lost),
            ("40001", Meaning::Met),
            ("40P01", Meaning::Met),
            ("55P03", Meaning::Met),
            ("26000", Meaning::Stale),
            ("0A000", Meaning::Other),
            ("23505", Meaning::Unique),
            ("54000", Meaning::TooLong),
            ("22P05", Meaning::Nul),
            ("22021", Meaning::Nul),
            ("57014", Meaning::Slow),
            ("53100", Meaning::Full),
            ("42601", Meaning::Other),
            ("25P02", Meaning::Other),
        ] {
            assert_eq!(meaning(&SqlState::from_code(code), None), expected, "{code}");
        }
        let replanned = meaning(&SqlState::FEATURE_NOT_SUPPORTED, Some("RevalidateCachedQuery"));
        assert_eq!(replanned, Meaning::Stale);
    }

    #[test]
    fn the_primary_key_of_records_is_their_id() {
        assert_eq!(named(Some("r_users_pkey")), "id");
        assert_eq!(named(Some("i_users_email")), "i_users_email");
        assert_eq!(named(Some("settings_pkey")), "settings_pkey");
        assert_eq!(named(None), "an index");
    }
}
