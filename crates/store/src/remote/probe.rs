//! A look at a server before anything is made there: whether it answers, is fit, and holds our tables.

use crate::config::Config;
use crate::error::Error;
use crate::remote::words::Kind;
use crate::remote::{Link, Pool, first_int};

/// What a server is, as far as a look can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its version, as it says it: `15.18`, `10.11.19-MariaDB`.
    pub version: String,
    /// Whether our tables are not there yet; they are made when the store is opened.
    pub is_new: bool,
}

/// Looks at the server that a config names; `None` for the embedded engine. [`Error::Unfit`] says what is to be done,
/// [`Error::Lost`] that nothing answers. Nothing is made.
pub async fn look(config: &Config) -> Result<Option<Seen>, Error> {
    let Some(kind) = Kind::of(&config.engine) else { return Ok(None) };
    let pool = Pool::open(config).await?;
    let is_new = !has_table(&mut pool.take().await?, kind, "meta").await?;
    let seen = Seen { version: pool.version(), is_new };
    pool.close();
    Ok(Some(seen))
}

/// Whether there is a table by a name of ours.
pub(super) async fn has_table(link: &mut Link, kind: Kind, name: &str) -> Result<bool, Error> {
    let schema = kind.either("current_schema()", "database()");
    let sql = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema} AND table_name = '{name}'"
    );
    Ok(first_int(&link.query(&kind.sql(&sql, Vec::new())).await?) > 0)
}
