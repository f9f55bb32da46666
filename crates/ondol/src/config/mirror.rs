//! Databases elsewhere that run nothing of ours, such as a cloud's managed ones: `[mirror.NAME]`.

use std::collections::BTreeMap;

use serde::Deserialize;
use store::Engine;

use super::database::{Address, Wanted};
use super::read::Reader;
use super::secret::Written;
use crate::topology::core::Topology;

/// The table that holds them.
pub(super) const ROOM: &str = "mirror";
/// The most of them: each is read for and written to by the primary's host.
const MIRRORS_MAX: usize = 4;
/// The longest name.
const NAME_LENGTH_MAX: usize = 40;

/// One as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    address: Address,
    name: String,
    user: String,
    secret: Written,
    tls: Wanted,
}

impl Default for Section {
    fn default() -> Section {
        let (name, user) = ("ondol".into(), "ondol".into());
        Section {
            address: Address::default(),
            name,
            user,
            secret: Written::default(),
            tls: Wanted::default(),
        }
    }
}

/// Reads them all; faults go to the reader. They are of the same kind as the databases of the sites.
pub(super) fn read(
    reader: &mut Reader<'_>,
    topology: Option<&Topology>,
    engine: &Engine,
) -> BTreeMap<String, Engine> {
    let mut mirrors = BTreeMap::new();
    for (name, section) in reader.rooms::<Section>(ROOM) {
        let fault =
            fault(&name, topology, mirrors.len()).or_else(|| incomplete(reader, &name, &section)).or_else(
                || matches!(engine, Engine::Sqlite).then(|| "it follows a server's database".to_owned()),
            );
        if let Some(what) = fault {
            reader.blame(ROOM, &name, format!("[{ROOM}.{name}]: {what}"));
            continue;
        }
        let (make, usual_port): (fn(store::Server) -> Engine, u16) = match engine {
            Engine::MariaDb(_) => (Engine::MariaDb, 3306),
            _ => (Engine::Postgres, 5432),
        };
        let server = store::Server {
            host: section.address.host,
            port: section.address.port.unwrap_or(usual_port),
            user: section.user,
            secret: section.secret.0,
            database: section.name,
            tls: section.tls.0,
        };
        mirrors.insert(name, make(server));
    }
    mirrors
}

fn fault(name: &str, topology: Option<&Topology>, count: usize) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let Some(topology) = topology else {
        return Some(
            "a mirror follows the databases of sites, and the file names none; take these lines out".into(),
        );
    };
    if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.chars().all(is_plain) {
        return Some(format!("a mirror's name is of a-z, 0-9, `-` and `_`, {NAME_LENGTH_MAX} at the most"));
    }
    if topology.find(name).is_some() || topology.sites.iter().any(|site| site.name == name) {
        return Some("a site or host has this name already; give the mirror another one".into());
    }
    (count >= MIRRORS_MAX).then(|| format!("there may be {MIRRORS_MAX} mirrors at the most"))
}

fn incomplete(reader: &Reader<'_>, name: &str, section: &Section) -> Option<String> {
    let room = format!("{ROOM}.{name}");
    if section.address == Address::default() && !reader.is_faulty(&room, "address") {
        return Some("`address` is missing: where the server is, such as db.example.com:5432".into());
    }
    if section.secret.0.is_none() && !reader.is_faulty(&room, "secret") {
        return Some(
            "`secret` is missing: the password of its login, such as { file = \"mirror.secret\" }".into(),
        );
    }
    if section.name.is_empty() || section.user.is_empty() {
        return Some("`name` and `user` are the database and its login; leave a line out for ondol".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::config::{Config, Kept};

    const SITES: &str =
        "[seoul]\nall = \"10.0.0.1\"\n[oregon]\nall = \"10.9.0.1\"\n[tokyo]\nwitness = \"192.0.2.5\"\n";

    #[test]
    fn a_mirror_is_of_the_kind_of_the_sites_databases() {
        let mirror = "[mirror.cloud]\naddress = \"db.example.com\"\nuser = \"kim\"\nsecret = \"floor\"\n";
        let of = |database: &str| {
            let text = format!("{SITES}[database]\nsecret = \"warm floor\"\n{database}{mirror}");
            let config = Config::parse("ondol.toml", &text).expect("reads");
            Kept(&config.mirrors["cloud"]).to_string()
        };
        assert_eq!(of(""), "PostgreSQL at db.example.com:5432, database ondol");
        assert_eq!(of("engine = \"mariadb\"\n"), "MariaDB at db.example.com:3306, database ondol");
    }

    #[test]
    fn what_is_wrong_with_a_mirror_is_told_with_its_line() {
        let told = |text: &str| Config::parse("ondol.toml", text).expect_err("wrong").lines.join("\n");
        let text = format!(
            "{SITES}[database]\nsecret = \"warm floor\"\n[mirror.a]\nadress = \"x\"\n[mirror.oregon]\naddress = \"db\"\nsecret = \"s\"\n\
             [mirror.b]\naddress = \"db\"\n[mirror.c]\naddress = \"db\"\nsecret = \"s\"\ntls = \"maybe\"\n"
        );
        expect![[r#"
            ondol.toml:9: [mirror.a]: `address` is missing: where the server is, such as db.example.com:5432
            ondol.toml:10: unknown key `adress` in [mirror.a]; did you mean `address`?
            ondol.toml:11: [mirror.oregon]: a site or host has this name already; give the mirror another one
            ondol.toml:14: [mirror.b]: `secret` is missing: the password of its login, such as { file = "mirror.secret" }
            ondol.toml:19: `tls` in [mirror.c]: `maybe` is not known here; write tls = "verify", "off", or { file = "ca.pem" } with the certificate of who vouches for the server"#]]
        .assert_eq(&told(&text));
        expect![[r#"ondol.toml:1: [mirror.a]: a mirror follows the databases of sites, and the file names none; take these lines out"#]]
            .assert_eq(&told("[mirror.a]\naddress = \"db\"\nsecret = \"s\"\n"));
    }
}
