//! Addresses of our own pages: made with escaping, and checked when they come back from outside.

use std::fmt::Write;

/// A text as part of a path or a query: everything but `[A-Za-z0-9._~-]` is escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'~' | b'-' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("writing to a text can't fail"),
        }
    }
    out
}

/// An address with a query; pairs without a value are left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let mut separator = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(separator);
        out.push_str(name);
        out.push('=');
        out.push_str(&escaped(value));
        separator = '&';
    }
    out
}

/// The page of a collection, or one below it (`/fields`).
pub(crate) fn collection(name: &str, below: &str) -> String {
    format!("/_/collections/{}{below}", escaped(name))
}

/// The page of a record.
pub(crate) fn record(collection_name: &str, id: &str) -> String {
    collection(collection_name, &format!("/records/{}", escaped(id)))
}

/// A file of a record, as the API serves it; `thumb` may be empty.
pub(crate) fn file(collection_name: &str, id: &str, name: &str, thumb: &str, token: &str) -> String {
    let path = format!("/api/files/{}/{}/{}", escaped(collection_name), escaped(id), escaped(name));
    with_query(&path, &[("thumb", thumb), ("token", token)])
}

/// An address that came from outside, if it is one of our own pages; else the first page. It can't lead elsewhere.
pub(crate) fn ours(sent: &str) -> &str {
    let is_page = |sent: &&str| sent.starts_with("/_/") || sent.starts_with("/auth/");
    web::return_to::ours(sent).filter(is_page).unwrap_or("/_/collections")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_from_outside_never_leads_elsewhere() {
        for sent in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/api/x",
            "/_/\r\nx: y",
            "",
            "/_//evil.example",
        ] {
            assert_eq!(ours(sent), "/_/collections", "{sent}");
        }
        assert_eq!(ours("/_/collections/posts?page=2"), "/_/collections/posts?page=2");
    }

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(with_query("/_/x", &[("a", ""), ("b", "온 &=")]), "/_/x?b=%EC%98%A8%20%26%3D");
    }
}
