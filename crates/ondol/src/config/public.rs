//! The service's own address on the web: `url`, or what its name says.

use super::read::Reader;

/// The address without a slash at the end; empty when none is known. Only what the file says is ever believed: a request's
/// own word for the host is a stranger's.
pub(super) fn url(reader: &mut Reader<'_>, written: &str, service: &str) -> String {
    if written.is_empty() {
        return if is_domain(service) { format!("https://{service}") } else { String::new() };
    }
    let url = written.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |host: &str| {
        let is_good = |c: char| c.is_ascii_alphanumeric() || ".-:[]/_~".contains(c);
        !host.is_empty() && !host.starts_with('/') && host.chars().all(is_good)
    };
    if !host.is_some_and(is_plain) {
        let what = format!("`{written}` is not the address of a site; write it as https://popong.com");
        reader.blame_top("url", format!("`url`: {what}"));
    }
    url.to_owned()
}

fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
    };
    name.contains('.') && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_services_address_is_written_or_follows_from_its_name() {
        for (text, url) in [
            ("", ""),
            ("service = \"Our team\"", ""),
            ("service = \"popong.com\"", "https://popong.com"),
            ("service = \"popong.com\"\nurl = \"http://10.0.0.3:8090/\"", "http://10.0.0.3:8090"),
            ("url = \"https://a.example/team\"", "https://a.example/team"),
        ] {
            assert_eq!(Config::parse("ondol.toml", text).expect("reads").url, url, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_its_line() {
        for wrong in
            ["popong.com", "ftp://a.example", "https://", "https:///x", "https://a b", "https://a?b=<c>"]
        {
            let failure = Config::parse("ondol.toml", &format!("\nurl = \"{wrong}\"")).expect_err(wrong);
            assert!(failure.lines[0].starts_with("ondol.toml:2: `url`"), "{failure:?}");
        }
    }
}
