//! One connection, for one transaction at a time.

use crate::dialect::Sql;
use crate::error::Error;
use crate::remote::Cells;
use crate::row::Row;

/// A connection taken from the pool.
pub(crate) struct Link {}

fn later<T>() -> Result<T, Error> {
    Err(Error::Unfit { what: "not yet".into() })
}

impl Link {
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        later()
    }
    pub(crate) async fn rows(&mut self, _sql: &Sql, _bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        later()
    }
    pub(crate) async fn query(&mut self, _sql: &Sql) -> Result<Vec<Cells>, Error> {
        later()
    }
    pub(crate) async fn execute(&mut self, _sql: &Sql) -> Result<u64, Error> {
        later()
    }
    pub(crate) async fn run(&mut self, _text: &str) -> Result<(), Error> {
        later()
    }
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        later()
    }
    pub(crate) async fn roll_back(&mut self) {}
}
