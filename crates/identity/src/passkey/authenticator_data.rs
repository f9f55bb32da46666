//! What an authenticator says and signs (WebAuthn level 3, 6.1): read to its last byte.

use minicbor::Decoder;
use minicbor::data::Type;
use sha2::{Digest, Sha256};

use super::ID_BYTES_MAX;
use super::flaw::Flaw;
use super::key::Key;

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENDED: u8 = 1 << 7;
/// Bytes of the hash, the flags and the counter.
const HEAD: usize = 37;
/// Bytes of the authenticator's model.
const MODEL: usize = 16;

/// What an authenticator says.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticatorData {
    site: [u8; 32],
    flags: u8,
    /// How often it signed with the passkey; 0 where it does not count.
    pub(crate) counter: u32,
    /// The passkey that was made, where one was.
    pub(crate) made: Option<Made>,
}

/// A passkey that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: Vec<u8>,
    pub(crate) key: Key,
    /// The key as it was written.
    pub(crate) cose: Vec<u8>,
}

impl AuthenticatorData {
    /// Reads the bytes, all of them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<AuthenticatorData, Flaw> {
        let (head, mut rest) = bytes.split_at_checked(HEAD).ok_or(Flaw::AuthenticatorData)?;
        let (site, head) = head.split_first_chunk().ok_or(Flaw::AuthenticatorData)?;
        let (flags, counter) = head.split_first().ok_or(Flaw::AuthenticatorData)?;
        let counter = counter.try_into().map_err(|_| Flaw::AuthenticatorData)?;
        let made = match flags & ATTESTED {
            0 => None,
            _ => Some(Made::read(&mut rest)?),
        };
        if flags & EXTENDED != 0 {
            let mut decoder = Decoder::new(rest);
            // what extensions say is not needed
            let is_map = matches!(decoder.datatype(), Ok(Type::Map)) && decoder.skip().is_ok();
            let behind = rest.get(decoder.position()..).filter(|_| is_map);
            rest = behind.ok_or(Flaw::AuthenticatorData)?;
        }
        if !rest.is_empty() {
            return Err(Flaw::AuthenticatorData);
        }
        Ok(AuthenticatorData { site: *site, flags: *flags, counter: u32::from_be_bytes(counter), made })
    }

    /// Whether it is for this site, and somebody was there and has unlocked it; and what it says of backups is consistent.
    pub(crate) fn check(&self, site: &str) -> Result<(), Flaw> {
        match () {
            () if self.site[..] != Sha256::digest(site)[..] => Err(Flaw::RelyingParty),
            () if !self.has(PRESENT) => Err(Flaw::Presence),
            () if !self.has(VERIFIED) => Err(Flaw::Verification),
            () if self.is_backed_up() && !self.is_backup_eligible() => Err(Flaw::Backup),
            () => Ok(()),
        }
    }

    /// Whether the passkey can be copied to other devices.
    pub(crate) fn is_backup_eligible(&self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether it is, by now.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Made {
    /// Reads the passkey at the beginning of bytes, which then begin behind it.
    fn read(bytes: &mut &[u8]) -> Result<Made, Flaw> {
        let behind = bytes.get(MODEL..).ok_or(Flaw::AuthenticatorData)?;
        let (length, behind) = behind.split_first_chunk().ok_or(Flaw::AuthenticatorData)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=ID_BYTES_MAX).contains(&length) {
            return Err(Flaw::IdLength);
        }
        let (id, behind) = behind.split_at_checked(length).ok_or(Flaw::AuthenticatorData)?;
        let (key, length) = Key::parse(behind)?;
        let (cose, behind) = behind.split_at_checked(length).ok_or(Flaw::AuthenticatorData)?;
        *bytes = behind;
        Ok(Made { id: id.to_vec(), key, cose: cose.to_vec() })
    }
}
