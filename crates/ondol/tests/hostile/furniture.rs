//! What stands in a house that is asked by hostile guests: things for everybody, and secrets behind every kind of lock.
//!
//! Two houses are furnished alike but for the secrets. Whatever a guest asks, both must answer the same.

use serde_json::{Value, json};

use crate::ask::{Answer, Ask};
use crate::house::Standing;

/// Begins every secret text: no answer to a guest may have it.
pub(crate) const CANARY: &str = "kanarienvogel";
/// Nobody of these is the owner of a secret.
const PASSWORD: &str = "heated floor 1";

/// A furnished house, and the tokens of those who ask.
pub(crate) struct Furnished {
    pub(crate) house: Standing,
    /// Somebody who may sign in, and owns nothing that is secret.
    pub(crate) mallory: String,
    /// The owner of the secrets.
    pub(crate) victim: String,
    /// The address of a protected file.
    pub(crate) scan: String,
}

/// Puts everything in; `secret` is what only its owner may know.
pub(crate) fn furnish(house: Standing, secret: &str) -> Furnished {
    let secret = format!("{CANARY}{secret}");
    collections(&house);
    people(&house, &secret);
    things(&house, &secret);
    let scan = scan(&house, &secret);
    let mallory = house.sign_in("members", "mallory@example.com", PASSWORD);
    let victim = house.sign_in("members", &format!("{secret}@example.com"), PASSWORD);
    Furnished { house, mallory, victim, scan }
}

fn collections(house: &Standing) {
    let make = |body: Value| {
        house.must("POST", "/api/collections", &body);
    };
    let own = "owner = @request.auth.id";
    make(json!({
        "name": "vault", "type": "base", "id": "vault0000000001",
        "fields": [{ "name": "text", "type": "text" }, { "name": "n", "type": "number" }],
    }));
    make(json!({
        "name": "members", "type": "auth", "id": "members00000001", "listRule": "", "viewRule": "", "createRule": "",
        "updateRule": "id = @request.auth.id", "deleteRule": "id = @request.auth.id",
        "fields": [
            { "name": "nick", "type": "text" }, { "name": "note", "type": "text", "hidden": true },
            { "name": "chest", "type": "relation", "collectionId": "vault0000000001", "hidden": true },
        ],
    }));
    make(json!({
        "name": "boards", "type": "base", "id": "boards000000001", "listRule": "", "viewRule": "",
        "createRule": "", "updateRule": "title != 'locked' && secret = ''", "deleteRule": null,
        "fields": [
            { "name": "title", "type": "text" }, { "name": "data", "type": "json" },
            { "name": "tags", "type": "select", "maxSelect": 3, "values": ["a", "b", "c"] },
            { "name": "n", "type": "number" }, { "name": "place", "type": "geoPoint" },
            { "name": "secret", "type": "text", "hidden": true },
            { "name": "spy", "type": "relation", "collectionId": "vault0000000001", "hidden": true },
            { "name": "vault", "type": "relation", "collectionId": "vault0000000001", "maxSelect": 5 },
            { "name": "owner", "type": "relation", "collectionId": "members00000001" },
            { "name": "people", "type": "relation", "collectionId": "members00000001", "maxSelect": 9 },
            { "name": "picture", "type": "file", "maxSelect": 3 },
        ],
    }));
    make(json!({
        "name": "diaries", "type": "base", "id": "diaries00000001", "listRule": own, "viewRule": own,
        "createRule": own, "updateRule": own, "deleteRule": own,
        "fields": [
            { "name": "text", "type": "text" }, { "name": "code", "type": "text" },
            { "name": "owner", "type": "relation", "collectionId": "members00000001" },
            { "name": "board", "type": "relation", "collectionId": "boards000000001" },
            { "name": "boards", "type": "relation", "collectionId": "boards000000001", "maxSelect": 9 },
            { "name": "scan", "type": "file", "protected": true },
        ],
        "indexes": ["CREATE UNIQUE INDEX idx_diaries_code ON diaries (code) WHERE code != ''"],
    }));
    let diary =
        json!({ "name": "diary", "type": "relation", "collectionId": "diaries00000001", "maxSelect": 9 });
    let mut boards = house.must("GET", "/api/collections/boards", &Value::Null);
    boards["fields"].as_array_mut().expect("fields").push(diary);
    house.must("PATCH", "/api/collections/boards", &json!({ "fields": boards["fields"] }));
}

fn people(house: &Standing, secret: &str) {
    let person = |id: &str, email: &str, nick: &str, note: &str| {
        let body = json!({
            "id": id, "email": email, "nick": nick, "note": note, "password": PASSWORD,
            "passwordConfirm": PASSWORD, "emailVisibility": false,
        });
        house.must("POST", "/api/collections/members/records", &body);
    };
    person("victim000000001", &format!("{secret}@example.com"), "victim", secret);
    // whose hidden address stands before or behind the others
    let place = if is_even(secret) { "a" } else { "z" };
    person("other0000000001", &format!("{place}{secret}@example.com"), "other", "");
    person("mallory00000001", "mallory@example.com", "mallory", "");
    person("open00000000001", "open@example.com", "open", "");
    let path = "/api/collections/members/records/open00000000001";
    house.must("PATCH", path, &json!({ "emailVisibility": true }));
}

fn things(house: &Standing, secret: &str) {
    let put = |collection: &str, body: Value| {
        house.must("POST", &format!("/api/collections/{collection}/records"), &body);
    };
    put("vault", json!({ "id": "chest0000000001", "text": secret, "n": secret.len() }));
    put("vault", json!({ "id": "chest0000000002", "text": "plain", "n": 7 }));
    if is_even(secret) {
        put("vault", json!({ "id": "chest0000000003", "text": secret, "n": 3 }));
    }
    let board = |id: &str, more: Value| {
        let mut body = json!({
            "id": id, "title": id, "data": { "a": [1, { "b": "x" }] }, "tags": ["a", "b"], "n": 1,
            "place": { "lon": 127, "lat": 37.5 },
            "vault": ["chest0000000001", "chest0000000002"], "owner": "victim000000001",
            "people": ["victim000000001", "open00000000001", "mallory00000001"],
        });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        put("boards", body);
    };
    let chest = if is_even(secret) { "chest0000000001" } else { "chest0000000002" };
    board("board0000000001", json!({ "secret": secret, "spy": chest }));
    board("board0000000002", json!({ "secret": "m", "spy": "chest0000000002", "n": 2 }));
    board(
        "board0000000003",
        json!({ "owner": "open00000000001", "people": ["open00000000001"], "data": null }),
    );
    let diary = |id: &str, owner: &str, text: &str| {
        let (board, boards) = ("board0000000001", ["board0000000001", "board0000000002"]);
        let body =
            json!({ "id": id, "owner": owner, "text": text, "code": text, "board": board, "boards": boards });
        put("diaries", body);
    };
    diary("diary0000000001", "victim000000001", secret);
    diary("diary0000000002", "mallory00000001", "my own");
    if is_even(secret) {
        diary("diary0000000003", "victim000000001", &format!("{secret}!"));
    }
    let diaries = json!({ "diary": ["diary0000000001", "diary0000000002"] });
    house.must("PATCH", "/api/collections/boards/records/board0000000001", &diaries);
    house.must("PATCH", "/api/collections/members/records/victim000000001", &json!({ "chest": chest }));
}

/// In which of two ways the houses differ.
fn is_even(secret: &str) -> bool {
    secret.len().is_multiple_of(2)
}

/// Lays a protected file down; its address.
fn scan(house: &Standing, secret: &str) -> String {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"scan.txt\"\r\n\r\n{secret}\r\n--b--\r\n"
    );
    let path = "/api/collections/diaries/records/diary0000000001";
    let ask = Ask::raw("PATCH", path, "multipart/form-data; boundary=b", body).of(&house.root);
    let answer: Answer = house.ask(&ask);
    let name = answer.value()["scan"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    format!("/api/files/diaries/diary0000000001/{name}")
}
