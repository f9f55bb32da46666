//! What changed lately, and whether a value is still the newest by that.
//!
//! The newest position at which a key changed is kept in one of a fixed number of slots, found by the key's hash. Keys that
//! share a slot share the later position: a value may look older than it is, never newer. So nothing has to be
//! forgotten for want of room, and eight bytes do for what a map of keys would take a hundred for.
//!
//! Invariant: a slot's position is never lower than that of the newest known change of any of its keys after the floor.

use std::hash::{BuildHasher, RandomState};

use crate::log::{Change, Place};

/// The place up to which a value is known to be the newest: it holds every change of its key at or before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) epoch: i64,
    pub(crate) as_of: i64,
}

/// What changed lately.
#[derive(Debug)]
pub(crate) struct Window {
    place: Option<Place>,
    /// All changes after it are known; of those before, nothing.
    floor: i64,
    slots: Box<[i64]>,
    hasher: RandomState,
}

/// The log went back within one epoch, which breaks its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the change log went back from {from} to {to} within one epoch")]
pub(crate) struct WentBack {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Window {
    /// A window that knows nothing. `slots` is at least 1.
    pub(crate) fn new(slots: usize, hasher: RandomState) -> Window {
        Window { place: None, floor: i64::MAX, slots: vec![i64::MIN; slots.max(1)].into(), hasher }
    }

    /// Up to where the log is known.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Forgets everything and begins anew at `place`, where changes up to `newest` are committed: what was stamped before
    /// that, or in another epoch, counts no more.
    ///
    /// # Errors
    /// When it lies before the window's place in the same epoch; then nothing is changed.
    pub(crate) fn begin(&mut self, place: Place, newest: i64) -> Result<(), WentBack> {
        if let Some(old) = self.place
            && old.epoch == place.epoch
        {
            goes_on(old.position, place.position)?;
        }
        self.slots.fill(i64::MIN);
        self.floor = newest.max(place.position);
        self.place = Some(place);
        Ok(())
    }

    /// Takes in all changes from its place up to `to`, and those that are known after that.
    ///
    /// # Errors
    /// When `to` lies before its place; then nothing is changed. Without a place there is nothing to advance from.
    pub(crate) fn advance(&mut self, to: i64, changes: &[Change]) -> Result<(), WentBack> {
        let Some(place) = &mut self.place else { return Err(WentBack { from: i64::MAX, to }) };
        goes_on(place.position, to)?;
        place.position = to;
        for change in changes {
            let slot = self.slot(&change.space, &change.id);
            self.slots[slot] = self.slots[slot].max(change.position);
        }
        Ok(())
    }

    /// Whether a value with this stamp is the newest of its key, as far as the log is known.
    pub(crate) fn is_newest(&self, space: &str, id: &str, stamp: Stamp) -> bool {
        let is_known =
            self.place.is_some_and(|place| place.epoch == stamp.epoch) && stamp.as_of >= self.floor;
        is_known && self.slots[self.slot(space, id)] <= stamp.as_of
    }

    fn slot(&self, space: &str, id: &str) -> usize {
        let hash = self.hasher.hash_one((space, id));
        let count = self.slots.len() as u64;
        usize::try_from(hash % count).expect("it is below the number of slots")
    }
}

fn goes_on(from: i64, to: i64) -> Result<(), WentBack> {
    if to < from { Err(WentBack { from, to }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
