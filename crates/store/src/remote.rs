//! What both kinds of database server have in common.

mod link;

pub(crate) use link::{Cells, Link, Pool};
