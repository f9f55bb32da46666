//! The mark of a mirror: a setting of its database, in JSON, that says what it follows and how far it is.
//!
//! Invariant: what is written to a mirror and the mark that tells of it are one transaction, begun by locking the mark. So
//! whoever looks after it can die at any moment, and of two who would, one finds out.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::remote::words::{Kind, text};
use crate::remote::{Link, first_text, schema};

/// The setting.
pub(crate) const MARK: &str = "mirror";

/// What a mirror's database says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// What it follows: see [`NAME`](super::NAME).
    pub(super) of: String,
    /// Who looks after it.
    pub(super) owner: String,
    /// Until when nobody else may, in milliseconds since 1970.
    #[serde(default)]
    pub(super) held_until: i64,
    /// The reign in which it was copied.
    pub(super) epoch: i64,
    pub(super) stage: At,
    /// The change up to which it has everything; while it is copied, from which it will follow.
    pub(super) position: i64,
    /// The moment whose state it has, in milliseconds since 1970.
    pub(super) as_of: i64,
}

/// How far a mirror is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum At {
    /// Records are copied, table by table in the order of their names, and there by id.
    Copying {
        /// The table; empty before the first.
        table: String,
        /// The last id that was copied; empty before the first.
        after: String,
        /// How many were, or were found to be the same.
        rows: u64,
        /// What is there already is compared, and copied only where it differs.
        compares: bool,
    },
    /// The keys of writes that are done once are copied.
    Claims {
        at: i64,
        name: String,
    },
    Following,
    /// All is there, and the database that it follows is about to be left for it.
    Ready,
    /// It is nobody's mirror any more.
    Released,
}

/// Reads the mark, and locks it until the transaction's end.
pub(super) async fn lock(link: &mut Link, kind: Kind) -> Result<Option<Mark>, Error> {
    let sql = "SELECT value FROM meta WHERE name=?t FOR UPDATE";
    let found = link.query(&kind.sql(sql, vec![text(&key())])).await?;
    first_text(&found).as_deref().map(read).transpose()
}

pub(super) async fn put(link: &mut Link, kind: Kind, mark: &Mark) -> Result<(), Error> {
    let printed = serde_json::to_string(mark).expect("a mark is JSON");
    schema::put(link, kind, &key(), &printed).await
}

/// Whether a database with this mark may not be opened as the service's own.
pub(crate) fn forbids(printed: &str) -> bool {
    !matches!(read(printed), Ok(Mark { stage: At::Released, .. }))
}

pub(super) fn read(printed: &str) -> Result<Mark, Error> {
    serde_json::from_str(printed).map_err(|_| Error::Unfit {
        what: format!(
            "the setting `{MARK}` of the mirror was not written by this program, or by a newer one"
        ),
    })
}

fn key() -> String {
    format!("setting.{MARK}")
}
