use super::Sql;
use crate::error::Error;
use crate::query::{Index, Select, View};
use crate::row::Table;
#[derive(Default)]
pub struct Columns {}
impl Columns {
    pub fn insert(&mut self, _: &Table, _: &str) {}
}
pub struct Virtual {
    pub name: String,
}
pub fn select(_: &Select, _: &Columns) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn count(_: &Select, _: &Columns) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn exists(_: &Select, _: &Columns) -> Result<Sql, Error> {
    Err(Error::Doubt)
}
pub fn create_index(_: &Table, _: &Index) -> Result<String, Error> {
    Err(Error::Doubt)
}
pub fn create_view(_: &Table, _: &View) -> Result<String, Error> {
    Err(Error::Doubt)
}
pub fn virtual_columns(_: &Index) -> Result<Vec<Virtual>, Error> {
    Err(Error::Doubt)
}
pub fn add_column(_: &Table, _: &Virtual) -> String {
    String::new()
}
