//! What the server or the driver says, as errors of the store, and what is left of connection and transaction after it.

use std::time::Duration;

use mysql_async::DriverError;
use mysql_async::ServerError;

use crate::error::{Cause, Error};

/// A failure, and what it leaves behind.
#[derive(Debug)]
pub(super) struct Fault {
    /// For the caller.
    pub(super) error: Error,
    /// For the connection.
    pub(super) after: After,
}

/// What a failure leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The statement did nothing; the transaction is as it was before it.
    Fine,
    /// The transaction is no more, or can't go on; the same statement may succeed in a new one.
    Again,
    /// As `Again`, but the statement itself no longer fits the tables.
    Changed,
    /// The connection can't be used any more.
    Gone,
}

/// What an error has to name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Host and port, or socket.
    pub(super) server: String,
    /// The longest time of a statement.
    pub(super) limit: Duration,
}

/// What the server's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Gone,
    Again,
    Changed,
    Unique,
    TooLong,
    Packet,
    Slow,
    Full,
    NoTable,
    Denied,
    Statements,
}

/// The server's numbers, by <https://mariadb.com/kb/en/mariadb-error-code-reference/>; what is not here has no name.
const MEANINGS: &[(u16, Meaning)] = &[
    (1020, Meaning::Again),      // record has changed since it was read
    (1021, Meaning::Full),       // disk full
    (1040, Meaning::Gone),       // too many connections
    (1044, Meaning::Denied),     // no right to the database
    (1047, Meaning::Gone),       // a cluster's node that is not ready
    (1053, Meaning::Gone),       // shutdown in progress
    (1054, Meaning::Changed),    // unknown column: another server of ours dropped it
    (1062, Meaning::Unique),     // duplicate entry
    (1071, Meaning::TooLong),    // key too long
    (1114, Meaning::Full),       // table full
    (1118, Meaning::TooLong),    // row too long
    (1142, Meaning::Denied),     // no right to the table
    (1146, Meaning::NoTable),    // no such table
    (1152, Meaning::Gone),       // connection aborted
    (1153, Meaning::Packet),     // packet larger than max_allowed_packet; the server hangs up after it
    (1156, Meaning::Gone),       // packets out of order
    (1158, Meaning::Gone),       // error reading packets
    (1159, Meaning::Gone),       // timeout reading packets
    (1160, Meaning::Gone),       // error writing packets
    (1161, Meaning::Gone),       // timeout writing packets
    (1184, Meaning::Gone),       // new connection aborted
    (1203, Meaning::Gone),       // too many connections of this user
    (1205, Meaning::Again),      // lock wait timeout
    (1213, Meaning::Again),      // deadlock
    (1227, Meaning::Denied),     // a privilege is missing
    (1243, Meaning::Again),      // unknown prepared statement
    (1290, Meaning::Gone),       // read-only: it follows another server now
    (1317, Meaning::Slow),       // interrupted by somebody
    (1370, Meaning::Denied),     // no right to the routine
    (1406, Meaning::TooLong),    // data too long for a column
    (1412, Meaning::Again),      // the table's definition has changed
    (1461, Meaning::Statements), // too many prepared statements on the server
    (1586, Meaning::Unique),     // duplicate entry, other words
    (1615, Meaning::Again),      // the statement is to be prepared again
    (1792, Meaning::Gone),       // read-only transaction
    (1836, Meaning::Gone),       // read-only mode
    (1859, Meaning::Unique),     // duplicate entry, found by the building of an index
    (1927, Meaning::Gone),       // connection was killed
    (1969, Meaning::Slow),       // max_statement_time
    (2006, Meaning::Gone),       // the server has gone away
    (2013, Meaning::Gone),       // lost connection
    (3024, Meaning::Slow),       // max_statement_time, other words
];

impl Fault {
    /// A failure after which the connection goes on.
    pub(super) fn fine(error: Error) -> Fault {
        Fault { error, after: After::Fine }
    }
}

impl Place {
    /// The failure for what the driver says.
    pub(super) fn fault(&self, error: mysql_async::Error) -> Fault {
        match error {
            mysql_async::Error::Server(said) => self.said(said),
            mysql_async::Error::Driver(
                DriverError::ConnectionClosed
                | DriverError::PacketOutOfOrder
                | DriverError::UnexpectedPacket { .. },
            )
            | mysql_async::Error::Io(_) => self.lost(error),
            // the driver hangs up after whatever it doesn't understand
            other => Fault { error: Error::engine(other), after: After::Gone },
        }
    }

    /// No answer, or none that can be trusted.
    pub(super) fn lost(&self, source: impl Into<Cause>) -> Fault {
        let error = Error::Lost { server: self.server.clone(), source: source.into() };
        Fault { error, after: After::Gone }
    }

    /// The failure of a commit. Where the server broke off it is not known how far it was.
    pub(super) fn commit_fault(&self, error: mysql_async::Error) -> Fault {
        match &error {
            mysql_async::Error::Server(said) if meaning(said) == Some(Meaning::Slow) => self.lost(error),
            _ => self.fault(error),
        }
    }

    fn said(&self, said: ServerError) -> Fault {
        let Some(meaning) = meaning(&said) else { return Fault::fine(Error::engine(said)) };
        match meaning {
            Meaning::Gone => self.lost(said),
            Meaning::Again => Fault { error: Error::Met, after: After::Again },
            Meaning::Changed => Fault { error: Error::Met, after: After::Changed },
            Meaning::Unique => Fault::fine(Error::Unique { index: index_of(&said.message) }),
            Meaning::TooLong => Fault::fine(Error::TooLong { index: place_of(&said) }),
            Meaning::Packet => Fault { error: too_long_for_packet(), after: After::Gone },
            Meaning::Slow => Fault::fine(self.slow()),
            Meaning::Full => Fault::fine(Error::Full),
            Meaning::NoTable => Fault::fine(Error::NoTable),
            Meaning::Denied => Fault::fine(Error::Unfit { what: self.denied(&said) }),
            Meaning::Statements => Fault::fine(Error::Unfit { what: self.too_many_statements() }),
        }
    }

    fn slow(&self) -> Error {
        Error::Slow { limit_ms: u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX) }
    }

    fn denied(&self, said: &ServerError) -> String {
        format!(
            "MariaDB at {} does not let the user do what is needed ({}); give the rights with \
             GRANT ALL PRIVILEGES ON the database",
            self.server, said.message
        )
    }

    fn too_many_statements(&self) -> String {
        format!(
            "MariaDB at {} keeps no more prepared statements; set max_prepared_stmt_count in its [mariadbd] \
             section higher than the connections of all who use it times {}",
            self.server,
            super::line::STATEMENTS_MAX
        )
    }
}

/// A statement with its values is longer than the server takes.
pub(super) fn too_long_for_packet() -> Error {
    Error::TooLong { index: "the server's max_allowed_packet".into() }
}

fn meaning(said: &ServerError) -> Option<Meaning> {
    // the system's own number for a full disk, in words about files
    let is_file = matches!(said.code, 3 | 1026 | 1030);
    if is_file && (said.message.contains("rrno: 28") || said.message.contains("error 28")) {
        return Some(Meaning::Full);
    }
    let found = MEANINGS.binary_search_by_key(&said.code, |(code, _)| *code).ok()?;
    Some(MEANINGS[found].1)
}

/// The index that refused, out of `Duplicate entry '…' for key 'NAME'`; the entry may hold anything.
fn index_of(message: &str) -> String {
    let after = message.rsplit_once("for key '").map_or(message, |(_, after)| after);
    let name = after.strip_suffix('\'').unwrap_or(after);
    if name == "PRIMARY" { "id".into() } else { name.into() }
}

/// What is too long, out of `Data too long for column 'NAME' at row 1`.
fn place_of(said: &ServerError) -> String {
    match (said.code, said.message.split('\'').nth(1)) {
        (1406, Some(column)) => column.into(),
        (1118, _) => "the row".into(),
        _ => "the index".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { server: "db:3306".into(), limit: Duration::from_secs(30) }
    }

    fn said(code: u16, message: &str) -> mysql_async::Error {
        ServerError { code, message: message.into(), state: "HY000".into() }.into()
    }

    fn kind(error: &Error) -> String {
        let told = format!("{error:?}");
        told.split([' ', '(']).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_numbers_are_in_order() {
        assert!(MEANINGS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn each_number_means_what_the_layer_above_can_act_on() {
        let cases: &[(&[u16], &str, After)] = &[
            (&[1040, 1053, 1203, 1290, 1792, 1927, 2006, 2013], "Lost", After::Gone),
            (&[1020, 1205, 1213, 1243, 1412, 1615], "Met", After::Again),
            (&[1054], "Met", After::Changed),
            (&[1062, 1586, 1859], "Unique", After::Fine),
            (&[1071, 1118, 1406], "TooLong", After::Fine),
            (&[1317, 1969, 3024], "Slow", After::Fine),
            (&[1021, 1114], "Full", After::Fine),
            (&[1044, 1142, 1227], "Unfit", After::Fine),
            (&[1146], "NoTable", After::Fine),
            (&[1064], "Engine", After::Fine),
        ];
        for (codes, name, after) in cases {
            for code in *codes {
                let fault = place().fault(said(*code, "x"));
                assert_eq!((kind(&fault.error).as_str(), fault.after), (*name, *after), "{code}");
            }
        }
    }

    #[test]
    fn a_disk_that_is_full_below_a_file_is_full() {
        let told = "Error writing file './t/x.frm' (Errcode: 28 \"No space left on device\")";
        let other = "Error writing file './t/x.frm' (errno: 28 \"No space left on device\")";
        assert!(!matches!(place().fault(said(1026, "Error writing file (errno: 5)")).error, Error::Full));
        assert!(matches!(place().fault(said(1026, other)).error, Error::Full), "{told}");
    }

    #[test]
    fn a_commit_that_was_broken_off_is_lost_and_one_that_was_refused_is_not() {
        assert!(matches!(place().commit_fault(said(1317, "x")).error, Error::Lost { .. }));
        assert!(matches!(place().commit_fault(said(1213, "x")).error, Error::Met));
    }

    #[test]
    fn the_refusing_index_is_found_behind_an_entry_with_quotes() {
        assert_eq!(index_of("Duplicate entry 'a' for key 'PRIMARY'"), "id");
        assert_eq!(index_of("Duplicate entry 'x' for key 'y' for key 'i_users_email'"), "i_users_email");
        assert_eq!(index_of("Duplicate entry for key 'i_a'"), "i_a");
    }

    #[test]
    fn the_column_that_is_too_short_is_named() {
        let fault = place().fault(said(1406, "Data too long for column 'id' at row 1"));
        assert!(matches!(fault.error, Error::TooLong { index } if index == "id"));
    }

    #[test]
    fn an_answer_out_of_order_is_lost() {
        let fault = place().fault(DriverError::PacketOutOfOrder.into());
        assert!(matches!(fault.error, Error::Lost { .. }) && fault.after == After::Gone);
    }
}
