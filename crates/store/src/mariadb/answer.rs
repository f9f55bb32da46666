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
