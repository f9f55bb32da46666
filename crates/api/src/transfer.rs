//! Data files in and out: JSON, JSON Lines and CSV.
//!
//! A file is read twice. The first pass surveys it: which keys there are, what their values have in common, and a hash of
//! the bytes. The second pass brings the rows in, many per transaction. A row's id comes from the row itself or from the
//! hash and its place in the file, so that the same file can be brought in again, or go on after an interruption, without a double.
//!
//! Map, in reading order: `source` (a file and its rows), `json` and `table` (the two forms of files), `infer` (pure: what
//! fields the values need), `names` (pure: from the file's words to field names), `fit` (pure: a row as a collection takes
//! it), `load` (bringing rows in), `export` (writing them out).
//!
//! Invariant: nothing that a file holds is dropped or bent silently: a row comes in whole or is reported with its line.

mod export;
mod fit;
mod infer;
mod json;
mod load;
mod names;
mod source;
mod table;

pub use export::{Export, export};
pub use fit::Ids;
pub use infer::Column;
pub use load::{Order, Tally, Watch, load};
pub use source::{Bad, Format, Row, Rows, Source, Survey};

/// A failure of bringing in or writing out as a whole; what is wrong with single rows is a [`Bad`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for can't be done; one sentence that says what to do.
    #[error("{0}")]
    Refused(String),
    /// The collection or the store refuses.
    #[error(transparent)]
    Records(#[from] records::Error),
}
