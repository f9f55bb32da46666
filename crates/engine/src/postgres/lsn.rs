//! Places in the write-ahead log, as PostgreSQL writes them: `16/B374D848`.

/// A place, in bytes.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (high, low) = text.trim().split_once('/')?;
    let part = |text: &str| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(part(high)? << 32 | part(low)?)
}

/// As PostgreSQL writes it.
pub(crate) fn show(place: u64) -> String {
    format!("{:X}/{:X}", place >> 32, place & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_place_reads_as_it_is_written() {
        for (text, place) in [("0/0", 0), ("0/3000148", 0x300_0148), ("16/B374D848", 0x16_B374_D848)] {
            assert_eq!(super::parse(text), Some(place));
            assert_eq!(super::show(place), text);
        }
        assert_eq!(super::parse("nonsense"), None);
    }
}
