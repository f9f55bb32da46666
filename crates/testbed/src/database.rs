//! A fresh database on a server, dropped at the end.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program;
use crate::server::{Kind, Server};
use crate::{PASSWORD, USER};

/// A kind of server that has databases.
pub trait Sql: Kind {
    /// How it is reached on `port` by its own command.
    fn admin(&self, port: u16) -> Admin;
}

impl<K: Sql> Server<K> {
    /// A fresh database; it is dropped when the answer is.
    pub fn database(&self) -> Database {
        self.kind.admin(self.port()).database()
    }

    /// Runs SQL text in `database` (`postgres` or `mysql` is always there) with the server's own command; the answer is rows
    /// of cells, with `|` (PostgreSQL) or tabs between.
    ///
    /// # Panics
    /// When the server refuses it; the text says why.
    #[track_caller]
    pub fn sql(&self, database: &str, text: &str) -> String {
        self.kind.admin(self.port()).sql(database, text)
    }

    /// [`Server::sql`] where a refusal is an answer too, as of a replica that has not yet heard of a table.
    ///
    /// # Errors
    /// What the server's own command said.
    pub fn ask(&self, database: &str, text: &str) -> Result<String, String> {
        self.kind.admin(self.port()).ask(database, text)
    }
}

/// How a server is reached by its own command.
#[derive(Clone, Debug)]
pub struct Admin {
    engine: Engine,
    client: PathBuf,
    port: u16,
}

#[derive(Clone, Copy, Debug)]
enum Engine {
    Postgres,
    MariaDb,
}

/// A database of one test. It is dropped, with all connections to it, when this is.
#[derive(Debug)]
pub struct Database {
    admin: Admin,
    name: String,
}

impl Database {
    /// `postgres://user:password@127.0.0.1:PORT/NAME`, or `mariadb://…`.
    pub fn url(&self) -> String {
        self.url_at(self.admin.port)
    }

    /// The same through another port, such as a [`Cutter`](crate::Cutter)'s.
    pub fn url_at(&self, port: u16) -> String {
        let scheme = match self.admin.engine {
            Engine::Postgres => "postgres",
            Engine::MariaDb => "mariadb",
        };
        format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// Its name, unique in this process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL text in it with the server's own command; rows of cells, with `|` (PostgreSQL) or tabs between.
    ///
    /// # Panics
    /// When the server refuses it; the text says why.
    pub fn sql(&self, text: &str) -> String {
        self.admin.sql(&self.name, text)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let text = match self.admin.engine {
            Engine::Postgres => format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
            // A connection amid a transaction, whose client waits for this very end, would hold it up for ever.
            Engine::MariaDb => format!(
                "DELIMITER //\nBEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; \
                 FOR c IN (SELECT id FROM information_schema.processlist WHERE db = '{0}') DO KILL c.id; END FOR; \
                 DROP DATABASE IF EXISTS {0}; END //",
                self.name
            ),
        };
        // A server that was stopped or killed takes its databases with it.
        let _ = self.admin.ask(self.admin.home(), &text);
    }
}

impl Admin {
    pub(crate) fn postgres(client: PathBuf, port: u16) -> Admin {
        Admin { engine: Engine::Postgres, client, port }
    }

    pub(crate) fn mariadb(client: PathBuf, port: u16) -> Admin {
        Admin { engine: Engine::MariaDb, client, port }
    }

    fn database(&self) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.sql(self.home(), &format!("CREATE DATABASE {name}"));
        Database { admin: self.clone(), name }
    }

    #[track_caller]
    fn sql(&self, database: &str, text: &str) -> String {
        self.ask(database, text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn ask(&self, database: &str, text: &str) -> Result<String, String> {
        let mut command = Command::new(&self.client);
        let port = self.port.to_string();
        match self.engine {
            Engine::Postgres => command
                .args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port])
                .args(["-U", USER, "-d", database, "-c", text])
                .env("PGPASSWORD", PASSWORD)
                .env("PGCONNECT_TIMEOUT", "10"),
            Engine::MariaDb => command
                .args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=10"])
                .args(["--protocol=tcp", "--default-character-set=utf8mb4", "-h", "127.0.0.1", "-P", &port])
                .args(["-u", USER, "-e", text, database])
                .env("MYSQL_PWD", PASSWORD),
        };
        program::run(command.stdin(Stdio::null()))
    }

    /// A database that is always there.
    fn home(&self) -> &'static str {
        match self.engine {
            Engine::Postgres => "postgres",
            Engine::MariaDb => "mysql",
        }
    }
}
