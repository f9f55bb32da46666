//! The languages of pages: Korean and English.

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Korean,
    English,
}

impl Language {
    /// The one that a browser likes better (`Accept-Language`); English where it likes neither.
    pub(crate) fn accepted(header: &str) -> Language {
        let mut best = (0.0, Language::English);
        for item in header.split(',') {
            let (range, rest) = item.split_once(';').unwrap_or((item, ""));
            let quality = rest.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).unwrap_or(1.0);
            let language = match range.trim().split('-').next().unwrap_or_default() {
                "ko" => Language::Korean,
                "en" => Language::English,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// The one of this name.
    pub(crate) fn of_code(code: &str) -> Option<Language> {
        [Language::Korean, Language::English].into_iter().find(|language| language.code() == code)
    }

    /// Its name in HTML.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::Korean => "ko",
            Language::English => "en",
        }
    }

    /// The one of two texts that is in this language.
    pub(crate) fn pick(self, korean: &'static str, english: &'static str) -> &'static str {
        match self {
            Language::Korean => korean,
            Language::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_language_that_it_likes_better() {
        for (header, language) in [
            ("", Language::English),
            ("ko-KR,ko;q=0.9,en;q=0.8", Language::Korean),
            ("en;q=0.8, ko;q=0.9", Language::Korean),
            ("fr, en;q=0.2, ko;q=0.1", Language::English),
            ("de", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
