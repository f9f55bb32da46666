//! What was asked and answered while a provider is tried, for the superuser who tries it, with all secrets blotted.
//!
//! It is kept by the task that asks, while it is told to; everywhere else nothing is written down. A secret is known by its
//! name, wherever it stands: in an address, a header, a form, a JSON object or lines of `name:value`.
//!
//! Invariant: no more than the beginning of an answer is kept, and no value under a name that speaks of a secret.

use std::cell::RefCell;
use std::fmt::Write;

use hyper::header::{self, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Answer, Error, Request};

/// Bytes of an answer that are kept.
const BODY_BYTES_MAX: usize = 3 << 10;
/// Lines that are kept.
const LINES_MAX: usize = 20;
/// Words in names of secrets.
const SECRETS: [&str; 14] = [
    "secret",
    "token",
    "password",
    "code",
    "verifier",
    "assertion",
    "signature",
    "proof",
    "mac_key",
    "consumer_public",
    "sig",
    "nonce",
    "authorization",
    "ticket",
];
/// Names that have such a word and are none.
const PLAIN: [&str; 8] = [
    "token_type",
    "token_endpoint",
    "code_challenge_method",
    "token_endpoint_auth_methods_supported",
    "error_code",
    "code_challenge_methods_supported",
    "id_token_signing_alg_values_supported",
    "signed",
];
/// What stands in place of a secret.
const BLOT: &str = "•••";

tokio::task_local! {
    static LINES: RefCell<Vec<Line>>;
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// Something was asked.
    Asked {
        /// Method and address.
        what: String,
        /// The form that was sent; empty for none.
        sent: String,
        /// The answer: its status and kind, and its beginning; or why there is none.
        came: String,
        body: String,
    },
    /// Something was found out.
    Note(String),
}

/// Does something and writes down what is asked meanwhile.
pub(crate) async fn record<F: Future>(doing: F) -> (F::Output, Vec<Line>) {
    let doing = async {
        let done = doing.await;
        (done, LINES.with(|lines| lines.take()))
    };
    LINES.scope(RefCell::default(), doing).await
}

/// Writes a remark down, where something is written down.
pub(crate) fn note(text: &str) {
    push(|| Line::Note(text.to_owned()));
}

/// What is about to be asked, where that is written down.
pub(super) fn asking(request: &Request) -> Option<(String, String)> {
    LINES.try_with(|_| ()).ok()?;
    let headers = shown_headers(&request.headers);
    let sent = blotted(&String::from_utf8_lossy(&request.body), "");
    Some((format!("{} {}{headers}", request.method, address(&request.url)), sent))
}

/// What came of it.
pub(super) fn came(asked: Option<(String, String)>, answer: &Result<Answer, Error>) {
    let Some((what, sent)) = asked else { return };
    let (came, body) = match answer {
        Ok(answer) => {
            let media_type = answer.media_type();
            let to = answer.redirect().map(|to| format!(" → {}", address(&to))).unwrap_or_default();
            let body = blotted(&String::from_utf8_lossy(&answer.body), &media_type);
            (format!("{} {media_type}{to}", answer.status), cut(&body))
        }
        Err(error) => (base::error::chain(error), String::new()),
    };
    push(|| Line::Asked { what, sent, came, body });
}

fn push(line: impl FnOnce() -> Line) {
    let push = |lines: &RefCell<Vec<Line>>| {
        let mut lines = lines.borrow_mut();
        if lines.len() < LINES_MAX {
            lines.push(line());
        }
    };
    // elsewhere nothing is written down
    LINES.try_with(push).unwrap_or(());
}

/// How it is said who asks: the scheme only.
fn shown_headers(headers: &HeaderMap) -> String {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = text.and_then(|text| text.split(' ').next());
    scheme.map(|scheme| format!("\nAuthorization: {scheme} {BLOT}")).unwrap_or_default()
}

/// An address without the secrets in its query.
pub(crate) fn address(url: &Url) -> String {
    let mut url = url.clone();
    if let Some(query) = url.query() {
        let query = pairs(query);
        url.set_query(None);
        url.set_fragment(None);
        return format!("{url}?{query}");
    }
    url.into()
}

/// A text in whichever form it is, without its secrets.
fn blotted(text: &str, media_type: &str) -> String {
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        blot(&mut value);
        return serde_json::to_string_pretty(&value).unwrap_or_default();
    }
    let is_markup = text.trim_start().starts_with('<');
    // `name:value`, as OpenID 2.0 answers
    if !text.is_empty() && !is_markup && !text.contains('&') && text.lines().all(|line| line.contains(':')) {
        let line = |line: &str| match line.split_once(':') {
            Some((name, _)) if is_secret(name) => format!("{name}:{BLOT}"),
            _ => line.to_owned(),
        };
        return text.lines().map(line).collect::<Vec<_>>().join("\n");
    }
    let is_pairs = text.contains('=') && !is_markup && !text.contains(char::is_whitespace);
    match is_pairs {
        true => pairs(text),
        // a page or a document of discovery: they are for everybody
        false if media_type.contains("html") || media_type.contains("xml") || media_type.contains("xrds") => {
            text.to_owned()
        }
        false if text.len() < 200 => text.to_owned(),
        false => format!("{BLOT} ({} bytes)", text.len()),
    }
}

fn pairs(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let value = if is_secret(&name) { BLOT } else { &value };
        let separator = if shown.is_empty() { "" } else { "&" };
        write!(shown, "{separator}{name}={value}").expect("writing to a text can't fail");
    }
    shown
}

fn blot(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_plain = matches!(value, Value::Null | Value::Bool(_));
                if is_secret(name) && !is_plain {
                    *value = BLOT.into();
                } else {
                    blot(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(blot),
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !PLAIN.contains(&&*name) && SECRETS.iter().any(|word| name.contains(word))
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(BODY_BYTES_MAX);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_wherever_they_stand() {
        for (text, media_type) in [
            (r#"{"access_token":"hush-hush","scope":"a","more":[{"id_token":"hush"}]}"#, "application/json"),
            ("oauth_token=hush&oauth_token_secret=hush&user_id=7", "text/html"),
            ("mac_key:hush=\nassoc_handle:h\nenc_mac_key:hush=\n", "text/plain"),
            ("grant_type=authorization_code&code=hush&client_secret=hush", ""),
        ] {
            let shown = blotted(text, media_type);
            assert!(!shown.contains("hush") && shown.contains(BLOT), "{shown}");
        }
        let url = Url::parse("https://a.example/x?access_token=hush&fields=id#hush").expect("an address");
        assert_eq!(address(&url), "https://a.example/x?access_token=•••&fields=id");
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let shown =
            blotted(r#"{"token_type":"bearer","token_endpoint":"https://a.example/t","sub":"7"}"#, "");
        assert!(
            shown.contains("bearer") && shown.contains("https://a.example/t") && shown.contains('7'),
            "{shown}"
        );
        assert!(cut(&"온".repeat(5000)).len() < 4000);
    }

    #[tokio::test]
    async fn only_what_is_asked_meanwhile_is_written_down() {
        note("before");
        let ((), lines) = record(async { note("meanwhile") }).await;
        assert_eq!(lines, [Line::Note("meanwhile".into())]);
    }
}
