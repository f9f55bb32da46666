//! What is to be seen of certificates before anything is served: for those who look over their settings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use base::time::Timestamp;
use web::tls::Certificate;

use super::config::{Config, Files};
use super::{client, files};

/// A certificate that ends sooner is told of as amiss: whoever brings it should bring the next.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// One thing that was seen, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is as it should be.
    Well(String),
    /// It is not; the sentence says what to do.
    Amiss(String),
}

/// Looks at the files, their times and names, and at the hook. `host` is what people call the service by.
pub fn look(config: &Config, host: Option<&str>, now: Timestamp) -> Vec<Sight> {
    let read: Vec<_> = config.files.iter().map(|files| (files, files::read_one(files))).collect();
    let mut sights = Vec::new();
    for (files, read) in &read {
        sights.push(match read {
            Ok(certificate) => in_time(files, certificate, now),
            Err(fault) => Sight::Amiss(fault.to_string()),
        });
    }
    let covers = |name: &str| {
        let is_ordered = config.names.iter().any(|own| own == name || is_below(name, own));
        is_ordered || read.iter().any(|(_, read)| read.as_ref().is_ok_and(|own| own.covers(name)))
    };
    let is_known = read.iter().all(|(_, read)| read.is_ok());
    if let Some(host) = host.filter(|host| is_known && !covers(host)) {
        sights.push(Sight::Amiss(format!(
            "no certificate is for {host}, as the service is called: bring one that names it, or write it into `names` in [tls]"
        )));
    }
    if config.orders() {
        let how = if config.dns_hook.is_some() { "dns-01" } else { "http-01" };
        sights.push(Sight::Well(format!("certificates are ordered for {} by {how}", config.names.join(" "))));
        if let Err(fault) = client::Client::new(config.roots.as_deref(), config.request_time_max.0) {
            sights.push(Sight::Amiss(fault.to_string()));
        }
    }
    sights.extend(config.dns_hook.as_deref().map(hook));
    sights
}

fn in_time(files: &Files, certificate: &Certificate, now: Timestamp) -> Sight {
    let (path, names, ends) =
        (files.certificate.display(), certificate.names().join(" "), certificate.ends());
    let soon = i64::try_from(SOON.as_millis()).unwrap_or(i64::MAX);
    if ends <= now {
        return Sight::Amiss(format!("{path} (for {names}) has ended on {ends}: bring a new one"));
    }
    if certificate.begins() > now {
        let begins = certificate.begins();
        return Sight::Amiss(format!(
            "{path} (for {names}) begins on {begins} only: see that the clock is right"
        ));
    }
    if ends.0.saturating_sub(now.0) < soon {
        return Sight::Amiss(format!("{path} (for {names}) ends on {ends}: bring the next one"));
    }
    Sight::Well(format!("{path} is for {names}, until {ends}"))
}

fn is_below(name: &str, star: &str) -> bool {
    let above = star.strip_prefix("*.");
    above.is_some_and(|above| name.split_once('.').is_some_and(|(_, rest)| rest == above))
}

/// Whether the hook could be run, as far as can be told without running it.
fn hook(path: &Path) -> Sight {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) => Sight::Amiss(format!("the hook {shown} can't be found: {error}")),
        Ok(meta) if !meta.is_file() => Sight::Amiss(format!("the hook {shown} is no file: name a program")),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            Sight::Amiss(format!("the hook {shown} may not be run: chmod +x {shown}"))
        }
        Ok(_) => Sight::Well(format!("the hook {shown} can be run")),
    }
}
