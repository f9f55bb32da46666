//! History that is about to be lost, kept aside for people to look at with `pg_waldump`.
//!
//! It is bounded twice: so many segments of each loss, so many losses.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Error;
use crate::place::Place;

/// Losses that are kept; the oldest goes first.
const LOSSES_MAX: usize = 4;
/// The size of a segment, in bits of its places: 16 MiB.
const SEGMENT_BITS: u32 = 24;

/// Copies the segments of `timeline` that have what is from `from` on, at most `most` of them, the first ones.
pub(crate) fn keep(place: &Place, name: &str, timeline: u32, from: u64, most: usize) -> Result<(), Error> {
    let folder = place.audit().join(name);
    fs::create_dir_all(&folder).map_err(Error::disk(&folder))?;
    for segment in segments(&place.data().join("pg_wal"), timeline, from).into_iter().take(most) {
        let copy = folder.join(segment.file_name().unwrap_or_default());
        fs::copy(&segment, &copy).map_err(Error::disk(&copy))?;
    }
    forget(&place.audit())
}

fn segments(folder: &Path, timeline: u32, from: u64) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_of_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        place_of(name).is_some_and(|(of, number)| of == timeline && number >= from >> SEGMENT_BITS)
    };
    let mut segments: Vec<PathBuf> = files.filter(is_of_it).collect();
    segments.sort();
    segments
}

/// Timeline and number of a segment, by its name.
fn place_of(name: &str) -> Option<(u32, u64)> {
    let part = |from: usize| u32::from_str_radix(name.get(from..from + 8)?, 16).ok();
    let (timeline, log, segment) = (part(0)?, part(8)?, part(16)?);
    (name.len() == 24).then_some((timeline, u64::from(log) << (32 - SEGMENT_BITS) | u64::from(segment)))
}

fn forget(folder: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(Error::disk(folder))?.flatten();
    let age =
        |path: &Path| fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut losses: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    losses.sort_by_key(|path| std::cmp::Reverse(age(path)));
    for old in losses.into_iter().skip(LOSSES_MAX) {
        fs::remove_dir_all(&old).map_err(Error::disk(&old))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_segment_is_known_by_its_name() {
        assert_eq!(super::place_of("0000000200000001000000FE"), Some((2, 0x1FE)));
        assert_eq!(super::place_of("00000002.history"), None);
        assert_eq!(super::place_of("0000000200000001000000FE.partial"), None);
    }
}
