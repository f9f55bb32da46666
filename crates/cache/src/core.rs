//! Deciding: whether a value is the newest, how it is written down, what memcached said, which server has a key.

pub(crate) mod choice;
pub(crate) mod parcel;
pub(crate) mod protocol;
pub(crate) mod window;
