//! Requests that were good until a dice broke them: whatever comes out, the answer is JSON, never a 500, never a word of SQL.

use axum::body::Body;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::house::House;

/// Seeds that once found something. A seed that fails is added here.
const SAVED: [u64; 0] = [];
const SEEDS: u64 = 400;

const MULTIPART: &str = "multipart/form-data; boundary=X";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Method, path, content type, body.
const GOOD: [(&str, &str, &str, &str); 9] = [
    (
        "GET",
        "/api/collections/posts/records?filter=(title~'a'%26%26stars%3E1)&sort=-stars,title&expand=a.b&fields=*",
        "",
        "",
    ),
    ("GET", "/api/collections/posts/records?page=1&perPage=2&skipTotal=1&filter=@now%3E'2020-01-01'", "", ""),
    ("GET", "/api/collections/posts/records/abcdefghijklmno?fields=title:excerpt(3,true)", "", ""),
    (
        "POST",
        "/api/collections/posts/records",
        JSON,
        "{\"title\":\"a\",\"stars+\":2,\"any\":{\"a\":[1,null,\"\\u0000\"]}}",
    ),
    ("POST", "/api/collections/posts/records", FORM, "title=a&stars=1&any=%7B%22a%22%3A1%7D&photo-=x"),
    (
        "POST",
        "/api/collections/posts/records",
        MULTIPART,
        "--X\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\n--X\r\nContent-Disposition: form-data; \
         name=\"photo\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--X--\r\n",
    ),
    (
        "POST",
        "/api/batch",
        JSON,
        "{\"requests\":[{\"method\":\"PUT\",\"url\":\"/api/collections/posts/records?fields=id\",\"body\":{\"id\":\"abcdefghijklmno\"}}]}",
    ),
    (
        "POST",
        "/api/realtime",
        JSON,
        "{\"clientId\":\"x\",\"subscriptions\":[\"posts/*?options=%7B%22query%22%3A%7B%7D%7D\"]}",
    ),
    ("GET", "/api/files/posts/abcdefghijklmno/a.txt?thumb=100x100&token=x&download=1", "", ""),
];

const SPLICES: [&str; 22] = [
    "'",
    "\"",
    "\\",
    "(",
    ")",
    "%00",
    "%FF",
    "\u{0}",
    "온",
    "--X",
    "\r\n\r\n",
    "{",
    "[",
    "]",
    "null",
    "-1",
    "1e999",
    "@request.auth.id",
    "@collection.users.id",
    ":each",
    "?=",
    "999999999999999999999999",
];

/// A dice of its own, so that a seed always throws the same (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % most as u64)
            .expect("it is below most")
    }

    fn mutate(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(4) {
            let at = self.below(chars.len() + 1);
            match self.below(4) {
                0 => drop(chars.drain(at..(at + self.below(8)).min(chars.len()))),
                1 => chars.truncate(at.max(1)),
                2 => {
                    let copy: Vec<_> = chars[at..(at + self.below(30)).min(chars.len())].to_vec();
                    chars.splice(at..at, copy);
                }
                _ => {
                    chars.splice(at..at, SPLICES[self.below(SPLICES.len())].chars());
                }
            }
        }
        chars.into_iter().collect()
    }
}

#[tokio::test]
async fn broken_requests_are_answered_in_json_and_without_a_fault_of_ours() {
    let house = House::new().await;
    let fields = json!([
        { "name": "title", "type": "text" }, { "name": "stars", "type": "number" }, { "name": "any", "type": "json" },
        { "name": "photo", "type": "file" },
    ]);
    house.open_collection("posts", fields).await;
    for seed in SAVED.into_iter().chain(1..SEEDS) {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (method, path, kind, body) = GOOD[dice.below(GOOD.len())];
        let is_in_path = body.is_empty() || dice.below(3) == 0;
        let path = if is_in_path { dice.mutate(path) } else { path.to_owned() };
        let body = if is_in_path { body.to_owned() } else { dice.mutate(body) };
        if path.parse::<Uri>().is_err() {
            continue;
        }
        let answer = house.send(method, &path, &[("content-type", kind)], Body::from(body.clone())).await;
        let text = String::from_utf8_lossy(&answer.2);
        let told = format!("seed {seed}: {method} {path}\n{body}\n{} {text}", answer.0);
        assert!(answer.0.as_u16() < 500, "{told}");
        assert!(text.is_empty() || serde_json::from_str::<Value>(&text).is_ok(), "{told}");
        let is_fault = answer.0.as_u16() >= 400;
        let names = ["sqlite", "syntax error", "no such column", "json_extract"];
        assert!(!is_fault || !names.iter().any(|word| text.to_lowercase().contains(word)), "{told}");
    }
}
