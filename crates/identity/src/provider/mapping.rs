//! A provider's answers become a profile: who it is, and what may be believed of the rest.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pointer::Pointer;
use super::{About, EmailTrust, fill};
use crate::refusal::Refusal;

/// Longest subject, in bytes (OpenID Connect Core, 2).
pub(super) const SUBJECT_BYTES_MAX: usize = 255;
/// Longest mail address that is looked at, in bytes (RFC 5321, 4.5.3.1).
const EMAIL_BYTES_MAX: usize = 254;

/// Answers by their names.
pub type Documents = BTreeMap<String, Value>;

/// Somebody, as a provider knows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Who it is there.
    pub subject: String,
    /// What people call them; may be empty.
    pub name: String,
    /// The name that they sign in with there; may be empty.
    pub login: String,
    /// The address of a picture; may be empty.
    pub picture: String,
    /// Their mail address.
    pub address: Option<Address>,
    /// What the provider said, whole.
    pub raw: Value,
}

/// A mail address as a provider gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// In lower case, without spaces around.
    pub text: String,
    /// The provider has seen that it is theirs, and the settings let us believe it.
    pub is_verified: bool,
    /// The provider is the authority for its domain.
    pub is_authoritative: bool,
}

/// Reads a profile out of answers, once everything that must agree agrees.
pub fn read(about: &About, client_id: &str, documents: &Documents) -> Result<Profile, Refusal> {
    let subject = subject(about.map.subject.find(documents))?;
    require(about, client_id, documents)?;
    restrict(about, documents)?;
    let map = &about.map;
    Ok(Profile {
        subject,
        name: map.name.text(documents),
        login: map.login.text(documents),
        picture: map.picture.text(documents),
        address: address(about, documents),
        raw: raw(about, documents),
    })
}

/// Texts and whole numbers, which some providers send for the same person in turn.
pub(crate) fn subject(found: Option<&Value>) -> Result<String, Refusal> {
    let subject = match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_u64() || number.is_i64() => number.to_string(),
        _ => return Err(Refusal::Mismatch("the profile does not say who it is")),
    };
    let is_fit =
        !subject.is_empty() && subject.len() <= SUBJECT_BYTES_MAX && !subject.chars().any(char::is_control);
    if is_fit {
        Ok(subject)
    } else {
        Err(Refusal::Mismatch("the subject is empty, too long or no plain text"))
    }
}

fn require(about: &About, client_id: &str, documents: &Documents) -> Result<(), Refusal> {
    for (place, wanted) in &about.require {
        let found = place.find(documents);
        let agrees = match wanted {
            toml::Value::Boolean(wanted) => found == Some(&Value::Bool(*wanted)),
            toml::Value::String(text) => match Pointer::parse(text) {
                Some(other) => plain(found).is_some() && plain(found) == plain(other.find(documents)),
                None => {
                    let wanted = fill::fill(text, &[("client_id", client_id)]);
                    plain(found).is_some_and(|found| wanted.is_ok_and(|wanted| wanted == found))
                }
            },
            other => plain(found).is_some_and(|found| found == other.to_string()),
        };
        if !agrees {
            return Err(Refusal::Mismatch("the provider's answers do not agree with each other or with us"));
        }
    }
    Ok(())
}

fn restrict(about: &About, documents: &Documents) -> Result<(), Refusal> {
    for (place, allowed) in &about.restrict {
        let place = Pointer::parse(place).or_else(|| Pointer::parse(&format!("id:/{place}")));
        let found = place.and_then(|place| place.find(documents)).and_then(Value::as_str);
        if !found.is_some_and(|found| allowed.iter().any(|value| value.eq_ignore_ascii_case(found))) {
            return Err(Refusal::Outsider);
        }
    }
    Ok(())
}

fn plain(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn address(about: &About, documents: &Documents) -> Option<Address> {
    let text = about.map.email.text(documents).trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    if local.is_empty()
        || domain.is_empty()
        || text.len() > EMAIL_BYTES_MAX
        || text.chars().any(char::is_control)
    {
        return None;
    }
    let is_verified = about.email_trust != EmailTrust::Never && about.map.email_verified.holds(documents);
    let is_authority = match &about.email_trust {
        EmailTrust::Never | EmailTrust::Assist => false,
        EmailTrust::Domains(domains) => domains.iter().any(|known| known == domain),
        EmailTrust::HostedDomain => {
            let hosted = documents.get("id").and_then(|id| id.get("hd")).and_then(Value::as_str);
            domain == "gmail.com" || hosted.is_some_and(|hosted| hosted.eq_ignore_ascii_case(domain))
        }
    };
    Some(Address { is_verified, is_authoritative: is_verified && is_authority, text })
}

/// What the client is shown: the claims, or the answer that says who it is.
fn raw(about: &About, documents: &Documents) -> Value {
    let said = about.map.subject.0.first().and_then(|place| documents.get(&place.document));
    documents.get("claims").or(said).cloned().unwrap_or_default()
}
