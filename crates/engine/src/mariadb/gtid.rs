//! Places in the binary log, as MariaDB writes them: `0-17-4711`, of which the last is the sequence number.
//!
//! There is one domain, 0, and `gtid_strict_mode` keeps its numbers in order whoever the primary is.

use crate::error::Error;

/// The sequence number of domain 0; 0 where nothing was written yet.
pub(crate) fn sequence(text: &str) -> Result<u64, Error> {
    let unread = || Error::Unread { what: "a place in the binary log", said: text.to_owned() };
    let mut sequence = 0;
    for gtid in text.split(',').map(str::trim).filter(|gtid| !gtid.is_empty()) {
        let mut parts = gtid.split('-');
        let (domain, _, number) = (parts.next(), parts.next().ok_or_else(unread)?, parts.next());
        let number: u64 = number.and_then(|number| number.parse().ok()).ok_or_else(unread)?;
        match domain {
            Some("0") => sequence = number.max(sequence),
            _ => return Err(unread()),
        }
    }
    Ok(sequence)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_place_is_its_sequence_number() {
        assert_eq!(super::sequence("").unwrap(), 0);
        assert_eq!(super::sequence("0-17-4711").unwrap(), 4711);
        assert!(super::sequence("1-17-4711").is_err(), "another domain is none of ours");
        assert!(super::sequence("nonsense").is_err());
    }
}
