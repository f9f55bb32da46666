//! `Idempotency-Key`: a write that a client may send again, when it heard no answer, without doing it twice.
//!
//! A key counts for who asks, the method and the path; what else was asked is its fingerprint. Both are hashes that hold
//! the key as it was sent, which is kept nowhere: so a password in a body can't be guessed from its fingerprint.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::Response;
use base::error::Fields;
use records::{Error, Principal, Shape, Written};
use serde_json::Value;
use sha2::{Digest, Sha256};
use web::form::Form;
use web::{Problem, reply};

use crate::caller::Caller;
use crate::service::Inner;

/// The header that names a write.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that tells of an earlier write.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Seconds after which a request makes sense again that met itself under way.
const PENDING_RETRY_AFTER: u64 = 1;

impl Caller {
    /// Lets a write that names itself be done once.
    pub(crate) async fn once(&mut self, head: &Parts, form: &mut Form) -> Result<(), Problem> {
        let Some(sent) = key(&head.headers)? else { return Ok(()) };
        let mut key = Digested::default();
        for part in [&sent, head.method.as_str(), head.uri.path()] {
            key.text(part);
        }
        key.who(self.request.auth.as_deref());
        let mut fingerprint = Digested::default();
        fingerprint.text(&sent);
        fingerprint.object(&self.request.query);
        fingerprint.object(&form.values);
        for upload in &mut form.uploads {
            fingerprint.text(&upload.key);
            fingerprint.text(&upload.name);
            upload.file.finish().await?;
            fingerprint.bytes(&hash(upload.file.path().to_owned()).await?);
        }
        let once = store::Once { key: key.finish(), fingerprint: fingerprint.finish() };
        self.request.once = Some(once.into());
        Ok(())
    }
}

impl Inner {
    /// The answer of a write that was not done: as it was told before, when it was done then; else why it is refused.
    pub(crate) async fn again(
        &self,
        caller: &Caller,
        fault: Error,
        shapes: &[Shape],
        tell: impl FnOnce(Vec<Option<Written>>) -> Response,
    ) -> Result<Response, Problem> {
        let repeat = match fault {
            Error::Repeated(repeat) => *repeat,
            fault => return Err(refused(fault)),
        };
        let mut response = tell(self.records.answer_again(&caller.request, repeat, shapes).await?);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// The answer of one write.
pub(crate) fn one(mut done: Vec<Option<Written>>) -> Response {
    match done.pop().flatten() {
        Some(written) => reply::json_text(written.json),
        None => reply::no_content(),
    }
}

fn refused(fault: Error) -> Problem {
    let is_reused = matches!(fault, Error::Reused);
    let retry_after = matches!(fault, Error::Store(store::Error::Pending)).then_some(PENDING_RETRY_AFTER);
    let mut problem = Problem::from(fault);
    problem.retry_after = problem.retry_after.or(retry_after);
    if !is_reused {
        return problem;
    }
    let message = "Send the same request as before under it, or another key.";
    problem.with(Fields::one(KEY.as_str(), "validation_key_reused", message))
}

/// The key as it was sent, without the quotes that a string of a structured header (RFC 9651, 3.3.3) has.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut sent = headers.get_all(KEY).iter();
    let Some(first) = sent.next() else { return Ok(None) };
    let text = first.to_str().ok().map(str::trim).filter(|_| sent.next().is_none());
    let key = text.and_then(|text| match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => Some(text.to_owned()),
    });
    match key {
        Some(key) if !key.is_empty() && key.len() <= KEY_BYTES_MAX && is_printable(&key) => Ok(Some(key)),
        _ => {
            let message = format!("It must be one text of 1 to {KEY_BYTES_MAX} printable ASCII characters.");
            let fields = Fields::one(KEY.as_str(), "validation_invalid_format", &message);
            Err(Problem::invalid("The header Idempotency-Key can't be read.").with(fields))
        }
    }
}

fn is_printable(key: &str) -> bool {
    key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The text up to the closing quote, which must be the end.
fn unquoted(text: &str) -> Option<String> {
    let (mut key, mut rest) = (String::with_capacity(text.len()), text.chars());
    loop {
        match rest.next()? {
            '"' => return rest.next().is_none().then_some(key),
            '\\' => key.push(rest.next().filter(|c| matches!(c, '"' | '\\'))?),
            plain => key.push(plain),
        }
    }
}

/// The hash of a file's bytes.
async fn hash(path: PathBuf) -> Result<[u8; 32], Problem> {
    let hashed = tokio::task::spawn_blocking(move || hash_now(&path)).await;
    hashed.map_err(|fault| Problem::internal(&fault))?.map_err(|fault| Problem::internal(&fault))
}

fn hash_now(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hasher, mut chunk) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&chunk[..read]),
        }
    }
}

/// A hash of parts, each with its length: other parts are another hash.
#[derive(Default)]
struct Digested(Sha256);

impl Digested {
    fn bytes(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn text(&mut self, part: &str) {
        self.bytes(part.as_bytes());
    }

    fn who(&mut self, who: Option<&Principal>) {
        if let Some(who) = who {
            self.text(&who.collection.id);
            self.text(&who.row.id);
        }
    }

    /// The members by name: clients needn't keep their order.
    fn object(&mut self, object: &serde_json::Map<String, Value>) {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        self.0.update(b"{");
        for (name, value) in members {
            self.text(name);
            self.value(value);
        }
        self.0.update(b"}");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(object) => self.object(object),
            Value::Array(list) => {
                self.0.update(b"[");
                list.iter().for_each(|value| self.value(value));
                self.0.update(b"]");
            }
            Value::String(text) => {
                self.0.update(b"\"");
                self.text(text);
            }
            plain => {
                self.0.update(b"=");
                self.text(&plain.to_string());
            }
        }
    }

    fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(sent: &[&str]) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(KEY, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        key(&headers).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn a_key_is_printable_ascii_with_or_without_quotes() {
        let long = "k".repeat(KEY_BYTES_MAX);
        assert_eq!(read(&[]), Ok(None));
        for (sent, key) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            (r#""a \"b\" \\c""#, r#"a "b" \c"#),
            (&long, &long),
        ] {
            assert_eq!(read(&[sent]), Ok(Some(key.to_owned())), "{sent}");
        }
        for sent in ["", "\"\"", "\"open", "\"a\"b", r#""a\b""#, "온돌", "a\tb", &format!("{long}k")] {
            assert_eq!(read(&[sent]), Err(400), "{sent}");
        }
        assert_eq!(read(&["a", "a"]), Err(400), "two keys");
    }

    #[test]
    fn a_fingerprint_tells_bodies_apart_but_not_the_order_of_their_members() {
        let of = |value: Value| {
            let mut digested = Digested::default();
            digested.value(&value);
            digested.finish()
        };
        assert_eq!(
            of(json!({ "a": 1, "b": { "c": [], "d": "" } })),
            of(json!({ "b": { "d": "", "c": [] }, "a": 1 }))
        );
        let all = [
            json!({}),
            json!([]),
            json!(null),
            json!(""),
            json!(1),
            json!("1"),
            json!(true),
            json!("true"),
            json!({ "a": 1 }),
            json!({ "a": "1" }),
            json!(["a", 1]),
            json!([["a"], 1]),
            json!(["a", "b"]),
            json!(["ab"]),
            json!({ "a": {} }),
            json!({ "a": [] }),
        ];
        let different: std::collections::HashSet<String> = all.iter().cloned().map(of).collect();
        assert_eq!(different.len(), all.len());
    }
}
