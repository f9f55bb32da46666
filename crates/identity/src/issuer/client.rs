//! A client: one of the team's tools that lets people sign in here, as the service file (`[client.NAME]`) or a record of
//! `_clients` says. What the file names goes before a record of that id.
//!
//! Invariant: pure. An answer goes to an address that was written down, to the letter, or nowhere.

use base::secret::Secret;
use base::word::{keys, nearest};
use records::core::value::Values;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::request::Pkce;
use super::scope::Scopes;
use crate::fetch::is_loopback;
use crate::jose::Algorithm;

/// Most addresses of one kind.
const ADDRESSES_MAX: usize = 100;
/// Fewest characters of a secret.
const SECRET_LENGTH_MIN: usize = 16;
/// Whose accounts sign in where nothing is said.
const ACCOUNTS: &str = "users";

/// A client as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Written {
    /// What people call it.
    pub label: String,
    /// Where codes are sent to.
    pub redirects: Vec<String>,
    /// Where people may be sent after they have signed out.
    pub after_logout: Vec<String>,
    /// Where it is told that a session has ended.
    pub back_channel: String,
    /// The collection whose accounts sign in; empty for `users`.
    pub accounts: String,
    /// What it may ask to know, with spaces between; empty for everything.
    pub scopes: String,
    /// It can keep no secret: a program on a phone, a page.
    pub public: bool,
    /// Nobody is asked whether they agree: it is the team's own.
    pub trusted: bool,
    /// It knows no PKCE; only of a client that has a secret.
    pub without_pkce: bool,
    /// What its ID tokens are signed with: `EdDSA`, or `ES256`.
    pub algorithm: String,
    /// The field of an account that holds its groups; empty for none.
    pub groups: String,
}

/// How a client shows that it is itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Proof {
    /// Not at all: it is public.
    None,
    /// By a secret of the service file.
    Plain(Secret),
    /// By a secret whose hash its record holds.
    Hash(String),
}

/// A client whose settings are right.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) proof: Proof,
    pub(crate) redirects: Vec<String>,
    pub(crate) after_logout: Vec<String>,
    pub(crate) back_channel: Option<Url>,
    pub(crate) accounts: String,
    pub(crate) scopes: Scopes,
    pub(crate) is_trusted: bool,
    pub(crate) pkce: Pkce,
    pub(crate) algorithm: Algorithm,
    pub(crate) groups: String,
}

impl Client {
    /// A client of the service file, or everything that is wrong with it.
    pub fn on_service(name: &str, table: toml::Table, secret: Option<Secret>) -> Result<Client, Vec<String>> {
        let known = keys::<Written>();
        let unknown = table.keys().filter(|key| !known.contains(&key.as_str()));
        let faults: Vec<String> = unknown.map(|key| hint(key, known)).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let written: Written =
            table.try_into().map_err(|error: toml::de::Error| vec![error.message().trim_end().to_owned()])?;
        let proof = match secret {
            // it is kept to be compared with
            Some(secret) if secret.reveal().chars().count() < SECRET_LENGTH_MIN => {
                return Err(vec![format!(
                    "`secret` needs {SECRET_LENGTH_MIN} characters: `openssl rand -hex 16` makes one"
                )]);
            }
            Some(secret) => Proof::Plain(secret),
            None => Proof::None,
        };
        settle(name, written, proof)
    }

    /// A client of a record, or everything that is wrong with it.
    pub(crate) fn of_record(values: &Values) -> Result<Client, Vec<String>> {
        let text = |name: &str| values.text(name).to_owned();
        let written = Written {
            label: text("label"),
            redirects: list(values, "redirects")?,
            after_logout: list(values, "afterLogout")?,
            back_channel: text("backChannel"),
            accounts: text("accounts"),
            scopes: text("scopes"),
            public: values.flag("public"),
            trusted: values.flag("trusted"),
            without_pkce: values.flag("withoutPkce"),
            algorithm: text("algorithm"),
            groups: text("groups"),
        };
        let proof = match text("secret") {
            hash if hash.is_empty() => Proof::None,
            hash => Proof::Hash(hash),
        };
        settle(values.text("id"), written, proof)
    }

    pub(crate) fn is_public(&self) -> bool {
        matches!(self.proof, Proof::None)
    }

    /// Whether a code may be sent there.
    pub(crate) fn may_be_answered_at(&self, redirect: &str) -> bool {
        self.redirects.iter().any(|known| known == redirect)
    }
}

/// Whether two secrets are the same; how long it takes tells nothing of either.
pub(crate) fn is_same(secret: &Secret, given: &str) -> bool {
    // it is compared by its hash
    Sha256::digest(secret.reveal()) == Sha256::digest(given)
}

fn hint(key: &str, known: &[&str]) -> String {
    match nearest(key, known) {
        Some(word) => format!("unknown key `{key}`; did you mean `{word}`?"),
        None => format!("unknown key `{key}`; it knows {}, secret", known.join(", ")),
    }
}

/// A list of texts in a record; nothing is an empty one.
fn list(values: &Values, name: &str) -> Result<Vec<String>, Vec<String>> {
    match values.0.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => serde_json::from_value(value.clone()).map_err(|_| {
            vec![format!("`{name}` is a list of texts, such as [\"https://wiki.example/callback\"]")]
        }),
    }
}

fn settle(id: &str, written: Written, proof: Proof) -> Result<Client, Vec<String>> {
    let mut faults = Vec::new();
    match (written.public, &proof) {
        (true, Proof::None) | (false, Proof::Plain(_) | Proof::Hash(_)) => {}
        (true, _) => faults.push("a `public` client has no `secret`".to_owned()),
        (false, Proof::None) => {
            faults.push("`secret` is missing; a client that can keep none is `public`".to_owned());
        }
    }
    if written.public && written.without_pkce {
        faults.push("a `public` client can't be `without_pkce`: it has nothing else to show".to_owned());
    }
    if written.redirects.is_empty() {
        faults.push("`redirects` is missing: the addresses that codes may be sent to".to_owned());
    }
    if written.redirects.len().max(written.after_logout.len()) > ADDRESSES_MAX {
        faults.push(format!("there are more than {ADDRESSES_MAX} addresses"));
    }
    for text in written.redirects.iter().chain(&written.after_logout) {
        faults.extend(fault(text, written.public).map(|why| format!("`{text}` {why}")));
    }
    let back_channel = match written.back_channel.as_str() {
        "" => None,
        text => {
            let url = Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "https" | "http") && url.fragment().is_none());
            if url.is_none() {
                faults.push("`back_channel` is an address that begins with https://".to_owned());
            }
            url
        }
    };
    let algorithm = match written.algorithm.as_str() {
        "" | "EdDSA" => Algorithm::EdDsa,
        "ES256" => Algorithm::Es256,
        _ => {
            faults.push("`algorithm` is EdDSA or ES256".to_owned());
            Algorithm::EdDsa
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let or = |text: String, usual: &str| if text.is_empty() { usual.to_owned() } else { text };
    Ok(Client {
        id: id.to_owned(),
        label: or(written.label, id),
        proof,
        redirects: written.redirects,
        after_logout: written.after_logout,
        back_channel,
        accounts: or(written.accounts, ACCOUNTS),
        scopes: if written.scopes.is_empty() { Scopes::all() } else { Scopes::parse(&written.scopes) },
        is_trusted: written.trusted,
        pkce: if written.without_pkce { Pkce::MayLack } else { Pkce::Required },
        algorithm,
        groups: written.groups,
    })
}

/// What is wrong with an address that browsers are sent to (RFC 6749, 3.1.2; RFC 8252, 7).
fn fault(text: &str, is_public: bool) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else { return Some("is no address") };
    if text.contains('#') {
        return Some("may not have a fragment (#)");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("must be written in ASCII");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("may not name a user");
    }
    match url.scheme() {
        "https" => None,
        "http" if is_loopback(&url) || !is_public => None,
        "http" => Some("must begin with https://, for a client without a secret"),
        scheme if is_public && scheme.contains('.') => None,
        _ => Some("must begin with https:// (or, of a public client, with a reversed domain name of yours)"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const SECRET: &str = "a secret of some length";

    fn written(text: &str, secret: &str) -> Result<Client, Vec<String>> {
        let secret = (!secret.is_empty()).then(|| Secret::new(secret));
        Client::on_service("wiki", text.parse().expect("TOML"), secret)
    }

    fn faults(text: &str, secret: &str, told: &Expect) {
        told.assert_eq(&written(text, secret).expect_err("wrong").join("\n"));
    }

    #[test]
    fn a_client_has_defaults() {
        let client = written("redirects = ['https://wiki.example/cb']", SECRET).expect("right");
        assert_eq!((client.label.as_str(), client.accounts.as_str()), ("wiki", "users"));
        assert!(!client.is_public() && !client.is_trusted && client.scopes == Scopes::all());
        assert!(!format!("{client:?}").contains(SECRET));
        assert!(
            written("public = true\nredirects = ['com.example.app:/cb']", "").expect("right").is_public()
        );
    }

    #[test]
    fn codes_go_to_the_address_that_was_written_and_to_nothing_like_it() {
        let client = written("redirects = ['https://wiki.example/cb']", SECRET).expect("right");
        assert!(client.may_be_answered_at("https://wiki.example/cb"));
        for other in ["https://wiki.example/cb/", "https://wiki.example/cb?", "https://WIKI.example/cb", ""] {
            assert!(!client.may_be_answered_at(other), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_client_is_told() {
        faults("redirect = []", SECRET, &expect!["unknown key `redirect`; did you mean `redirects`?"]);
        faults(
            "algorithm = 'HS256'\nback_channel = 'wiki.example'",
            "",
            &expect![[r#"
                `secret` is missing; a client that can keep none is `public`
                `redirects` is missing: the addresses that codes may be sent to
                `back_channel` is an address that begins with https://
                `algorithm` is EdDSA or ES256"#]],
        );
        faults(
            "redirects = []",
            "short",
            &expect!["`secret` needs 16 characters: `openssl rand -hex 16` makes one"],
        );
        faults(
            "public = true\nwithout_pkce = true\nredirects = ['http://a.example/cb', 'https://a@b.example/', 'https://a/#b', 'javascript:alert(1)', 'app:/cb', 'x', 'https://a/é']",
            "",
            &expect![[r#"
                a `public` client can't be `without_pkce`: it has nothing else to show
                `http://a.example/cb` must begin with https://, for a client without a secret
                `https://a@b.example/` may not name a user
                `https://a/#b` may not have a fragment (#)
                `javascript:alert(1)` must begin with https:// (or, of a public client, with a reversed domain name of yours)
                `app:/cb` must begin with https:// (or, of a public client, with a reversed domain name of yours)
                `x` is no address
                `https://a/é` must be written in ASCII"#]],
        );
    }

    #[test]
    fn a_secret_is_compared_whole() {
        let secret = Secret::new(SECRET);
        assert!(is_same(&secret, SECRET) && !is_same(&secret, &SECRET[1..]) && !is_same(&secret, ""));
    }
}
