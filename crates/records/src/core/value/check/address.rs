//! Checks of e-mail and web addresses.

use email_address::{EmailAddress, Options};
use url::Url;

use crate::core::flaw::Flaw;

/// Longest web address, in bytes.
const URL_MAX: usize = 2083;
/// Schemes of web addresses.
const SCHEMES: [&str; 8] = ["http", "https", "ws", "wss", "ftp", "tcp", "udp", "ftps"];

/// True for a plain e-mail address with a dotted domain.
pub(crate) fn is_email(text: &str) -> bool {
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    EmailAddress::parse_with_options(text, options).is_ok()
}

/// An e-mail address that is not empty.
pub(super) fn check_email(text: &str, except: &[String], only: &[String]) -> Option<Flaw> {
    if !is_email(text) {
        return Some(Flaw::new("validation_is_email", "Must be a valid email address."));
    }
    let domain = text.rsplit('@').next().unwrap_or_default();
    is_refused(domain, except, only)
        .then(|| Flaw::new("validation_email_domain_not_allowed", "Email domain is not allowed."))
}

/// A web address that is not empty.
pub(super) fn check_url(text: &str, except: &[String], only: &[String]) -> Option<Flaw> {
    let Some(host) = host_of(text) else {
        return Some(Flaw::new("validation_invalid_url", "Must be a valid url."));
    };
    is_refused(&host, except, only)
        .then(|| Flaw::new("validation_url_domain_not_allowed", "Url domain is not allowed."))
}

fn is_refused(domain: &str, except: &[String], only: &[String]) -> bool {
    let is_in = |list: &[String]| list.iter().any(|d| d.eq_ignore_ascii_case(domain));
    (!only.is_empty() && !is_in(only)) || is_in(except)
}

/// The host (with its port) of a web address; the scheme may be left out of one that has a dot.
fn host_of(text: &str) -> Option<String> {
    if text.len() > URL_MAX || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let url = match text.split_once("://") {
        Some((scheme, _)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            Url::parse(text).ok()?
        }
        Some(_) => return None,
        None if text.contains('.') && !text.starts_with(['.', '/', '?', '#']) => {
            Url::parse(&format!("http://{text}")).ok()?
        }
        None => return None,
    };
    let host = url.host_str().filter(|h| !h.is_empty() && !h.starts_with('.'))?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}
