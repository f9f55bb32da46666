//! What keeps ours' records while they are measured: their own file, or a database server of Debian's that is started for
//! this, syncs, and ends with it.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use testbed::{Database, MariaDb, Memcached, Options, PASSWORD, Postgres};

use crate::plan::{Engine, Plan};

/// What a small machine's operator gives PostgreSQL.
const POSTGRES: [(&str, &str); 2] = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];
/// What they give MariaDB.
const MARIADB: [(&str, &str); 2] = [("innodb-buffer-pool-size", "1G"), ("innodb-log-file-size", "512M")];

/// The servers behind ours.
pub(crate) struct Keeper {
    server: Option<Server>,
    memcached: Option<Memcached>,
}

enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Keeper {
    /// Starts what the plan names.
    pub(crate) fn start(plan: &Plan) -> Result<Keeper> {
        let server = match plan.engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Server::Postgres(Postgres::start(&Options::with(&POSTGRES)))),
            Engine::Mariadb => Some(Server::MariaDb(MariaDb::start(&Options::with(&MARIADB)))),
        };
        let is_alone = plan.servers == [1] && !plan.memcached;
        ensure!(
            server.is_some() || is_alone,
            "several web servers and memcached need a database server: --engine"
        );
        let memcached = plan.memcached.then(|| Memcached::start(&Options::default()));
        Ok(Keeper { server, memcached })
    }

    /// Writes the service file of a subject in its folder; gives the database that it names, which is dropped with the answer.
    pub(crate) fn place(&self, dir: &Path) -> Result<Option<Database>> {
        let mut text = format!("dir = {:?}\n", dir.display().to_string());
        let (database, engine) = match &self.server {
            None => (None, "sqlite"),
            Some(Server::Postgres(server)) => (Some(server.database()), "postgres"),
            Some(Server::MariaDb(server)) => (Some(server.database()), "mariadb"),
        };
        if let Some(database) = &database {
            let url = database.url();
            let (_, place) = url.rsplit_once('@').context("a database without a user")?;
            let (address, name) = place.split_once('/').context("a database without a name")?;
            let secret = dir.join("database.secret");
            std::fs::write(&secret, PASSWORD)?;
            let _ = writeln!(
                text,
                "[database]\nengine = \"{engine}\"\naddress = \"{address}\"\nname = \"{name}\""
            );
            let _ = writeln!(text, "secret = {{ file = \"database.secret\" }}");
        }
        if let Some(memcached) = &self.memcached {
            let _ = writeln!(text, "[cache]\nmemcached = [\"{}\"]", memcached.address());
        }
        // all load comes from one address
        let _ = writeln!(text, "[web]\nrates = []");
        std::fs::write(dir.join("ondol.toml"), text)?;
        Ok(database)
    }
}
