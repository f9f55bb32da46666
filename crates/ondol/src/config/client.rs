//! The team's tools that let people sign in here: `[client.NAME]`.
//!
//! What may stand in one knows `identity::issuer`; here the secret is read, and the faults get their lines.

use std::collections::BTreeMap;

use identity::issuer::Client;

use super::read::Reader;

/// The table that holds them.
pub(super) const ROOM: &str = "client";

/// Reads them all; faults go to the reader.
pub(super) fn read(reader: &mut Reader<'_>) -> BTreeMap<String, Client> {
    let mut clients = BTreeMap::new();
    for (name, table, secret) in reader.named(ROOM) {
        match Client::on_service(&name, table, secret) {
            Ok(client) => drop(clients.insert(name, client)),
            Err(faults) => {
                for fault in faults {
                    reader.blame(ROOM, &name, format!("[{ROOM}.{name}]: {fault}"));
                }
            }
        }
    }
    clients
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::config::Config;

    #[test]
    fn a_client_is_read_with_its_secret_from_a_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("wiki.secret");
        std::fs::write(&file, "a warm floor in winter\n").expect("a file");
        let text = format!(
            "[client.wiki]\nredirects = [\"https://wiki.example/callback\"]\nsecret = {{ file = {file:?} }}\n\
             [client.phone]\npublic = true\nredirects = [\"com.example.phone:/callback\"]\n"
        );
        let config = Config::parse("ondol.toml", &text).expect("reads");
        assert_eq!(config.identity.clients.keys().collect::<Vec<_>>(), ["phone", "wiki"]);
        assert!(!format!("{config:?}").contains("a warm floor"));
    }

    #[test]
    fn what_is_wrong_with_a_client_is_told_with_its_line() {
        let text =
            "[web]\n\n[client.wiki]\nredirects = []\n\n[client.board]\nredirect = \"x\"\n[client]\nx = 1\n";
        let told = Config::parse("ondol.toml", text).expect_err("wrong").lines.join("\n");
        expect![[r#"
            ondol.toml:3: [client.wiki]: `secret` is missing; a client that can keep none is `public`
            ondol.toml:3: [client.wiki]: `redirects` is missing: the addresses that codes may be sent to
            ondol.toml:6: [client.board]: unknown key `redirect`; did you mean `redirects`?
            ondol.toml:9: `x` in [client] is a table: write [client.x]"#]]
        .assert_eq(&told);
    }
}
