//! True servers for tests and benches: PostgreSQL, MariaDB, memcached, nginx, HAProxy, Pebble and etcd from Debian's
//! packages, each on a loopback port and in a temporary folder of its own, and a proxy that breaks connections at a chosen
//! moment.
//!
//! Map, in reading order: `program` (where a program lies, as whom it runs), `port` (free ones), `folder` (where
//! data lies), `server` (one server process: started, waited for, stopped, killed, frozen, ended with the test), `database`
//! (a fresh one, dropped at the end), `postgres`, `mariadb`, `memcached`, `nginx`, `haproxy`, `pebble`, `etcd` (what each of
//! them wants to be told), `chosen` (the engine of this run), `cutter` (the proxy), `peer` (those who play the other side of a sign-in) and `http` (asking them).
//! To add a server: a file beside `memcached`, its programs' packages in it, and a line in xtask's list of needs.
//!
//! What fails here panics with a sentence, because only tests and benches stand on it. A shared server (`postgres()` and
//! its like) is started once per process, is never stopped, and **does not sync**: what is about durability or about
//! outages starts its own with [`Options::default`], which syncs as production does.
//!
//! Invariant: no crate of the house is used here, and no crate of the house uses it but in tests and benches.
//! Invariant: a server does not outlive the process that started it, however that process ends.

mod chosen;
mod cutter;
mod database;
mod etcd;
mod folder;
mod haproxy;
pub mod http;
mod mariadb;
mod memcached;
mod nginx;
mod options;
mod pebble;
mod peer;
mod port;
mod postgres;
mod program;
mod server;

use std::sync::OnceLock;

pub use chosen::{VARIABLE, chosen};
pub use cutter::{Cut, Cutter, Direction};
pub use database::Database;
pub use etcd::Etcd;
pub use haproxy::Haproxy;
pub use mariadb::MariaDb;
pub use memcached::Memcached;
pub use nginx::Nginx;
pub use options::{Options, Sync};
pub use pebble::Pebble;
pub use peer::{SignInPeer, sign_in_peer, sign_in_python, sign_in_script};
pub use port::{free as free_port, free_pair as free_port_pair};
pub use postgres::Postgres;

/// The name that databases are opened with.
pub const USER: &str = "ondol";
/// Its password.
pub const PASSWORD: &str = "secret";

/// The PostgreSQL server that all tests of this process share; it does not sync.
pub fn postgres() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start(&Options::shared()))
}

/// The MariaDB server that all tests of this process share; it does not sync.
pub fn mariadb() -> &'static MariaDb {
    static SHARED: OnceLock<MariaDb> = OnceLock::new();
    SHARED.get_or_init(|| MariaDb::start(&Options::shared()))
}

/// The memcached server that all tests of this process share.
pub fn memcached() -> &'static Memcached {
    static SHARED: OnceLock<Memcached> = OnceLock::new();
    SHARED.get_or_init(|| Memcached::start(&Options::default()))
}
