//! Layers become a provider; everything wrong with them is told at once, in sentences.

use std::fmt;

use base::secret::Secret;
use base::word::{keys, nearest};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::url::{self, Loopback};
use super::{About, EmailTrust, FETCHES_MAX, Kind, Provider, fill, preset};
use crate::{oauth1, oauth2, oidc, openid2};

/// A layer of settings as it was written; the secret apart, so that nothing prints it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Everything but the secret.
    pub table: Table,
    /// The secret.
    pub secret: Option<Secret>,
}

/// What is wrong with a provider's settings, each fault in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// The kinds, as they are written.
const KINDS: [&str; 5] = ["oidc", "oauth2", "oauth1", "openid2", "openid2_hybrid"];
/// Words that settings have beside those of [`About`] and of their kind.
const OWN: [&str; 5] = ["preset", "kind", "label", "client_id", "secret"];

/// Makes a provider of its layers, the later over the earlier, all over the preset that they name (or that has its name).
pub fn load(name: &str, layers: &[&Written], may_ask_loopback: bool) -> Result<Provider, Faults> {
    let mut merged = Table::new();
    for layer in layers {
        merge(&mut merged, layer.table.clone());
    }
    let mut table = base(name, &merged)?;
    merge(&mut table, merged);
    let mut faults = Vec::new();
    let secret = layers.iter().rev().find_map(|layer| layer.secret.clone());
    let loopback = if may_ask_loopback { Loopback::Open } else { Loopback::Closed };
    let provider = settle(name, table, secret, loopback, &mut faults);
    match (provider, faults.is_empty()) {
        (Some(provider), true) => Ok(provider),
        _ => Err(Faults(faults)),
    }
}

/// The preset, or nothing where the settings say all themselves.
fn base(name: &str, written: &Table) -> Result<Table, Faults> {
    let named = written.get("preset").and_then(Value::as_str);
    match (preset::find(named.unwrap_or(name)), named) {
        (Some(table), _) => Ok(table),
        (None, None) if written.contains_key("kind") => Ok(Table::new()),
        (None, None) if ["authorize", "token", "userinfo"].iter().all(|key| written.contains_key(*key)) => {
            Ok(preset::find("oauth2").unwrap_or_default())
        }
        (None, _) => {
            let names = preset::names();
            let wanted = named.unwrap_or(name);
            let hint = match nearest(wanted, &names) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!(
                    "there are {}; for any other write kind = \"oidc\" or another kind",
                    names.join(", ")
                ),
            };
            Err(Faults(vec![format!("there is no preset `{wanted}`; {hint}")]))
        }
    }
}

/// Tables are merged, all else is replaced.
fn merge(into: &mut Table, over: Table) {
    for (key, value) in over {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn settle(
    name: &str,
    mut table: Table,
    secret: Option<Secret>,
    loopback: Loopback,
    faults: &mut Vec<String>,
) -> Option<Provider> {
    let mut own = |key: &str, faults: &mut Vec<String>| match table.remove(key) {
        Some(Value::String(text)) => text,
        None => String::new(),
        Some(_) => {
            faults.push(format!("`{key}` is a text"));
            String::new()
        }
    };
    let [_, kind, label, client_id, misplaced] = OWN.map(|key| own(key, faults));
    if !misplaced.is_empty() {
        faults.push("the secret is given apart".into());
    }
    let kind = as_userinfo(&kind, &mut table);
    let about_keys = keys::<About>();
    let (about, rest): (Table, Table) =
        table.into_iter().partition(|(key, _)| about_keys.contains(&key.as_str()));
    let about: About = part(about, "", faults)?;
    let kind = self::kind(&kind, rest, faults)?;
    let label = if label.is_empty() { name.to_owned() } else { label };
    let mut provider = Provider { name: name.to_owned(), label, kind, client_id, secret, about };
    expand(&mut provider, faults);
    check(&provider, loopback, faults);
    Some(provider)
}

/// `userinfo` of a provider of OAuth 2.0 is where its first question goes; a provider of OpenID Connect whose issuer nobody
/// knows, but all of its addresses, is asked as one of OAuth 2.0.
fn as_userinfo(kind: &str, table: &mut Table) -> String {
    let has_issuer = table.get("issuer").and_then(Value::as_str).is_some_and(|issuer| !issuer.is_empty());
    let knows_all = ["authorize", "token", "userinfo"].iter().all(|key| table.contains_key(*key));
    if kind == "oidc" && !has_issuer && knows_all {
        let mut other = preset::find("oauth2").unwrap_or_default();
        other.remove("kind");
        for key in ["authorize", "token", "userinfo", "pkce", "scopes", "email_trust", "vars"] {
            if let Some(value) = table.remove(key) {
                other.insert(key.to_owned(), value);
            }
        }
        *table = other;
        return as_userinfo("oauth2", table);
    }
    if kind == "oauth2"
        && let Some(url) = table.remove("userinfo")
        && let Some(Value::Table(first)) =
            table.get_mut("fetch").and_then(Value::as_array_mut).and_then(|f| f.first_mut())
    {
        first.insert("url".into(), url);
    }
    // PKCE is not a choice with the others
    if kind != "oauth2" {
        table.remove("pkce");
    }
    kind.to_owned()
}

fn kind(kind: &str, table: Table, faults: &mut Vec<String>) -> Option<Kind> {
    Some(match kind {
        "oidc" => Kind::Oidc(Box::new(part::<oidc::Settings>(table, kind, faults)?)),
        "oauth2" => Kind::OAuth2(Box::new(part::<oauth2::Settings>(table, kind, faults)?)),
        "oauth1" => Kind::OAuth1(Box::new(part::<oauth1::Settings>(table, kind, faults)?)),
        "openid2" => Kind::OpenId2(Box::new(part::<openid2::Settings>(table, kind, faults)?)),
        "openid2_hybrid" => Kind::OpenId2Hybrid(Box::new(part::<openid2::Settings>(table, kind, faults)?)),
        _ => {
            let hint = nearest(kind, &KINDS).map_or_else(|| KINDS.join(", "), str::to_owned);
            faults.push(format!("`kind` may not be `{kind}`; did you mean {hint}?"));
            return None;
        }
    })
}

/// One part of the settings; its unknown words are told with the nearest right one.
fn part<T: DeserializeOwned>(table: Table, kind: &str, faults: &mut Vec<String>) -> Option<T> {
    let known = keys::<T>();
    let mut good = Table::new();
    for (key, value) in table {
        if known.contains(&key.as_str()) {
            let alone = Table::from_iter([(key.clone(), value.clone())]);
            match alone.try_into::<T>() {
                Ok(_) => drop(good.insert(key, value)),
                Err(error) => {
                    faults.push(format!("`{key}`: {}", error.message().trim_end().replace('\n', ", ")))
                }
            }
            continue;
        }
        let all = [known, keys::<About>(), &OWN].concat();
        faults.push(match nearest(&key, &all) {
            Some(word) => format!("unknown key `{key}`; did you mean `{word}`?"),
            None => format!("unknown key `{key}`; of the kind {kind} there is {}", all.join(", ")),
        });
    }
    good.try_into().ok()
}

/// Fills the words of `vars` into addresses.
fn expand(provider: &mut Provider, faults: &mut Vec<String>) {
    let vars = std::mem::take(&mut provider.about.vars);
    let words: Vec<(&str, &str)> = vars.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let asked = provider.about.fetch.iter_mut().map(|ask| &mut ask.url);
    let own = match &mut provider.kind {
        Kind::Oidc(settings) => settings.urls_mut(),
        Kind::OAuth2(settings) => vec![&mut settings.authorize, &mut settings.token],
        Kind::OAuth1(settings) => {
            vec![&mut settings.request_token, &mut settings.authorize, &mut settings.access_token]
        }
        Kind::OpenId2(settings) | Kind::OpenId2Hybrid(settings) => {
            vec![&mut settings.identifier, &mut settings.access_token]
        }
    };
    for text in asked.chain(own) {
        match fill::fill(text, &words) {
            Ok(filled) => *text = filled,
            Err(why) => faults.push(format!("in `{text}`: {why}")),
        }
    }
    provider.about.vars = vars;
}

fn check(provider: &Provider, loopback: Loopback, faults: &mut Vec<String>) {
    let needs_client = !matches!(provider.kind, Kind::OpenId2(_));
    if needs_client && provider.client_id.is_empty() {
        faults.push("`client_id` is missing: it is what the provider calls your application".into());
    }
    let about = &provider.about;
    if about.fetch.len() > FETCHES_MAX {
        faults.push(format!("`fetch` has {} entries and may have {FETCHES_MAX}", about.fetch.len()));
    }
    let words = [("client_id", "x"), ("client_secret", "x"), ("access_token", "x")];
    for ask in &about.fetch {
        let place = |key: &str| format!("`{key}` of the fetch `{}`", ask.name);
        faults.extend(url::fault(&ask.url, loopback).map(|why| format!("{} {why}", place("url"))));
        let filled = ask.query.values().map(|text| fill::fill(text, &words));
        faults.extend(filled.filter_map(Result::err).map(|why| format!("{}: {why}", place("query"))));
        let derived = ask.derive.values().map(|text| fill::derive(text, &words));
        faults.extend(derived.filter_map(Result::err).map(|why| format!("{}: {why}", place("derive"))));
    }
    let addresses = match &provider.kind {
        Kind::Oidc(settings) => settings.check(provider, faults),
        Kind::OAuth2(settings) => settings.check(provider, faults),
        Kind::OAuth1(settings) => settings.check(provider, faults),
        Kind::OpenId2(settings) => settings.check(faults),
        Kind::OpenId2Hybrid(settings) => settings.check_hybrid(provider, faults),
    };
    for (key, text) in addresses {
        faults.extend(url::fault(text, loopback).map(|why| format!("`{key}` {why}")));
    }
    let is_asked = matches!(provider.kind, Kind::Oidc(_) | Kind::OAuth2(_) | Kind::OAuth1(_));
    if !is_asked && about.email_trust != EmailTrust::Never {
        faults.push(
            "`email_trust` must be \"never\": by OpenID 2.0 anybody may be a provider of any address".into(),
        );
    }
    if about.links_silently && matches!(about.email_trust, EmailTrust::Never | EmailTrust::Assist) {
        faults.push(
            "`links_silently` needs an `email_trust` that says whose authority it is: hd or domain:…".into(),
        );
    }
}
