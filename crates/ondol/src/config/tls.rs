//! How the service is reached by https: `[tls]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use balancer::certificates::{self, Files};
use base::unit::Span;
use serde::Deserialize;

use super::read::Reader;

/// The table's name.
pub(super) const ROOM: &str = "tls";
/// Where https is listened for when nothing else is said.
const LISTEN: &str = "[::]:443";
/// The port of https.
const PORT: &str = ":443";
/// The port of http.
const PLAIN_PORT: &str = ":80";

/// What `[tls]` comes to.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Where certificates come from.
    pub certificates: certificates::Config,
    /// Where plain http is listened for, to send everybody to https; `None` for nowhere.
    pub plain_listen: Option<String>,
    /// For how long browsers are told to come by https only; zero for not at all.
    pub hsts: Duration,
}

/// One path, or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
enum Paths {
    #[default]
    None,
    One(PathBuf),
    Several(Vec<PathBuf>),
}

/// `[tls]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    names: Vec<String>,
    email: String,
    certificate: Paths,
    key: Paths,
    directory: String,
    roots: Option<PathBuf>,
    dns_hook: Option<PathBuf>,
    plain_listen: String,
    hsts: Span,
}

impl Default for Section {
    fn default() -> Section {
        Section {
            names: Vec::new(),
            email: String::new(),
            directory: certificates::DIRECTORY.into(),
            roots: None,
            dns_hook: None,
            certificate: Paths::None,
            key: Paths::None,
            plain_listen: String::new(),
            hsts: Span(Duration::ZERO),
        }
    }
}

impl Paths {
    fn beside(self, folder: &Path) -> Vec<PathBuf> {
        let all = match self {
            Paths::None => Vec::new(),
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths,
        };
        all.into_iter().map(|path| folder.join(path)).collect()
    }
}

/// The settings; `None` where the file has no such table. `listen` is set where it says nothing; of the service's address
/// `url` the host is the name that is meant when none is written. Faults go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, listen: &mut String, url: &str) -> Option<Tls> {
    if !reader.has(ROOM) {
        return None;
    }
    let section: Section = reader.room(ROOM);
    if listen.is_empty() {
        LISTEN.clone_into(listen);
    }
    let folder = reader.folder();
    let (chains, keys) = (section.certificate.beside(folder), section.key.beside(folder));
    if !keys.is_empty() && keys.len() != chains.len() {
        let what = format!(
            "`key` in [{ROOM}]: name one key for each certificate, or none where it lies in the same file"
        );
        reader.blame(ROOM, "key", what);
    }
    let mut names: Vec<String> = section.names.iter().map(|name| name.to_ascii_lowercase()).collect();
    if names.is_empty() && chains.is_empty() {
        names.extend(host(url));
    }
    names.dedup();
    if names.is_empty()
        && chains.is_empty()
        && !reader.is_faulty(ROOM, "certificate")
        && !reader.is_faulty(ROOM, "names")
    {
        let what = format!(
            "[{ROOM}]: name the hosts, and certificates are ordered: names = [\"popong.com\"]; or bring one: \
             certificate = \"popong.pem\", key = \"popong.key\""
        );
        reader.blame(ROOM, "certificate", what);
    }
    let files = chains.iter().enumerate().map(|(at, certificate)| Files {
        certificate: certificate.clone(),
        key: keys.get(at).unwrap_or(certificate).clone(),
    });
    let certificates = certificates::Config {
        files: files.collect(),
        names,
        email: section.email,
        directory: section.directory,
        roots: section.roots.map(|path| folder.join(path)),
        dns_hook: section.dns_hook.map(|path| folder.join(path)),
        ..certificates::Config::default()
    };
    for (key, what) in certificates.check() {
        if !reader.is_faulty(ROOM, key) {
            reader.blame(ROOM, key, format!("`{key}` in [{ROOM}]: {what}"));
        }
    }
    if certificates.orders() && certificates.dns_hook.is_none() && section.plain_listen == "off" {
        let what =
            "issuers see that a name is yours by plain http at port 80: leave it on, or name a dns_hook";
        reader.blame(ROOM, "plain_listen", format!("`plain_listen` in [{ROOM}]: {what}"));
    }
    let plain_listen = match section.plain_listen.as_str() {
        "off" => None,
        "" => listen.strip_suffix(PORT).map(|host| format!("{host}{PLAIN_PORT}")),
        written => Some(written.to_owned()),
    };
    Some(Tls { certificates, plain_listen, hsts: section.hsts.0 })
}

/// The host of an address, if it is a name.
fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', ':']).next()?;
    (host.contains('.') && host.parse::<std::net::IpAddr>().is_err()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use base::word::keys;
    use expect_test::{Expect, expect};

    use crate::config::Config;

    fn check(text: &str, faults: Expect) {
        let lines =
            Config::parse("ondol.toml", text).map_or_else(|f| f.lines.join("\n"), |c| format!("{:?}", c.tls));
        faults.assert_eq(&lines);
    }

    #[test]
    fn https_is_served_at_its_port_and_http_beside_it_unless_something_else_is_said() {
        let of = |text: &str| {
            let config = Config::parse("/etc/ondol.toml", text).expect("reads");
            let tls = config.tls.expect("TLS");
            (config.listen, tls.plain_listen, tls.certificates.files)
        };
        let (listen, plain, files) = of("[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n");
        assert_eq!((listen.as_str(), plain.as_deref()), ("[::]:443", Some("[::]:80")));
        assert_eq!(files[0].certificate.to_str(), Some("/etc/a.pem"));
        assert_eq!(files[0].key.to_str(), Some("/etc/a.key"));
        let (listen, plain, files) =
            of("listen = \"127.0.0.1:8443\"\n[tls]\ncertificate = [\"/x/a.pem\", \"b.pem\"]\n");
        assert_eq!((listen.as_str(), plain), ("127.0.0.1:8443", None));
        assert_eq!((files.len(), &files[1].certificate), (2, &files[1].key));
        let (_, plain, _) = of("[tls]\ncertificate = \"a.pem\"\nplain_listen = \"off\"\n");
        assert_eq!(plain, None);
        assert!(Config::parse("ondol.toml", "").expect("reads").tls.is_none());
    }

    #[test]
    fn what_is_wrong_about_tls_is_told_with_its_line() {
        check(
            "\n[tls]\n",
            expect![[
                r#"ondol.toml:2: [tls]: name the hosts, and certificates are ordered: names = ["popong.com"]; or bring one: certificate = "popong.pem", key = "popong.key""#
            ]],
        );
        check(
            "[tls]\nnames = [\"popong\", \"*.popong.com\", \"10.0.0.1\"]\nplain_listen = \"off\"\n",
            expect![[r#"
                ondol.toml:1: `email` in [tls]: say whom the issuer may write to: email = "ops@example.com"
                ondol.toml:2: `names` in [tls]: `popong` is no name of a host in small letters, such as popong.com
                ondol.toml:2: `names` in [tls]: `*.popong.com` stands for many hosts, which only dns-01 proves: name a program with dns_hook
                ondol.toml:2: `names` in [tls]: `10.0.0.1` is an address; certificates are ordered for names
                ondol.toml:3: `plain_listen` in [tls]: issuers see that a name is yours by plain http at port 80: leave it on, or name a dns_hook"#]],
        );
        check(
            "[tls]\ncertificate = [\"a.pem\", \"b.pem\"]\nkey = \"a.key\"\nhst = \"1 d\"\n",
            expect![[r#"
                ondol.toml:3: `key` in [tls]: name one key for each certificate, or none where it lies in the same file
                ondol.toml:4: unknown key `hst` in [tls]; did you mean `hsts`?"#]],
        );
    }

    #[test]
    fn three_lines_are_enough_to_have_certificates_ordered() {
        let text = "service = \"popong.com\"\n[tls]\nemail = \"ops@popong.com\"\n";
        let config = Config::parse("ondol.toml", text).expect("reads");
        let tls = config.tls.expect("TLS");
        assert_eq!(tls.certificates.names, ["popong.com"]);
        assert_eq!((config.listen.as_str(), tls.plain_listen.as_deref()), ("[::]:443", Some("[::]:80")));
    }

    #[test]
    fn the_page_of_tls_shows_every_setting_with_its_default() {
        let page = include_str!("../../../../docs/tls.md");
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let block = blocks.max_by_key(|block| block.len()).expect("a block");
        assert!(Config::parse("docs/tls.md", block).expect("reads").tls.is_some());
        for word in keys::<super::Section>() {
            let is_shown = |line: &str| {
                line.trim_start_matches("# ").split('=').next().is_some_and(|key| key.trim() == *word)
            };
            assert!(block.lines().any(is_shown), "{word} is missing in docs/tls.md");
        }
    }
}
