use super::Sql;
use crate::error::Error;
use crate::query::{Index, Select, View};
use crate::row::Table;
pub enum Making {
    Plain,
    Online,
}
pub fn select(_: &Select) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn count(_: &Select) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn exists(_: &Select) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn create_index(_: &Table, _: &Index, _: Making) -> Result<String, Error> {
    Err(Error::Doubt)
}
pub fn create_view(_: &Table, _: &View) -> Result<String, Error> {
    Err(Error::Doubt)
}
