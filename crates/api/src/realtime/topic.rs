//! Topics: what a listener wants to hear of, `posts/*` or `posts/ID`, with `?options=` as the clients write it.
//!
//! Invariant: pure.

use std::fmt::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use web::request;

/// One subscription as a client wrote it.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    /// The whole text: events carry it as their name.
    pub(super) name: Arc<str>,
    /// The collection (name or id) and what of it: `posts/*`, `posts/ID`.
    pub(super) path: String,
    /// All records of the collection.
    pub(super) is_wide: bool,
    /// What else was said.
    pub(super) options: Arc<Options>,
}

/// What a listener says about the events that it wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// Only records that fit.
    pub(super) filter: String,
    /// Relations to follow.
    pub(super) expand: String,
    /// Keys to send.
    pub(super) fields: String,
    /// `@request.query.*`.
    pub(super) query: Map<String, Value>,
    /// `@request.headers.*`.
    pub(super) headers: Map<String, Value>,
    /// Equal for options that make equal events of one record for one caller.
    pub(super) key: String,
    /// Equal for options that make equal events of one record where the caller does not matter.
    pub(super) key_for_anyone: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent {
    query: Option<Map<String, Value>>,
    headers: Option<Map<String, Value>>,
}

impl Topic {
    /// Reads a topic; the error is a sentence.
    pub(super) fn parse(text: &str) -> Result<Topic, String> {
        if text.chars().any(char::is_control) {
            return Err("A topic has no control characters.".into());
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (collection, record) = path.split_once('/').unwrap_or((path, "*"));
        let options = request::query(Some(query)).remove("options");
        let options = Options::read(options.as_ref().and_then(Value::as_str).unwrap_or_default());
        Ok(Topic {
            name: text.into(),
            path: format!("{collection}/{record}"),
            is_wide: record == "*",
            options: Arc::new(options),
        })
    }
}

impl Options {
    /// Options that can't be read count as none, as the clients' server has it.
    fn read(text: &str) -> Options {
        let sent: Sent = serde_json::from_str(text).unwrap_or_default();
        let query = texts(sent.query.unwrap_or_default(), str::to_owned);
        let headers = texts(sent.headers.unwrap_or_default(), |name| name.to_lowercase().replace('-', "_"));
        let of = |name: &str| query.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (filter, expand, fields) = (of("filter"), of("expand"), of("fields"));
        let key_for_anyone = format!("{filter}\0{expand}\0{fields}");
        let mut key = key_for_anyone.clone();
        for (name, value) in query.iter().chain(&headers) {
            write!(key, "\0{name}\0{value}").expect("a string takes every text");
        }
        Options { filter, expand, fields, query, headers, key, key_for_anyone }
    }
}

fn texts(sent: Map<String, Value>, rename: impl Fn(&str) -> String) -> Map<String, Value> {
    let text = |value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    sent.into_iter().map(|(name, value)| (rename(&name), Value::String(text(value)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_name_a_collection_or_one_of_its_records() {
        for (text, path, is_wide) in [
            ("posts/*", "posts/*", true),
            ("posts", "posts/*", true),
            ("posts/abc?options=%7B%7D", "posts/abc", false),
            ("posts/*?x=/", "posts/*", true),
        ] {
            let topic = Topic::parse(text).expect("a topic");
            assert_eq!((topic.path.as_str(), topic.is_wide, &*topic.name), (path, is_wide, text));
        }
        assert!(Topic::parse("posts/*\nid:1").is_err(), "no event can be forged");
    }

    #[test]
    fn options_are_read_as_the_client_writes_them() {
        let text = "posts/*?options=%7B%22query%22%3A%7B%22filter%22%3A%22a%3D1%22%2C%22n%22%3A2%7D%2C\
            %22headers%22%3A%7B%22X-Token%22%3A%22t%22%7D%7D";
        let options = Topic::parse(text).expect("a topic").options;
        assert_eq!(options.filter, "a=1");
        assert_eq!(Value::Object(options.query.clone()), serde_json::json!({ "filter": "a=1", "n": "2" }));
        assert_eq!(Value::Object(options.headers.clone()), serde_json::json!({ "x_token": "t" }));
    }
}
