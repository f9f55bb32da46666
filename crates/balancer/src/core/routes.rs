//! Which route a request takes: by its host and the beginning of its path, the most exact first.
//!
//! A path that a reader behind us could take for another one, which belongs to another route, is not passed on: who has
//! a way to `/static/` has not by `/static/../admin` or `/static/%2e%2e/admin` a way to what is asked of others.

/// Which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    host: Host,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// All names below this one, which begins with a dot.
    Below(String),
    Any,
}

impl Pattern {
    /// As they are written: a host, `*.host` or nothing; a path.
    pub(crate) fn new(host: &str, path: &str) -> Pattern {
        let host = host.to_ascii_lowercase();
        let host = match host.strip_prefix('*') {
            _ if host.is_empty() => Host::Any,
            Some(below) => Host::Below(below.to_owned()),
            None => Host::Exact(host),
        };
        Pattern { host, path: path.to_owned() }
    }

    /// What is looked at later is less.
    fn rank(&self) -> (u8, usize, usize) {
        match &self.host {
            Host::Exact(name) => (2, name.len(), self.path.len()),
            Host::Below(name) => (1, name.len(), self.path.len()),
            Host::Any => (0, 0, self.path.len()),
        }
    }

    fn is_of(&self, host: &str, path: &[u8]) -> bool {
        let is_host = match &self.host {
            Host::Any => true,
            Host::Exact(name) => host == name,
            Host::Below(name) => host.len() > name.len() && host.ends_with(name.as_str()),
        };
        is_host && begins(path, self.path.as_bytes())
    }
}

/// Whole parts of a path: `/a` begins `/a` and `/a/b`, not `/ab`; `/a/` begins `/a/b` only.
fn begins(path: &[u8], with: &[u8]) -> bool {
    path.strip_prefix(with).is_some_and(|rest| with.ends_with(b"/") || rest.is_empty() || rest[0] == b'/')
}

/// All routes; `T` is what is behind one.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    all: Vec<(Pattern, T)>,
    usual: T,
}

/// A path that could be taken for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl<T> Routes<T> {
    /// In any order; `usual` is of requests that none of them takes.
    pub(crate) fn new(mut all: Vec<(Pattern, T)>, usual: T) -> Routes<T> {
        all.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        Routes { all, usual }
    }

    /// The route of whatever is asked, when there is no other.
    pub(crate) fn only(&self) -> Option<&T> {
        self.all.is_empty().then_some(&self.usual)
    }

    /// The route of a request, by its `Host` and its path.
    pub(crate) fn find(&self, host: &str, path: &str) -> Result<&T, Ambiguous> {
        let host = name(host);
        let found = self.place(&host, path.as_bytes());
        if is_odd(path) && self.place(&host, &plain(path)) != found {
            return Err(Ambiguous);
        }
        Ok(found.map_or(&self.usual, |place| &self.all[place].1))
    }

    fn place(&self, host: &str, path: &[u8]) -> Option<usize> {
        self.all.iter().position(|(pattern, _)| pattern.is_of(host, path))
    }
}

/// A `Host` without its port and without a dot at its end, in small letters.
fn name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a path could be written in another way.
fn is_odd(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().any(|b| matches!(b, b'%' | b'\\' | b';'))
        || bytes.windows(2).any(|two| two == b"//" || two == b"/.")
}

/// A path as a generous reader takes it: decoded, `\` as `/`, no empty parts, dots followed.
fn plain(path: &str) -> Vec<u8> {
    let decoded = decode(path.as_bytes());
    let parts: Vec<&[u8]> = decoded.split(|b| matches!(b, b'/' | b'\\')).collect();
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in &parts {
        // what follows a `;` are parameters, to some
        match part.split(|b| *b == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            word => kept.push(word),
        }
    }
    let is_folder = parts.last().is_some_and(|last| matches!(*last, b"" | b"." | b".."));
    let mut plain: Vec<u8> = kept.iter().flat_map(|part| [&b"/"[..], part].concat()).collect();
    if is_folder || plain.is_empty() {
        plain.push(b'/');
    }
    plain
}

/// Decodes `%41`, once; what is no such pair stays.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let digit =
        |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes() -> Routes<&'static str> {
        let all = [
            ("", "/static/", "static"),
            ("", "/static/big/", "big"),
            ("", "/exact", "exact"),
            ("www.a.example", "/", "www"),
            ("*.a.example", "/", "below"),
            ("*.a.example", "/static/", "below static"),
            ("[::1]", "/six", "six"),
        ];
        Routes::new(all.into_iter().map(|(host, path, to)| (Pattern::new(host, path), to)).collect(), "usual")
    }

    #[test]
    fn the_more_exact_host_goes_first_and_then_the_longer_path() {
        for (host, path, to) in [
            ("t", "/", "usual"),
            ("t", "/static/a.css", "static"),
            ("t", "/static/big/a", "big"),
            ("t", "/static", "usual"),
            ("t", "/statics/a", "usual"),
            ("t", "/exact", "exact"),
            ("t", "/exact/b", "exact"),
            ("t", "/exactly", "usual"),
            ("WWW.A.example:8080", "/static/a", "www"),
            ("www.a.example.", "/", "www"),
            ("b.a.example", "/static/a", "below static"),
            ("b.a.example", "/x", "below"),
            ("a.example", "/x", "usual"),
            ("nota.example", "/x", "usual"),
            ("[::1]:80", "/six", "six"),
            ("[::1]", "/six", "six"),
        ] {
            assert_eq!(routes().find(host, path), Ok(&to), "{host} {path}");
        }
        assert_eq!(Routes::new(Vec::new(), "usual").only(), Some(&"usual"));
    }

    #[test]
    fn a_path_that_could_be_taken_for_another_routes_goes_nowhere() {
        for path in [
            "/static/../exact",
            "/static/%2e%2e/exact",
            "/static/..%2fexact",
            "/%73tatic/a",
            "/static/..;x=1/exact",
            "/static\\..\\..\\exact",
            "//static/a",
            "/./static/a",
            "/exact/../static/b",
            "/static/big/../a",
        ] {
            assert_eq!(routes().find("t", path), Err(Ambiguous), "{path}");
        }
        for (path, to) in [
            ("/static/a%20b", "static"),
            ("/static/a/../b", "static"),
            ("/x//y", "usual"),
            ("/%ed%95%9c", "usual"),
            ("/static/%2e%2e%2fstatic/a", "static"),
            ("/exact;a=1/b", "usual"),
        ] {
            let routes = routes();
            let found = routes.find("t", path);
            assert!(found == Ok(&to) || found == Err(Ambiguous), "{path} {found:?}");
        }
        assert_eq!(routes().find("t", "/static/a%20b"), Ok(&"static"));
    }

    proptest! {
        #[test]
        fn who_reads_a_path_generously_comes_to_the_same_route(path in "(/|%2[eEfF]|\\.|static|exact|big|;|\\\\|a){0,12}") {
            let path = format!("/{path}");
            let routes = routes();
            if let Ok(to) = routes.find("t", &path) {
                let plain = String::from_utf8(plain(&path)).expect("ASCII");
                prop_assert_eq!(routes.find("t", &plain), Ok(to));
            }
        }
    }
}
