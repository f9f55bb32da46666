//! What a server must be, in words for the person who set it up: what is wrong, and what to do.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::SqlState;

use crate::config::Server;
use crate::error::Error;
use crate::postgres::fault;

/// The oldest major version that will do.
const VERSION_MIN: u32 = 15;

/// Why a replica will not do. It may be made the primary, or the primary come back: that is a loss, not a mistake.
pub(super) const FOLLOWS: &str = "it follows another server, and takes no writes";

/// What a server tells of itself as each connection is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// `server_version`
    pub(super) version: &'a str,
    /// `server_encoding`
    pub(super) encoding: &'a str,
}

/// Whether a server will do by what it tells of itself.
pub(super) fn check(told: Told<'_>, server: &Server, name: &str) -> Result<(), Error> {
    let major = told.version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if major.parse::<u32>().unwrap_or(0) < VERSION_MIN {
        let version = told.version;
        return unfit(format!(
            "the server at {name} is PostgreSQL {version}: {VERSION_MIN} or later is needed, update it"
        ));
    }
    if told.encoding != "UTF8" {
        return unfit(format!(
            "the database {} at {name} keeps its texts as {}, not as UTF8: make another one with {}",
            server.database,
            told.encoding,
            creation(server)
        ));
    }
    Ok(())
}

/// Whether the user may make tables where they would be made; `schema` is that place, if there is one.
pub(super) fn check_rights(schema: Option<&str>, may_create: bool, server: &Server) -> Result<(), Error> {
    let (user, database) = (&server.user, &server.database);
    match schema {
        None => unfit(format!(
            "the database {database} has no schema for the tables of the user {user}: \
             CREATE SCHEMA public AUTHORIZATION {}",
            quoted(user)
        )),
        Some(schema) if !may_create => unfit(format!(
            "the user {user} may not make tables in the database {database}: \
             let its owner say GRANT CREATE ON SCHEMA {} TO {}",
            quoted(schema),
            quoted(user)
        )),
        Some(_) => Ok(()),
    }
}

/// Why no connection came about.
pub(super) fn no_connection(error: tokio_postgres::Error, server: &Server, name: &str) -> Error {
    if let Some(said) = error.as_db_error() {
        let code = said.code().clone();
        let message = said.message().to_owned();
        return said_no(error, &code, &message, server, name);
    }
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(cause) => no_way(cause, server, name),
        None if base::error::chain(&error).contains("server does not support TLS") => Error::Unfit {
            what: format!(
                "the server at {name} does not encrypt: set ssl = on there, or write tls = \"off\" in [database]"
            ),
        },
        None if error.is_closed() => fault::lost(name, error),
        // what is left: the server wants a password and there is none, or a way to sign in that the driver has not
        None => Error::Unfit {
            what: format!("cannot sign in at {name} as {}: {}", server.user, base::error::chain(&error)),
        },
    }
}

/// The server answered, and refused.
fn said_no(
    error: tokio_postgres::Error,
    code: &SqlState,
    message: &str,
    server: &Server,
    name: &str,
) -> Error {
    let (user, database) = (&server.user, &server.database);
    let what = match code.code() {
        "28P01" => format!("the server at {name} refuses the password of the user {user}: correct it"),
        "28000" => format!(
            "the server at {name} refuses the user {user}: {message}; make the user, or let it in (pg_hba.conf)"
        ),
        "3D000" => format!("there is no database {database} at {name}: make it with {}", creation(server)),
        "42501" => format!(
            "the user {user} may not use the database {database} at {name}: \
             let its owner say GRANT CONNECT, CREATE ON DATABASE {} TO {}",
            quoted(database),
            quoted(user)
        ),
        _ => return fault::fault(error, name, 0).0,
    };
    Error::Unfit { what }
}

/// The server was not reached.
fn no_way(cause: &io::Error, server: &Server, name: &str) -> Error {
    let said = cause.to_string();
    let host = &server.host;
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            fault::lost(name, "nothing listens there: start PostgreSQL, or correct host and port")
        }
        io::ErrorKind::NotFound => {
            fault::lost(name, "there is no such socket: start PostgreSQL, or correct its folder and port")
        }
        // rustls' own word for who is not believed, and for what is no TLS
        io::ErrorKind::InvalidData => Error::Unfit {
            what: format!(
                "the server at {name} is not believed: {said}; see `tls` in [database], and its certificate"
            ),
        },
        io::ErrorKind::PermissionDenied => {
            Error::Unfit { what: format!("this program's user may not use the socket {name}") }
        }
        // the resolver's own errors have no kind; a name server that is silent for now is not a wrong name
        _ if said.starts_with("failed to lookup address") && !said.contains("Temporary") => {
            Error::Unfit { what: format!("there is no host {host}: correct its name") }
        }
        _ => fault::lost(name, said),
    }
}

fn creation(server: &Server) -> String {
    format!(
        "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0",
        quoted(&server.database),
        quoted(&server.user)
    )
}

/// A name as SQL wants it. Only for a command that a person reads.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unfit(what: String) -> Result<(), Error> {
    Err(Error::Unfit { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let [host, user, database] = ["db", "kim", "bills"].map(String::from);
        Server { host, port: 5432, user, secret: None, database, tls: None }
    }

    fn told(version: &str, encoding: &str) -> String {
        match check(Told { version, encoding }, &server(), "db:5432") {
            Ok(()) => "fit".into(),
            Err(error) => base::error::chain(&error),
        }
    }

    #[test]
    fn a_server_that_will_not_do_is_told_why() {
        assert_eq!(told("15.18 (Debian 15.18-0+deb12u1)", "UTF8"), "fit");
        assert_eq!(told("18beta1", "UTF8"), "fit");
        assert_eq!(
            told("14.9", "UTF8"),
            "the server at db:5432 is PostgreSQL 14.9: 15 or later is needed, update it"
        );
        assert_eq!(
            told("16.1", "SQL_ASCII"),
            "the database bills at db:5432 keeps its texts as SQL_ASCII, not as UTF8: make another one with \
             CREATE DATABASE \"bills\" OWNER \"kim\" ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"
        );
    }

    #[test]
    fn a_host_that_is_not_reached_is_told_why() {
        let why = |cause: io::Error| base::error::chain(&no_way(&cause, &server(), "db:5432"));
        assert_eq!(
            why(io::ErrorKind::ConnectionRefused.into()),
            "the database at db:5432 does not answer: \
             nothing listens there: start PostgreSQL, or correct host and port"
        );
        let unknown = "failed to lookup address information: Name or service not known";
        assert_eq!(why(io::Error::other(unknown)), "there is no host db: correct its name");
        let silent = "failed to lookup address information: Temporary failure in name resolution";
        assert_eq!(
            why(io::Error::other(silent)),
            format!("the database at db:5432 does not answer: {silent}")
        );
    }
}
