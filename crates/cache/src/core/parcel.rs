//! A value as it lies in memcached, under which key, and whether what comes back is what was put there.
//!
//! Shape, numbers big-endian: `ODC1`, CRC-32 of all that follows (4 bytes), epoch, as-of, revision (8 each), the lengths of
//! namespace, space and id (2 each), these three, then the value.
//!
//! Invariant: what is not exactly the value of the key asked for is refused; a wrong byte anywhere is noticed.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::window::Stamp;

const MAGIC: &[u8] = b"ODC1";
/// Up to and with the checksum.
const HEAD: usize = 8;
const NUMBERS: usize = 3 * 8 + 3 * 2;

/// Memcached takes keys of 250 bytes; beyond this we name a value by a digest.
const PLAIN_KEY_BYTES_MAX: usize = 200;
const PREFIX: &str = "ondol:";

/// The most that namespace, space and id may take together, in bytes; a value with a longer name is not kept.
const NAME_BYTES_MAX: usize = 4096;
/// The most that a parcel has in it beside its value.
pub(crate) const WRAPPING_BYTES_MAX: usize = HEAD + NUMBERS + NAME_BYTES_MAX;

/// A value with all that says whether it may be given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) stamp: Stamp,
    pub(crate) rev: i64,
    pub(crate) value: Bytes,
}

/// The key in memcached: readable where it can be, else a digest. Two names may share a key; their parcels differ.
pub(crate) fn key(namespace: &str, space: &str, id: &str) -> String {
    let plain = format!("{PREFIX}{namespace}:{space}:{id}");
    if plain.len() <= PLAIN_KEY_BYTES_MAX && plain.bytes().all(|byte| byte.is_ascii_graphic()) {
        return plain;
    }
    let digest = Sha256::digest(plain.as_bytes());
    digest.iter().fold(format!("{PREFIX}#"), |key, byte| key + &format!("{byte:02x}"))
}

/// Writes a parcel; `None` when a name is too long for it.
pub(crate) fn pack(namespace: &str, space: &str, id: &str, parcel: &Parcel) -> Option<Bytes> {
    let name_bytes = namespace.len() + space.len() + id.len();
    if name_bytes > NAME_BYTES_MAX {
        return None;
    }
    let mut out = BytesMut::with_capacity(HEAD + NUMBERS + name_bytes + parcel.value.len());
    out.put_slice(MAGIC);
    out.put_u32(0);
    out.put_i64(parcel.stamp.epoch);
    out.put_i64(parcel.stamp.as_of);
    out.put_i64(parcel.rev);
    for name in [namespace, space, id] {
        out.put_u16(u16::try_from(name.len()).ok()?);
    }
    for name in [namespace, space, id] {
        out.put_slice(name.as_bytes());
    }
    out.put_slice(&parcel.value);
    let sum = crc32fast::hash(&out[HEAD..]);
    out[MAGIC.len()..HEAD].copy_from_slice(&sum.to_be_bytes());
    Some(out.freeze())
}

/// Reads a parcel; `None` when it is not one of this name, or damaged.
pub(crate) fn unpack(namespace: &str, space: &str, id: &str, mut bytes: Bytes) -> Option<Parcel> {
    if bytes.len() < HEAD + NUMBERS || !bytes.starts_with(MAGIC) {
        return None;
    }
    bytes.advance(MAGIC.len());
    if bytes.get_u32() != crc32fast::hash(&bytes) {
        return None;
    }
    let stamp = Stamp { epoch: bytes.get_i64(), as_of: bytes.get_i64() };
    let rev = bytes.get_i64();
    let lengths = [bytes.get_u16(), bytes.get_u16(), bytes.get_u16()];
    for (name, length) in [namespace, space, id].into_iter().zip(lengths) {
        if name.len() != usize::from(length) || !bytes.starts_with(name.as_bytes()) {
            return None;
        }
        bytes.advance(name.len());
    }
    Some(Parcel { stamp, rev, value: bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel() -> Parcel {
        let stamp = Stamp { epoch: 3, as_of: 1 << 40 };
        Parcel { stamp, rev: 7, value: Bytes::from_static("{\"제목\":\"온돌\"}".as_bytes()) }
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let bytes = pack("popong", "bills", "a1", &parcel()).unwrap();
        assert!(bytes.len() <= WRAPPING_BYTES_MAX + parcel().value.len());
        assert_eq!(unpack("popong", "bills", "a1", bytes), Some(parcel()));
    }

    #[test]
    fn a_parcel_of_another_name_is_refused_though_the_letters_are_the_same() {
        let bytes = pack("popong", "bills", "a1", &parcel()).unwrap();
        for (namespace, space, id) in
            [("popong", "bills", "a2"), ("popong", "billsa", "1"), ("popongbills", "", "a1"), ("", "", "")]
        {
            assert_eq!(unpack(namespace, space, id, bytes.clone()), None);
        }
    }

    #[test]
    fn a_parcel_with_any_byte_changed_or_lost_is_refused() {
        let whole = pack("n", "s", "i", &parcel()).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[at] ^= 1;
            assert_eq!(unpack("n", "s", "i", changed.into()), None, "byte {at}");
            assert_eq!(unpack("n", "s", "i", whole.slice(..at)), None, "cut at {at}");
        }
    }

    #[test]
    fn a_name_that_memcached_would_not_take_is_digested() {
        assert_eq!(key("n", "bills", "a1"), "ondol:n:bills:a1");
        for id in ["a b", "a\r\nflush_all", "한", &"a".repeat(300)] {
            let key = key("n", "bills", id);
            assert!(key.starts_with("ondol:#") && key.len() == 71, "{key}");
        }
    }
}
