//! Which addresses may be written into a provider's settings.

use url::Url;

use crate::fetch::is_loopback;

/// Whether this machine may be named without encryption: in development and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loopback {
    /// It may.
    Open,
    /// Everybody is named by `https://`.
    Closed,
}

/// What is wrong with an address; `None` for a good one.
pub(super) fn fault(text: &str, loopback: Loopback) -> Option<String> {
    let Ok(url) = Url::parse(text) else { return Some("is no address of the web".into()) };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Some("may have no name, no password and no # in it".into());
    }
    match url.scheme() {
        "https" => None,
        "http" if loopback == Loopback::Open && is_loopback(&url) => None,
        _ => Some(
            "must begin with https:// (on this machine, for development: set may_ask_loopback in [identity])"
                .into(),
        ),
    }
}
