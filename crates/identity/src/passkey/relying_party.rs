//! Which site passkeys are for, as the service says of itself. What a request says of its host is never asked.
//!
//! A browser gives out passkeys on https, and on `localhost` without; for names, not for numbers.

use std::net::SocketAddr;

use url::{Host, Url};

/// The site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its name in the DNS, which passkeys are bound to: `popong.com`.
    pub id: String,
    /// Scheme, name and port, by which browsers know its pages: `https://popong.com`.
    pub origin: String,
    /// What people call it.
    pub name: String,
}

impl RelyingParty {
    /// The site of a service at this public address. One that has none and listens on this machine only is being developed,
    /// and known as `localhost`. `None` where no browser would give out a passkey.
    pub fn of(url: &str, service: &str, listens: SocketAddr) -> Option<RelyingParty> {
        let local = || listens.ip().is_loopback().then(|| format!("http://localhost:{}", listens.port()));
        let url = if url.is_empty() { local()? } else { url.to_owned() };
        let url = Url::parse(&url).ok()?;
        let Some(Host::Domain(id)) = url.host() else { return None };
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local(id));
        let name = if service.is_empty() { id } else { service };
        let (id, name) = (id.to_owned(), name.to_owned());
        is_safe.then(|| RelyingParty { id, origin: url.origin().ascii_serialization(), name })
    }
}

fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_follows_from_the_services_own_address() {
        for (url, listens, site) in [
            ("https://popong.com", "127.0.0.1:1", Some(("popong.com", "https://popong.com"))),
            ("https://popong.com:443/team", "127.0.0.1:1", Some(("popong.com", "https://popong.com"))),
            ("https://a.popong.com:8443", "10.0.0.1:1", Some(("a.popong.com", "https://a.popong.com:8443"))),
            ("http://localhost:8090", "127.0.0.1:1", Some(("localhost", "http://localhost:8090"))),
            ("", "127.0.0.1:8090", Some(("localhost", "http://localhost:8090"))),
            ("", "[::1]:8090", Some(("localhost", "http://localhost:8090"))),
            ("", "0.0.0.0:8090", None),
            ("http://popong.com", "127.0.0.1:1", None),
            ("https://10.0.0.3", "127.0.0.1:1", None),
            ("https://[::1]", "127.0.0.1:1", None),
        ] {
            let found = RelyingParty::of(url, "", listens.parse().expect("an address"));
            let found = found.as_ref().map(|site| (site.id.as_str(), site.origin.as_str()));
            assert_eq!(found, site, "{url} {listens}");
        }
    }
}
