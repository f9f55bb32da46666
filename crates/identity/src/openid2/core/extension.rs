//! What a provider tells of a person, asked and read by two extensions: Simple Registration 1.1 and Attribute Exchange 1.0.
//!
//! Invariant: only what is signed is read, and only from the one name that the message gives the extension.

use super::assertion::Proven;

/// Simple Registration.
const SREG: &str = "http://openid.net/extensions/sreg/1.1";
/// Attribute Exchange.
const AX: &str = "http://openid.net/srv/ax/1.0";
/// Longest value that is taken, in bytes.
const VALUE_BYTES_MAX: usize = 1000;

/// The keys and values of a question, as they come after `openid.`.
pub type Fields = Vec<(String, String)>;

/// Asks by Simple Registration for values by their names (`email`, `nickname`, `fullname`, `language`).
pub fn ask_sreg(names: &[String]) -> Fields {
    if names.is_empty() {
        return Vec::new();
    }
    vec![("ns.sreg".into(), SREG.into()), ("sreg.optional".into(), names.join(","))]
}

/// Asks by Attribute Exchange for values by our name and their type.
pub fn ask_ax<'a>(types: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fields {
    let mut fields = Vec::new();
    let mut names = Vec::new();
    for (name, kind) in types {
        fields.push((format!("ax.type.{name}"), kind.to_owned()));
        names.push(name);
    }
    if !names.is_empty() {
        let own = [("ns.ax", AX), ("ax.mode", "fetch_request"), ("ax.required", &names.join(","))];
        fields.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    fields
}

/// The value of a name, if the provider tells it by Simple Registration.
pub fn sreg<'a>(proven: &'a Proven, name: &str) -> Option<&'a str> {
    let alias = proven.alias(SREG)?;
    proven.get(&format!("{alias}.{name}")).filter(is_value)
}

/// The value of a type, if the provider tells it by Attribute Exchange.
pub fn ax<'a>(proven: &'a Proven, kind: &str) -> Option<&'a str> {
    let alias = proven.alias(AX)?;
    if proven.get(&format!("{alias}.mode")) != Some("fetch_response") {
        return None;
    }
    let types = format!("{alias}.type.");
    let mut named = proven.iter().filter(|(key, value)| *value == kind && key.starts_with(&types));
    let name = named.next().filter(|_| named.next().is_none())?.0.strip_prefix(&types)?;
    let place = match proven.get(&format!("{alias}.count.{name}")) {
        None => format!("{alias}.value.{name}"),
        Some(_) => format!("{alias}.value.{name}.1"),
    };
    proven.get(&place).filter(is_value)
}

fn is_value(text: &&str) -> bool {
    !text.is_empty() && text.len() <= VALUE_BYTES_MAX
}
