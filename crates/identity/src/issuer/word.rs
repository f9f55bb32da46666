//! What clients bring back to us: codes and refresh tokens. Each is the name of its family, its place in it, and a mark that
//! the house alone can make: so nothing of them is kept, and a guess is known for one without a look at the database.
//!
//! Invariant: pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longest name of a family that is looked for, in bytes.
const FAMILY_BYTES_MAX: usize = 64;

/// A code, or a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// The family.
    pub(crate) family: String,
    /// 0: the code; else which of the refresh tokens that follow one another.
    pub(crate) turn: u64,
}

impl Word {
    /// The word itself.
    pub(crate) fn write(&self, key: &[u8; 32]) -> String {
        let mark: [u8; 32] = marked(self, key).finalize().into_bytes().into();
        format!("{}.{}.{}", self.family, self.turn, BASE64.encode(mark))
    }

    /// Reads a word; `None` for everything that we did not make.
    pub(crate) fn read(text: &str, key: &[u8; 32]) -> Option<Word> {
        let (said, mark) = text.rsplit_once('.')?;
        let (family, turn) = said.rsplit_once('.')?;
        if family.is_empty() || family.len() > FAMILY_BYTES_MAX {
            return None;
        }
        let word = Word { family: family.to_owned(), turn: turn.parse().ok()? };
        marked(&word, key).verify_slice(&BASE64.decode(mark).ok()?).ok()?;
        Some(word)
    }
}

fn marked(word: &Word, key: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&word.turn.to_be_bytes());
    mac.update(word.family.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_read_by_the_house_that_made_it_and_only_as_it_made_it() {
        let word = Word { family: "abc".into(), turn: 3 };
        let text = word.write(&[1; 32]);
        assert_eq!(Word::read(&text, &[1; 32]), Some(word));
        assert_eq!(Word::read(&text, &[2; 32]), None);
        assert_eq!(Word::read(&text.replace("abc.3", "abc.4"), &[1; 32]), None);
        assert_eq!(Word::read(&text.replace("abc", "abd"), &[1; 32]), None);
        assert_eq!(Word::read(&text[..text.len() - 1], &[1; 32]), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9.]{0,80}|.{0,40}") {
            prop_assert_eq!(Word::read(&text, &[1; 32]), None);
        }
    }
}
