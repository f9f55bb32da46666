//! What somebody types as their OpenID, made an address (OpenID 2.0, 7.2), and the list of addresses that may be asked.

use thiserror::Error;
use url::Url;

/// Longest identifier, in bytes.
pub const BYTES_MAX: usize = 2000;

/// Why a text is no identifier. The sentences are for whoever typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Nothing was typed.
    #[error("Enter the address of your OpenID.")]
    Empty,
    /// An i-name, such as `=alice`.
    #[error("XRI identifiers (i-names) are not supported; their registries have closed. Enter an address.")]
    Xri,
    /// Not an address of the web.
    #[error("An OpenID is an address that begins with http:// or https://, without user name and password.")]
    NotWeb,
    /// Not on the operator's list.
    #[error("This service does not accept OpenIDs of that address.")]
    NotAllowed,
}

/// The address that a text stands for, without its fragment.
pub fn normalise(text: &str) -> Result<Url, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.to_ascii_lowercase().starts_with("xri:") || text.starts_with(['=', '@', '+', '$', '!', '(']) {
        return Err(Fault::Xri);
    }
    if text.len() > BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Fault::NotWeb);
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let mut url = match scheme {
        Some(_) => Url::parse(text),
        None => Url::parse(&format!("http://{text}")),
    }
    .map_err(|_| Fault::NotWeb)?;
    if !is_web(&url) {
        return Err(Fault::NotWeb);
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether an address is one of the web, and carries no user name or password.
pub fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= BYTES_MAX
}

/// Which identifiers may be used: `*` for any, or the beginnings of addresses (`https://op.example/`), in which the first
/// label of the host may be `*` (`https://*.op.example/`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Below { scheme: String, host: Host, port: Option<u16>, path: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Is(String),
    /// Any host that ends so; begins with a dot.
    EndsWith(String),
}

impl Allowed {
    /// Reads the list; names the first entry that can't be read.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Allowed, String> {
        let patterns = entries.into_iter().map(|entry| pattern(entry).ok_or_else(|| entry.to_owned()));
        patterns.collect::<Result<_, _>>().map(Allowed)
    }

    /// The address that a text stands for, if it may be asked. One that was typed without a scheme means `https` where only
    /// that is on the list.
    pub fn pick(&self, text: &str) -> Result<Url, Fault> {
        let url = normalise(text)?;
        if self.has(&url) {
            return Ok(url);
        }
        let secure = normalise(&format!("https://{}", text.trim())).ok().filter(|_| !text.contains("://"));
        secure.filter(|url| self.has(url)).ok_or(Fault::NotAllowed)
    }

    /// Whether an address may be asked.
    pub fn has(&self, url: &Url) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Any => true,
            Pattern::Below { scheme, host, port, path } => {
                let given = url.host_str().unwrap_or_default();
                let is_host = match host {
                    Host::Is(host) => host == given,
                    Host::EndsWith(tail) => given.len() > tail.len() && given.ends_with(tail),
                };
                is_host
                    && scheme == url.scheme()
                    && *port == url.port_or_known_default()
                    && is_below(path, url.path())
            }
        })
    }
}

fn pattern(entry: &str) -> Option<Pattern> {
    if entry == "*" {
        return Some(Pattern::Any);
    }
    let is_wide = entry.contains("://*.");
    let url = Url::parse(&entry.replacen("://*.", "://", 1)).ok().filter(is_web)?;
    if url.query().is_some() || url.fragment().is_some() || url.host_str()?.contains('*') {
        return None;
    }
    let host = url.host_str()?.to_owned();
    let host = if is_wide { Host::EndsWith(format!(".{host}")) } else { Host::Is(host) };
    let (scheme, port) = (url.scheme().to_owned(), url.port_or_known_default());
    Some(Pattern::Below { scheme, host, port, path: url.path().to_owned() })
}

/// Whether a path is `root` or lies below it: `/id` has `/id/alice` but not `/identity`.
fn is_below(root: &str, path: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || root.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_becomes_an_address() {
        for (typed, address) in [
            ("example.com", "http://example.com/"),
            (" example.com ", "http://example.com/"),
            ("http://example.com", "http://example.com/"),
            ("https://example.com/", "https://example.com/"),
            ("HTTP://EXAMPLE.com/User#me", "http://example.com/User"),
            ("example.com/~a b?x=1", "http://example.com/~a%20b?x=1"),
            ("localhost:8080/id", "http://localhost:8080/id"),
            ("한글.kr/앨리스", "http://xn--bj0bj06e.kr/%EC%95%A8%EB%A6%AC%EC%8A%A4"),
        ] {
            assert_eq!(normalise(typed).map(String::from), Ok(address.to_owned()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused_plainly() {
        for (typed, fault) in [
            ("  ", Fault::Empty),
            ("=alice", Fault::Xri),
            ("@team", Fault::Xri),
            ("(=x)", Fault::Xri),
            ("xri://=alice", Fault::Xri),
            ("ftp://example.com/", Fault::NotWeb),
            ("file:///etc/hostname", Fault::NotWeb),
            ("javascript://x/%0aalert(1)", Fault::NotWeb),
            ("http://", Fault::NotWeb),
            ("http://a:b@example.com/", Fault::NotWeb),
            ("http://exa\nmple.com/", Fault::NotWeb),
            (&"a".repeat(3000), Fault::NotWeb),
        ] {
            assert_eq!(normalise(typed), Err(fault), "{typed}");
        }
    }

    #[test]
    fn the_list_lets_through_what_lies_below_an_entry() {
        let list = ["https://op.example/id", "https://*.wide.example/", "http://127.0.0.1:8080/"];
        let list = Allowed::parse(list).expect("a list");
        for (address, is_allowed) in [
            ("https://op.example/id", true),
            ("https://op.example/id/alice", true),
            ("https://op.example:443/id/alice", true),
            ("https://op.example/identity", false),
            ("https://op.example/", false),
            ("http://op.example/id", false),
            ("https://op.example:8443/id", false),
            ("https://op.example.evil.example/id", false),
            ("https://alice.wide.example/", true),
            ("https://a.b.wide.example/x", true),
            ("https://wide.example/", false),
            ("https://evilwide.example/", false),
            ("http://127.0.0.1:8080/id/header/alice", true),
            ("http://127.0.0.1:80/", false),
        ] {
            assert_eq!(list.has(&Url::parse(address).expect("an address")), is_allowed, "{address}");
        }
        for (typed, picked) in [
            ("op.example/id/alice", Ok("https://op.example/id/alice")),
            ("http://op.example/id/alice", Err(Fault::NotAllowed)),
            ("127.0.0.1:8080/id", Ok("http://127.0.0.1:8080/id")),
            ("other.example", Err(Fault::NotAllowed)),
            ("=alice", Err(Fault::Xri)),
        ] {
            assert_eq!(list.pick(typed).as_ref().map(Url::as_str), picked.as_ref().copied(), "{typed}");
        }
        assert!(Allowed::parse(["*"]).expect("a list").has(&Url::parse("http://any.example/").expect("one")));
        assert!(!Allowed::default().has(&Url::parse("http://any.example/").expect("one")));
        for entry in ["", "op.example", "ftp://a/", "https://op.example/?a", "https://*/", "https://*.*.a/"] {
            assert_eq!(Allowed::parse([entry]), Err(entry.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_an_address_of_the_web_and_stays_as_it_is(text in ".{0,60}") {
            if let Ok(url) = normalise(&text) {
                prop_assert!(is_web(&url) && url.fragment().is_none());
                prop_assert_eq!(normalise(url.as_str()), Ok(url));
            }
        }
    }
}
