//! The providers of sign-in: `[sign-in.NAME]`, each over the preset of that name.
//!
//! What may stand in one knows `identity::provider`; here the secret is read, and the faults get their lines.

use std::collections::BTreeMap;

use identity::provider::{OnService, Written, load};
use toml::Table;

use super::read::Reader;

/// The table that holds them.
pub(super) const ROOM: &str = "sign-in";
/// The collections that offer a provider when nothing is said.
const COLLECTIONS: &str = "users";

/// Reads them all; faults go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, may_ask_loopback: bool) -> BTreeMap<String, OnService> {
    let mut providers = BTreeMap::new();
    for (name, mut table, secret) in reader.named(ROOM) {
        let collections = collections(&mut table).unwrap_or_else(|| {
            let what = "a list of collections, such as [\"users\"]";
            reader.blame(ROOM, &name, format!("`collections` in [{ROOM}.{name}]: {what}"));
            Vec::new()
        });
        let written = Written { table, secret };
        if let Err(faults) = load(&name, &[&written], may_ask_loopback) {
            for fault in faults.0 {
                reader.blame(ROOM, &name, format!("[{ROOM}.{name}]: {fault}"));
            }
        }
        providers.insert(name, OnService { written, collections });
    }
    providers
}

fn collections(table: &mut Table) -> Option<Vec<String>> {
    match table.remove("collections") {
        None => Some(vec![COLLECTIONS.to_owned()]),
        Some(written) => written.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use base::secret::Secret;
    use expect_test::expect;

    use crate::config::Config;

    #[test]
    fn a_provider_is_read_with_its_secret_from_a_file_and_its_collections() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("google.secret");
        std::fs::write(&file, "warm floor\n").expect("a file");
        let text = format!(
            "[sign-in.google]\nclient_id = \"a\"\nsecret = {{ file = {file:?} }}\n\
             [sign-in.github]\nclient_id = \"b\"\nsecret = \"s\"\ncollections = [\"members\"]\n"
        );
        let config = Config::parse("ondol.toml", &text).expect("reads");
        let [github, google] = ["github", "google"].map(|name| &config.identity.providers[name]);
        assert_eq!(google.written.secret.as_ref().map(Secret::reveal), Some("warm floor"));
        assert!(google.is_for("users") && github.is_for("members") && !github.is_for("users"));
        assert!(!format!("{config:?}").contains("warm floor"));
    }

    #[test]
    fn what_is_wrong_with_a_provider_is_told_with_its_line() {
        let text = "[web]\n\n[sign-in.googel]\nclient_id = \"a\"\n\n[sign-in.oidc]\nclient_id = \"a\"\nsecret = \"s\"\n\
                    issuer = \"http://op.example\"\nscope = [\"openid\"]\n[sign-in]\nx = 1\n";
        let told = Config::parse("ondol.toml", text).expect_err("wrong").lines.join("\n");
        expect![[r#"
            ondol.toml:3: [sign-in.googel]: there is no preset `googel`; did you mean `google`?
            ondol.toml:6: [sign-in.oidc]: unknown key `scope`; did you mean `scopes`?
            ondol.toml:6: [sign-in.oidc]: `issuer` must begin with https:// (on this machine, for development: set may_ask_loopback in [identity])
            ondol.toml:12: `x` in [sign-in] is a table: write [sign-in.x]"#]].assert_eq(&told);
    }
}
