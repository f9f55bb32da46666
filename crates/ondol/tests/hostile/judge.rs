//! What must hold of every answer, and of the answers of two houses that differ in their secrets only.

use std::thread;

use serde_json::Value;

use crate::ask::{Answer, Ask};
use crate::furniture::{CANARY, Furnished, furnish};
use crate::house::{Standing, no_panic};

/// What only a database says.
const DATABASE_WORDS: [&str; 12] = [
    "sqlite",
    "sql",
    "json_extract",
    "syntax error",
    "no such column",
    "no such table",
    "constraint failed",
    "select ",
    "r_vault",
    "r_diaries",
    "panicked",
    ".rs:",
];

/// Judges an answer to somebody who may not know the secrets.
pub(crate) fn judge(asked: &Ask, answer: &Answer) {
    let (text, brief) = (answer.text(), Brief(asked));
    let repeats = format!("{brief:?} {}", decoded(&asked.path)).contains(CANARY);
    assert!(repeats || !text.contains(CANARY), "a secret is told: {text}: {brief:?}");
    judge_order(asked, answer);
}

/// Judges any answer.
pub(crate) fn judge_order(asked: &Ask, answer: &Answer) {
    let (status, text) = (answer.status, answer.text());
    let asked = Brief(asked);
    no_panic(&asked);
    assert!(status < 500 || status == 501, "{status} {text}: {asked:?}");
    if status < 400 || asked.0.method == "HEAD" {
        return;
    }
    // what was sent may be repeated; words of the database that were not sent may not come
    let sent = format!("{} {asked:?}", decoded(&asked.0.path)).to_lowercase();
    let told = text.to_lowercase();
    for word in DATABASE_WORDS.iter().filter(|word| !sent.contains(**word)) {
        assert!(!told.contains(word), "{word:?} in {text}: {asked:?}");
    }
    if asked.0.path.starts_with("/api/") && answer.head.contains("application/json") {
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}: {asked:?}"));
        let has_shape =
            value["status"] == status && value["message"].is_string() && value["data"].is_object();
        assert!(has_shape, "{text}: {asked:?}");
        assert!(text.len() < 20_000, "an answer of {} bytes: {asked:?}", text.len());
    } else if asked.0.path.starts_with("/api/") {
        assert!(
            matches!(status, 400 | 414 | 431),
            "{status} without JSON: {} {text}: {asked:?}",
            answer.head
        );
    }
}

/// A path as it is meant, for comparing it with what is told.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request as it is printed: not at full length.
pub(crate) struct Brief<'a>(pub(crate) &'a Ask);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ask { method, path, kind, body, token } = self.0;
        let cut = |text: &str| text.chars().take(4000).collect::<String>();
        let (path, body) = (cut(path), cut(&String::from_utf8_lossy(body)));
        let token = cut(token);
        write!(f, "{method} {path} token={token:?} kind={kind:?} body={body:?}")
    }
}

/// Two houses with the same things and other secrets.
pub(crate) struct Twins {
    pub(crate) one: Furnished,
    other: Furnished,
}

impl Twins {
    pub(crate) fn new() -> Twins {
        let other = thread::spawn(|| furnish(Standing::new(), "zwitschert"));
        let one = furnish(Standing::new(), "singt");
        Twins { one, other: other.join().expect("furnished") }
    }

    /// Asks both, as a guest and as somebody who owns no secret: the answers are in order and the same.
    ///
    /// True when it was no fault.
    pub(crate) fn ask(&self, path: &str) -> bool {
        let mut is_answered = false;
        for who in ["guest", "mallory"] {
            let ask = |house: &Furnished| {
                let token = if who == "guest" { "" } else { &house.mallory };
                let ask = Ask::get(path).of(token);
                let answer = house.house.ask(&ask);
                judge(&ask, &answer);
                (answer.status, without_times(answer.value()))
            };
            let (one, other) = (ask(&self.one), ask(&self.other));
            assert!(
                one == other,
                "{who} can tell the secrets apart by {}:\n{one:?}\n{other:?}",
                decoded(path)
            );
            is_answered |= one.0 == 200;
        }
        is_answered
    }
}

fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.remove("created");
            map.remove("updated");
            map.values_mut().for_each(|inner| *inner = without_times(inner.take()));
        }
        Value::Array(all) => all.iter_mut().for_each(|inner| *inner = without_times(inner.take())),
        _ => {}
    }
    value
}
