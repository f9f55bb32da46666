//! Files of records on the local disk: `storage/TABLE/RECORD/NAME`.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The folder of files.
#[derive(Clone, Debug)]
pub struct Files {
    _root: PathBuf,
}

/// A file that has arrived but belongs to no record yet; its bytes are deleted when it is dropped unkept.
#[derive(Debug)]
pub struct Arrived {
    _path: PathBuf,
}

impl Files {
    /// Begins a file of which the bytes arrive one chunk after another.
    pub async fn begin(&self) -> Result<Arrived, Error> {
        todo!()
    }

    /// Gives a finished file to a record under a name, durable on disk when this returns.
    pub async fn keep(&self, _file: Arrived, _table: &str, _record: &str, _name: &str) -> Result<(), Error> {
        todo!()
    }

    /// Where a file of a record lies, if it is there.
    pub async fn find(&self, _table: &str, _record: &str, _name: &str) -> Result<Option<PathBuf>, Error> {
        todo!()
    }

    /// Deletes one file of a record with what was made from it (thumbs); nothing happens when it is not there.
    pub async fn remove(&self, _table: &str, _record: &str, _name: &str) -> Result<(), Error> {
        todo!()
    }

    /// Deletes all files of a record.
    pub async fn remove_record(&self, _table: &str, _record: &str) -> Result<(), Error> {
        todo!()
    }

    /// Deletes all files of a table.
    pub async fn remove_table(&self, _table: &str) -> Result<(), Error> {
        todo!()
    }
}

impl Arrived {
    /// Adds bytes at the end.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        todo!()
    }

    /// Where its bytes lie now, for looking at its kind.
    pub fn path(&self) -> &Path {
        &self._path
    }

    /// Its size in bytes so far.
    pub fn size(&self) -> u64 {
        todo!()
    }
}
