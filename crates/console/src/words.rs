//! Every text that people see, in Korean and in English.
//!
//! A text is one line of the catalogue with both languages beside each other; the macro makes a struct of them, so that
//! a text without one of its languages does not compile. Texts with numbers or names in them are functions on [`Lang`].
//!
//! Invariant: no other file of this crate holds a text for people; faults that other files find are told in English with a
//! code, as the rooms tell theirs, and `faults` has them in Korean.

mod catalogue;
mod continuity;
mod counted;
mod faults;
mod kinds;

pub(crate) use catalogue::Words;
pub(crate) use counted::{grouped, size};
pub(crate) use kinds::ADDABLE;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    /// Korean.
    Ko,
    /// English.
    #[default]
    En,
}

impl Lang {
    /// Both, in the order in which the switch shows them.
    pub(crate) const ALL: [Lang; 2] = [Lang::Ko, Lang::En];

    /// Its code for `lang` and for the cookie.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Lang::Ko => "ko",
            Lang::En => "en",
        }
    }

    /// Its own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lang::Ko => "한국어",
            Lang::En => "English",
        }
    }

    /// A language by its code.
    pub(crate) fn from_code(code: &str) -> Option<Lang> {
        Lang::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// The best language for an `Accept-Language` header (RFC 9110, 12.5.4); English when neither is wanted.
    pub(crate) fn accepted(header: &str) -> Lang {
        let mut best = (0.0, Lang::En);
        for item in header.split(',') {
            let (range, parameters) = item.split_once(';').unwrap_or((item, ""));
            let quality =
                parameters.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).unwrap_or(1.0);
            let primary = range.trim().split('-').next().unwrap_or("").to_ascii_lowercase();
            if let Some(lang) = Lang::from_code(&primary)
                && quality > best.0
            {
                best = (quality, lang);
            }
        }
        best.1
    }

    /// The catalogue in this language.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Lang::Ko => &catalogue::KO,
            Lang::En => &catalogue::EN,
        }
    }

    /// One of two texts.
    fn pick<T>(self, en: T, ko: T) -> T {
        match self {
            Lang::Ko => ko,
            Lang::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_language_is_taken_by_quality() {
        for (header, lang) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Lang::Ko),
            ("en-US,en;q=0.9,ko;q=0.8", Lang::En),
            ("fr,ko;q=0.3,en;q=0.2", Lang::Ko),
            ("de", Lang::En),
            ("", Lang::En),
            ("ko;q=x", Lang::Ko),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
