//! A collection's template with its words filled in.
//!
//! Invariant: a value is never read as a template again, and in a page it is text, never markup.

use std::borrow::Cow;

use records::core::collection::Collection;
use records::core::field::FieldKind;
use records::core::value::Values;
use serde_json::Value;

/// Where a template is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The subject: one line of plain text.
    Subject,
    /// The body: a page.
    Page,
}

/// What the words in braces stand for.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// `{APP_NAME}`.
    pub(crate) app_name: &'a str,
    /// `{APP_URL}`, without a slash at its end.
    pub(crate) app_url: &'a str,
    /// `{TOKEN}`.
    pub(crate) token: &'a str,
    /// `{OTP}`.
    pub(crate) otp: &'a str,
    /// `{OTP_ID}`.
    pub(crate) otp_id: &'a str,
    /// `{ALERT_INFO}`.
    pub(crate) alert_info: &'a str,
    /// `{RECORD:field}`: the account.
    pub(crate) account: (&'a Collection, &'a Values),
}

/// The pages of templates that were written for another server: its own, behind a `#`, are ours without it.
const PAGES: [&str; 3] = ["confirm-verification", "confirm-password-reset", "confirm-email-change"];

/// Fills a template.
pub(crate) fn fill(template: &str, place: Place, words: &Words<'_>) -> String {
    let template = with_our_pages(template);
    let (mut out, mut rest) = (String::with_capacity(template.len() + 500), template.as_ref());
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest[1..].find(['{', '}']).map_or(rest.len(), |end| end + 1);
        let value = rest[end..].starts_with('}').then(|| words.value(&rest[1..end])).flatten();
        match value {
            Some(value) => {
                push(&mut out, &value, place);
                rest = &rest[end + 1..];
            }
            None => {
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                if rest.starts_with('}') {
                    out.push('}');
                    rest = &rest[1..];
                }
            }
        }
    }
    out.push_str(rest);
    out
}

fn with_our_pages(template: &str) -> Cow<'_, str> {
    let mut template = Cow::Borrowed(template);
    for page in PAGES {
        let theirs = format!("{{APP_URL}}/_/#/auth/{page}/{{TOKEN}}");
        if template.contains(&theirs) {
            template =
                Cow::Owned(template.replace(&theirs, &format!("{{APP_URL}}/auth/{page}?token={{TOKEN}}")));
        }
    }
    template
}

fn push(out: &mut String, value: &str, place: Place) {
    for c in value.chars() {
        match (place, c) {
            (Place::Page, '&') => out.push_str("&amp;"),
            (Place::Page, '<') => out.push_str("&lt;"),
            (Place::Page, '>') => out.push_str("&gt;"),
            (Place::Page, '"') => out.push_str("&quot;"),
            (Place::Page, '\'') => out.push_str("&#39;"),
            (Place::Subject, c) if c.is_control() => out.push(' '),
            (_, c) => out.push(c),
        }
    }
}

impl Words<'_> {
    /// What a word stands for; `None` when it is none of ours.
    fn value(&self, word: &str) -> Option<Cow<'_, str>> {
        Some(match word {
            "APP_NAME" => self.app_name.into(),
            "APP_URL" => self.app_url.into(),
            "TOKEN" => self.token.into(),
            "OTP" => self.otp.into(),
            "OTP_ID" => self.otp_id.into(),
            "ALERT_INFO" => self.alert_info.into(),
            _ => self.of_account(word.strip_prefix("RECORD:")?),
        })
    }

    /// A value of the account; what nobody but superusers sees is empty.
    fn of_account(&self, name: &str) -> Cow<'_, str> {
        let (collection, values) = self.account;
        let is_secret = |kind: &FieldKind| matches!(kind, FieldKind::Password { .. });
        let may_show = collection.field(name).is_some_and(|f| !f.is_hidden && !is_secret(&f.kind));
        match values.0.get(name).filter(|_| may_show) {
            None | Some(Value::Null) => "".into(),
            Some(Value::String(text)) => text.as_str().into(),
            Some(other) => other.to_string().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use records::core::collection::CollectionKind;
    use records::core::field::{Field, TextOptions};
    use serde_json::json;

    use super::*;

    fn filled(template: &str, place: Place, name: &str) -> String {
        let text = || FieldKind::Text(TextOptions::default());
        let fields = vec![Field::new("name", text()), Field::new("note", text()).hidden()];
        let accounts = Collection::new("pbc_1", "users", CollectionKind::Auth, fields);
        let values = json!({ "name": name, "note": "hush", "tokenKey": "key" });
        let values = Values(values.as_object().cloned().expect("an object"));
        let words = Words {
            app_name: "온돌",
            app_url: "https://a.example",
            token: "t.o.k",
            otp: "123456",
            otp_id: "",
            alert_info: "",
            account: (&accounts, &values),
        };
        fill(template, place, &words)
    }

    #[test]
    fn words_are_filled_in_and_what_is_no_word_stays() {
        for (template, text) in [
            ("{APP_NAME}: {OTP}", "온돌: 123456"),
            ("{OTHER} {} { {OTP} } {OTP", "{OTHER} {} { 123456 } {OTP"),
            ("{RECORD:name}|{RECORD:note}|{RECORD:tokenKey}|{RECORD:none}", "Kim|||"),
            ("<style>p{color:red}</style>{OTP_ID}", "<style>p{color:red}</style>"),
            ("{{OTP}}", "{123456}"),
            ("", ""),
        ] {
            assert_eq!(filled(template, Place::Page, "Kim"), text, "{template}");
        }
    }

    #[test]
    fn a_value_is_neither_markup_nor_a_template_nor_a_second_line() {
        let hostile = "<a href='x'>{TOKEN}\r\nBcc: e@e.example";
        let page = filled("{RECORD:name}", Place::Page, hostile);
        assert!(page.starts_with("&lt;a href=&#39;x&#39;&gt;{TOKEN}"), "{page}");
        let subject = filled("Hi {RECORD:name}", Place::Subject, hostile);
        assert!(!subject.contains(['\r', '\n']) && subject.contains("{TOKEN}"), "{subject}");
    }

    #[test]
    fn pages_of_templates_from_elsewhere_are_ours() {
        let template = "<a href=\"{APP_URL}/_/#/auth/confirm-password-reset/{TOKEN}\">x</a>";
        assert_eq!(
            filled(template, Place::Page, ""),
            "<a href=\"https://a.example/auth/confirm-password-reset?token=t.o.k\">x</a>"
        );
    }
}
