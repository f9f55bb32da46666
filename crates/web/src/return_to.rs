//! Where somebody is sent back to afterwards, as a request says it: a path of our own, or nowhere.
//!
//! Invariant: what passes here leads to this very host, in whatever way a browser reads addresses (RFC 3986; the WHATWG's
//! reading takes `\` for `/` and leaves out tabs and line ends).

use percent_encoding::percent_decode_str;

/// Longest way back, in bytes: one that holds a whole request of OpenID Connect fits.
pub const BYTES_MAX: usize = 4096;
/// How often a path may be escaped.
const ESCAPED_MAX: usize = 3;

/// The same, if it is a path of our own, with whatever query.
pub fn ours(sent: &str) -> Option<&str> {
    let is_plain = sent.len() <= BYTES_MAX && sent.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let path = sent.split(['?', '#']).next().unwrap_or_default();
    (is_plain && leads_nowhere_else(path)).then_some(sent)
}

/// Whether a path stays one however often it is unescaped on its way.
fn leads_nowhere_else(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..ESCAPED_MAX {
        let is_odd = |c: char| c == '\\' || c.is_control();
        let is_step = |part: &str| matches!(part, "." | "..");
        if !path.starts_with('/')
            || path.contains("//")
            || path.contains(is_odd)
            || path.split('/').any(is_step)
        {
            return false;
        }
        let Ok(plain) = percent_decode_str(&path).decode_utf8() else { return false };
        if plain == path {
            return true;
        }
        path = plain.into_owned();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_leads_to_a_path_of_our_own() {
        for sent in
            ["/", "/a/b?c=d&e=https://x.example//y#f", "/%EB%B2%95%EC%95%88", "/a%20b", "/oauth?u=%2F%2Fx"]
        {
            assert_eq!(ours(sent), Some(sent));
        }
    }

    #[test]
    fn a_way_back_leads_nowhere_else() {
        let long = format!("/{}", "a".repeat(BYTES_MAX));
        for sent in [
            "",
            "a",
            "//evil",
            "///evil",
            "\\evil",
            "/\\evil",
            "\\\\evil",
            "https:evil",
            "https://evil",
            "//evil@a",
            "/\t/evil",
            "/\n/evil",
            "\t//evil",
            " /a",
            "/ /evil",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:,x",
            "/%2fevil",
            "/%2Fevil",
            "%2f%2fevil",
            "/%5cevil",
            "/%5Cevil",
            "/%09/evil",
            "/%0d%0aSet-Cookie:a=b",
            "/%252fevil",
            "/%25252fevil",
            "/%2525252fevil",
            "/a/..//evil",
            "/..",
            "/.//evil",
            "/%2e%2e/evil",
            "/./a",
            "/%00",
            "/온돌",
            "/%ff",
            "?//evil",
            "#",
            &long,
        ] {
            assert_eq!(ours(sent), None, "{sent:?}");
        }
    }
}
