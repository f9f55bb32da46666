//! A look at what is to be a mirror, before anything is made there.

use super::Stage;
use super::mark::{self, At, MARK};
use crate::config::Config;
use crate::error::Error;
use crate::remote::probe::has_table;
use crate::remote::words::{Kind, text};
use crate::remote::{Link, Pool, first_int, first_text, string};

/// What a mirror's login must be allowed on MariaDB, in its database.
const RIGHTS: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "CREATE VIEW"];

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The server's version.
    pub version: String,
    /// What the database holds.
    pub holds: Holds,
    /// What the login may not do there, and would have to.
    pub lacks: Vec<String>,
}

/// What a database holds that is to be a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing of ours.
    Nothing,
    /// Records of a service that it is no mirror of.
    Records,
    /// A mirror.
    Mirror {
        /// How far it is.
        stage: Stage,
        /// The last change that it has.
        position: i64,
        /// The moment whose state it has, in milliseconds since 1970.
        as_of: i64,
    },
}

/// Looks at the server that a config names. Nothing is made.
pub async fn look(config: &Config) -> Result<Look, Error> {
    let Some(kind) = Kind::of(&config.engine) else {
        return Err(Error::Unfit { what: "a mirror is a database on a server".into() });
    };
    let pool = Pool::open(config).await?;
    let mut link = pool.take().await?;
    let seen = async {
        let holds = holds(&mut link, kind).await?;
        let lacks = lacks(&mut link, kind).await?;
        Ok(Look { version: pool.version(), holds, lacks })
    };
    let seen = seen.await;
    drop(link);
    pool.close();
    seen
}

async fn holds(link: &mut Link, kind: Kind) -> Result<Holds, Error> {
    if !has_table(link, kind, "meta").await? {
        return Ok(Holds::Nothing);
    }
    let sql = kind.sql("SELECT value FROM meta WHERE name=?t", vec![text(&format!("setting.{MARK}"))]);
    if let Some(printed) = first_text(&link.query(&sql).await?) {
        let mark = mark::read(&printed)?;
        let stage = match mark.stage {
            At::Copying { compares: true, .. } => Stage::Mending,
            At::Copying { .. } | At::Claims { .. } => Stage::Copying,
            At::Following | At::Ready => Stage::Following,
            At::Released => Stage::Released,
        };
        return Ok(Holds::Mirror { stage, position: mark.position, as_of: mark.as_of });
    }
    let schema = kind.either("current_schema()", "database()");
    let sql = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema} AND table_name LIKE 'r!_%' ESCAPE '!'"
    );
    let count = first_int(&link.query(&kind.sql(&sql, Vec::new())).await?);
    Ok(if count == 0 { Holds::Nothing } else { Holds::Records })
}

async fn lacks(link: &mut Link, kind: Kind) -> Result<Vec<String>, Error> {
    match kind {
        Kind::Postgres => {
            let sql = "SELECT CASE WHEN coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) THEN 1 ELSE 0 END";
            let may = first_int(&link.query(&kind.sql(sql, Vec::new())).await?);
            let lack = "CREATE in the schema: GRANT CREATE, USAGE ON SCHEMA public TO it, or let it own the database";
            Ok(if may == 1 { Vec::new() } else { vec![lack.to_owned()] })
        }
        Kind::MariaDb => {
            let us = "concat('''', replace(current_user(), '@', '''@'''), '''')";
            let sql = format!(
                "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {us} UNION \
                 SELECT privilege_type FROM information_schema.schema_privileges \
                 WHERE grantee = {us} AND database() LIKE table_schema"
            );
            let found = link.query(&kind.sql(&sql, Vec::new())).await?;
            let may: Vec<String> = found.iter().map(|row| string(row, 0)).collect();
            let lacking = RIGHTS.iter().filter(|right| !may.iter().any(|may| may == *right));
            Ok(lacking.map(|right| (*right).to_owned()).collect())
        }
    }
}
