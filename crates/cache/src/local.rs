//! Values in this process, as many as fit into a number of bytes; those that nobody asks for go first.

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

use crate::core::parcel::Parcel;

/// What one value takes beside its bytes and its key: the parcel, the table's places, two allocations.
const BOOKKEEPING_BYTES: u64 = 160;
/// What we expect a value to take, for the size of the table; it grows where that is wrong.
const USUAL_BYTES: u64 = 1024;
/// How many of the longest values find room in each part.
const LONGEST_VALUES_MIN: u64 = 8;
const PARTS_MAX: u64 = 64;

#[derive(Debug)]
pub(crate) struct Local {
    values: Cache<Key, Parcel, Weigher>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Box<str>, Box<str>);

/// A key that is only looked at. It hashes as [`Key`] does.
#[derive(Hash)]
struct KeyRef<'a>(&'a str, &'a str);

#[derive(Clone, Debug)]
struct Weigher;

impl Local {
    /// `bytes_max` is split among parts that are locked apart, few enough that the longest values find room in each.
    pub(crate) fn new(bytes_max: u64, value_bytes_max: usize) -> Local {
        let part_bytes_min = (value_bytes_max as u64).saturating_mul(LONGEST_VALUES_MIN).max(1);
        let parts = (bytes_max / part_bytes_min).clamp(1, PARTS_MAX);
        let options = OptionsBuilder::new()
            .shards(usize::try_from(parts).expect("it is below PARTS_MAX"))
            .weight_capacity(bytes_max)
            .estimated_items_capacity(usize::try_from(bytes_max / USUAL_BYTES).unwrap_or(usize::MAX).max(1))
            .build()
            .expect("all that it asks for is given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Local { values: Cache::with_options(options, Weigher, hasher, lifecycle) }
    }

    pub(crate) fn get(&self, space: &str, id: &str) -> Option<Parcel> {
        self.values.get(&KeyRef(space, id))
    }

    pub(crate) fn put(&self, space: &str, id: &str, parcel: Parcel) {
        self.values.insert(Key(space.into(), id.into()), parcel);
    }

    pub(crate) fn remove(&self, space: &str, id: &str) {
        self.values.remove(&KeyRef(space, id));
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}

impl Weighter<Key, Parcel> for Weigher {
    fn weight(&self, key: &Key, parcel: &Parcel) -> u64 {
        BOOKKEEPING_BYTES + (key.0.len() + key.1.len() + parcel.value.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::core::window::Stamp;

    fn parcel(length: usize) -> Parcel {
        Parcel { stamp: Stamp { epoch: 0, as_of: 0 }, rev: 1, value: Bytes::from(vec![b'a'; length]) }
    }

    #[test]
    fn it_takes_no_more_than_it_may() {
        let local = Local::new(100_000, 1_000);
        for n in 0..1_000 {
            local.put("bills", &n.to_string(), parcel(1_000));
        }
        let kept = (0..1_000).filter(|n| local.get("bills", &n.to_string()).is_some()).count();
        assert!((1..=100).contains(&kept), "{kept} values of 1,000 bytes in 100,000");
    }

    #[test]
    fn a_key_is_its_space_and_its_id() {
        let local = Local::new(100_000, 1_000);
        local.put("ab", "c", parcel(1));
        assert_eq!(local.get("a", "bc"), None);
        assert_eq!(local.get("ab", "c"), Some(parcel(1)));
        local.remove("ab", "c");
        assert_eq!(local.get("ab", "c"), None);
    }
}
