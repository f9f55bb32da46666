//! In which codings an answer may go to a client (RFC 9110, 12.5.3), and which answers may be put into one.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

/// A way to write fewer bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

/// What was written in advance with patience: the smallest first.
pub(crate) const IN_ADVANCE: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
/// What is written on the way.
pub(crate) const ON_THE_WAY: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

/// Digests of the bytes as they are: they would be wrong of others.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Coding {
    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// What a file that was written in it ends with.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// Those of `known` that a client takes, those that it likes best first.
pub(crate) fn accepted(headers: &HeaderMap, known: &[Coding]) -> Vec<Coding> {
    let mut liked: Vec<(u16, Coding)> = Vec::new();
    for coding in known.iter().copied() {
        let (mut own, mut any) = (None, None);
        let sent = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        for offer in sent.flat_map(|value| value.split(',')) {
            let mut parts = offer.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight = weight.map_or(1000, thousandths);
            match name {
                "*" => any = Some(weight),
                _ if name.eq_ignore_ascii_case(coding.name()) => own = Some(weight),
                // its name of old
                _ if coding == Coding::Gzip && name.eq_ignore_ascii_case("x-gzip") => own = Some(weight),
                _ => {}
            }
        }
        let weight = own.or(any).unwrap_or(0);
        if weight > 0 {
            liked.push((weight, coding));
        }
    }
    liked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    liked.into_iter().map(|(_, coding)| coding).collect()
}

/// `0.5` as 500; what is no such number is 0.
fn thousandths(weight: &str) -> u16 {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let is_plain = part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
    match (whole, is_plain) {
        ("1", true) => 1000,
        ("0", true) => format!("{part:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a request asks for something that may be compressed on the way.
///
/// What another site's page has a browser fetch is not: its length would tell that page how much of what it guessed
/// stands in the answer too (BREACH). Browsers say so themselves, over TLS, where it matters.
pub(crate) fn may_ask(headers: &HeaderMap) -> bool {
    let is_cross = headers.get(FETCH_SITE).is_some_and(|site| site.as_bytes() == b"cross-site");
    headers.contains_key(header::ACCEPT_ENCODING) && !headers.contains_key(header::RANGE) && !is_cross
}

/// Whether an answer is of a kind that gains by it; how it goes out depends on what a client accepts.
pub(crate) fn is_fit(status: StatusCode, headers: &HeaderMap) -> bool {
    let has = |name: HeaderName| headers.contains_key(name);
    let says = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut words = values.flat_map(|value| value.split(','));
        words.any(|said| said.trim().eq_ignore_ascii_case(word))
    };
    let has_body = !status.is_informational()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED);
    has_body
        && !has(header::CONTENT_ENCODING)
        && !has(header::CONTENT_RANGE)
        && !has(header::SET_COOKIE)
        && !DIGESTS.iter().any(|name| headers.contains_key(name))
        && !says(header::CACHE_CONTROL, "no-transform")
        && !says(header::VARY, "*")
        && headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_text)
}

/// Kinds that are text. Event streams are not: each event is to go out at once.
pub(crate) fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/wasm",
        "application/x-ndjson",
        "application/sql",
        "application/vnd.ms-fontobject",
        "font/ttf",
        "font/otf",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "image/x-icon",
    ];
    kind != "text/event-stream"
        && (kind.starts_with("text/")
            || kind.ends_with("+json")
            || kind.ends_with("+xml")
            || known.contains(&kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(sent: &[(&'static str, &str)]) -> HeaderMap {
        sent.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_client_gets_what_it_likes_best_of_what_is_known() {
        for (sent, first) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
            ("br;q=0.5, gzip;q=0.501", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("*;q=0.1, br;q=0", Some(Coding::Zstd)),
            ("x-gzip", Some(Coding::Gzip)),
            ("identity", None),
            ("gzip;q=0", None),
            ("gzip;q=2", None),
            ("", None),
        ] {
            assert_eq!(
                accepted(&headers(&[("accept-encoding", sent)]), &IN_ADVANCE).first().copied(),
                first,
                "{sent}"
            );
        }
        assert_eq!(accepted(&HeaderMap::new(), &IN_ADVANCE), []);
    }

    #[test]
    fn only_whole_texts_that_nobody_else_has_a_word_about_are_compressed() {
        let text = ("content-type", "text/html; charset=utf-8");
        assert!(is_fit(StatusCode::OK, &headers(&[text])));
        assert!(is_fit(StatusCode::NOT_FOUND, &headers(&[("content-type", "application/problem+json")])));
        for more in [
            ("content-encoding", "br"),
            ("content-range", "bytes 0-1/2"),
            ("cache-control", "public, No-Transform"),
            ("vary", "Origin, *"),
            ("content-digest", "sha-256=:x:"),
            ("set-cookie", "a=1"),
        ] {
            assert!(!is_fit(StatusCode::OK, &headers(&[text, more])), "{more:?}");
        }
        for kind in ["text/event-stream", "image/png", "application/octet-stream", "video/mp4"] {
            assert!(!is_fit(StatusCode::OK, &headers(&[("content-type", kind)])), "{kind}");
        }
        for status in [StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT] {
            assert!(!is_fit(status, &headers(&[text])), "{status}");
        }
    }

    #[test]
    fn what_another_site_has_a_browser_fetch_is_not_compressed() {
        let accepts = ("accept-encoding", "gzip");
        assert!(
            may_ask(&headers(&[accepts])) && may_ask(&headers(&[accepts, ("sec-fetch-site", "same-origin")]))
        );
        assert!(!may_ask(&headers(&[accepts, ("sec-fetch-site", "cross-site")])));
        assert!(!may_ask(&headers(&[accepts, ("range", "bytes=0-1")])) && !may_ask(&HeaderMap::new()));
    }
}
