//! `cargo run -p testbed`: one server of each kind to work with by hand, until standard input ends (Ctrl-D).

use std::io::{self, Read, Write};

use testbed::{MariaDb, Memcached, Options, Postgres};

fn main() -> io::Result<()> {
    let options = Options::default();
    let (postgres, mariadb) = (Postgres::start(&options), MariaDb::start(&options));
    let memcached = Memcached::start(&options);
    let (rows, tables) = (postgres.database(), mariadb.database());
    let mut out = io::stdout();
    for server in [
        (rows.url(), postgres.process(), postgres.folder()),
        (tables.url(), mariadb.process(), mariadb.folder()),
        (format!("memcached://{}", memcached.address()), memcached.process(), memcached.folder()),
    ] {
        writeln!(out, "{} {} {}", server.0, server.1, server.2.display())?;
    }
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
