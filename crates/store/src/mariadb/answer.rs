//! What is gathered of the rows of an answer.
//!
//! A row that can't be read is a failure of the whole, said when all has been heard: the connection stays whole.

use super::line::Next;
use super::value;
use crate::error::Error;
use crate::remote::Cells;
use crate::row::Row;

/// How many bytes of bodies beyond the limit of a page are read and dropped, rather than giving the connection up.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// Takes the rows of an answer.
pub(super) trait Gather: Send {
    /// Forgets what was taken.
    fn begin(&mut self);
    /// Takes one.
    fn take(&mut self, row: mysql_async::Row) -> Next;
}

/// Rows of any columns.
#[derive(Default)]
pub(super) struct Listing {
    rows: Vec<Cells>,
    fault: Option<Error>,
}

/// Records up to a number of bytes.
pub(super) struct Page {
    rows: Vec<Row>,
    bytes: usize,
    bytes_max: usize,
    /// More than this is not even read.
    drain_bytes_max: usize,
    fault: Option<Error>,
}

/// How far a replica has received, out of what it says of its primary.
#[derive(Default)]
pub(super) struct Following {
    place: Option<String>,
}

impl Following {
    /// The place, if it follows somebody.
    pub(super) fn received(&self) -> Option<i64> {
        sequence(self.place.as_deref()?)
    }
}

impl Gather for Following {
    fn begin(&mut self) {
        *self = Following::default();
    }

    fn take(&mut self, row: mysql_async::Row) -> Next {
        // a server that was never started as a replica says nothing, and an empty place is none
        self.place = row.get("Gtid_IO_Pos").filter(|place: &String| !place.is_empty());
        Next::More
    }
}

/// The number of a place in the binary log, such as `0-17-4711`; there is one domain, 0.
pub(super) fn sequence(place: &str) -> Option<i64> {
    let mut parts = place.trim().split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("0"), Some(_), Some(number), None) => number.parse().ok(),
        _ => None,
    }
}

impl Listing {
    /// The rows.
    pub(super) fn done(self) -> Result<Vec<Cells>, Error> {
        self.fault.map_or(Ok(self.rows), Err)
    }
}

impl Gather for Listing {
    fn begin(&mut self) {
        *self = Listing::default();
    }

    fn take(&mut self, row: mysql_async::Row) -> Next {
        match value::cells(row) {
            Ok(cells) => self.rows.push(cells),
            Err(error) => self.fault = Some(error),
        }
        Next::More
    }
}

impl Page {
    /// A page of which no more is read, and the connection given up, when it is far beyond its limit.
    pub(super) fn ending(bytes_max: usize) -> Page {
        Page { drain_bytes_max: bytes_max.saturating_add(DRAIN_BYTES_MAX), ..Page::whole(bytes_max) }
    }

    /// A page that is read to its end in any case.
    pub(super) fn whole(bytes_max: usize) -> Page {
        Page { rows: Vec::new(), bytes: 0, bytes_max, drain_bytes_max: usize::MAX, fault: None }
    }

    /// The records; `None` when they are too many bytes.
    pub(super) fn done(self) -> Result<Option<Vec<Row>>, Error> {
        match self.fault {
            Some(error) => Err(error),
            None => Ok((self.bytes <= self.bytes_max).then_some(self.rows)),
        }
    }
}

impl Gather for Page {
    fn begin(&mut self) {
        *self = Page { drain_bytes_max: self.drain_bytes_max, ..Page::whole(self.bytes_max) };
    }

    fn take(&mut self, row: mysql_async::Row) -> Next {
        match value::record(row) {
            Ok(row) => {
                self.bytes += row.body.len();
                self.rows.push(row);
            }
            Err(error) => self.fault = Some(error),
        }
        if self.bytes > self.bytes_max {
            self.rows.clear();
        }
        if self.bytes > self.drain_bytes_max { Next::Enough } else { Next::More }
    }
}

#[cfg(test)]
mod tests {
    use super::sequence;

    #[test]
    fn a_place_is_its_number_in_the_only_domain() {
        assert_eq!(sequence("0-17-4711"), Some(4711));
        for other in ["", "1-17-4711", "0-1-5,1-1-7", "nonsense"] {
            assert_eq!(sequence(other), None, "{other}");
        }
    }
}
