//! What is to be known of a service's certificates, and the limits of getting them.

use std::path::PathBuf;
use std::time::Duration;

use base::unit::Span;

/// The issuer that is asked when no other is named: Let's Encrypt.
pub const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Names for which certificates are ordered.
pub const NAMES_MAX: usize = 100;

/// A certificate that the team brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the host's own certificate first.
    pub certificate: PathBuf,
    /// Its key; it may lie in the same file.
    pub key: PathBuf,
}

/// Where certificates come from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Files of certificates.
    pub files: Vec<Files>,
    /// Names for which certificates are ordered, one for each; `*.example.com` stands for all below one.
    pub names: Vec<String>,
    /// Whom the issuer writes to when something is wrong.
    pub email: String,
    /// The issuer's directory (RFC 8555).
    pub directory: String,
    /// The certificates of authorities by which the issuer's own is believed, in PEM; without one those that browsers trust.
    pub roots: Option<PathBuf>,
    /// The program that puts records into the name's zone; with it names are proved by dns-01, without it by http-01.
    pub dns_hook: Option<PathBuf>,
    /// Time between two looks at the files, and at what is kept.
    pub look_every: Span,
    /// The shortest time between two orders for one name, whatever became of the first: no fault here or at the issuer
    /// makes a loop that runs into its limits.
    pub order_every_min: Span,
    /// The wait after an order that failed; it doubles with each further one.
    pub again_after_min: Span,
    /// The longest such wait.
    pub again_after_max: Span,
    /// For how long one host orders before others may take it over.
    pub turn_time_max: Span,
    /// Longest time of one order, from its beginning to the certificate.
    pub order_time_max: Span,
    /// Longest time of one request to the issuer.
    pub request_time_max: Span,
    /// Longest time that the hook runs.
    pub hook_time_max: Span,
    /// Time between two questions to the issuer when it suggests to renew (RFC 9773).
    pub ask_every: Span,
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(Duration::from_secs(s));
        Config {
            files: Vec::new(),
            names: Vec::new(),
            email: String::new(),
            directory: DIRECTORY.into(),
            roots: None,
            dns_hook: None,
            look_every: seconds(30),
            order_every_min: seconds(3600),
            again_after_min: seconds(300),
            again_after_max: seconds(12 * 3600),
            turn_time_max: seconds(15 * 60),
            order_time_max: seconds(10 * 60),
            request_time_max: seconds(30),
            hook_time_max: seconds(5 * 60),
            ask_every: seconds(6 * 3600),
        }
    }
}

impl Config {
    /// Whether anything is ordered.
    pub fn orders(&self) -> bool {
        !self.names.is_empty()
    }

    /// What is wrong in what fits together badly: the setting, and a sentence.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        for name in &self.names {
            if let Some(what) = unfit(name) {
                faults.push(("names", format!("`{name}` {what}")));
            } else if name.starts_with("*.") && self.dns_hook.is_none() {
                let what = "stands for many hosts, which only dns-01 proves: name a program with dns_hook";
                faults.push(("names", format!("`{name}` {what}")));
            }
        }
        if self.names.len() > NAMES_MAX {
            faults.push(("names", format!("these are {} names; {NAMES_MAX} are the most", self.names.len())));
        }
        if self.orders()
            && !self.email.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
        {
            let what = "say whom the issuer may write to: email = \"ops@example.com\"";
            faults.push(("email", what.to_owned()));
        }
        if !self.directory.starts_with("https://") {
            faults
                .push(("directory", format!("`{}` is no address that begins with https://", self.directory)));
        }
        faults
    }
}

/// Why no certificate can be ordered for a name.
fn unfit(name: &str) -> Option<&'static str> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some("is an address; certificates are ordered for names");
    }
    if !host.is_ascii() {
        return Some("has letters that are not ASCII; write it as browsers send it (xn--…)");
    }
    let is_name = host.len() <= 253 && host.contains('.') && host.split('.').all(is_label);
    (!is_name).then_some("is no name of a host in small letters, such as popong.com")
}
