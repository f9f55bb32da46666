//! Tests of values: casts, kept forms, checks, modifiers, what the server sets.

mod any;
mod checks;
mod modifiers;

use base::time::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::core::account::Access;
use crate::core::sample;

/// Numbers that count up from a seed.
fn chance(seed: u64) -> impl FnMut() -> u64 {
    let mut next = seed;
    move || {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        next
    }
}

/// The values of `things` with a request applied.
fn with(sent: Value) -> Values {
    let things = sample::things();
    let mut values = empty(&things);
    apply(&things, &mut values, &sample::object(sent), Access::Plain);
    values
}

#[test]
fn what_a_client_sends_is_cast_to_the_fields_form() {
    for (field, sent, kept) in [
        ("title", json!("a"), json!("a")),
        ("title", json!(12), json!("12")),
        ("title", json!(1.50), json!("1.5")),
        ("title", json!(1e21), json!("1000000000000000000000")),
        ("title", json!(true), json!("true")),
        ("title", json!(null), json!("")),
        ("title", json!(["a"]), json!("")),
        ("story", json!("<p>"), json!("<p>")),
        ("count", json!("12"), json!(12)),
        ("count", json!("12.50"), json!(12.5)),
        ("count", json!(12.0), json!(12)),
        ("count", json!(-0.0), json!(0)),
        ("count", json!("12 "), json!(0)),
        ("count", json!("many"), json!(0)),
        ("count", json!(true), json!(1)),
        ("count", json!({}), json!(0)),
        ("count", json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)),
        ("done", json!("t"), json!(true)),
        ("done", json!("yes"), json!(false)),
        ("done", json!(2), json!(true)),
        ("done", json!(null), json!(false)),
        ("day", json!("2026-11-22"), json!("2026-11-22 00:00:00.000Z")),
        ("day", json!("2026-11-22T09:00:00+09:00"), json!("2026-11-22 00:00:00.000Z")),
        ("day", json!("0000-01-01T00:00:00+10:00"), json!("")),
        ("day", json!("9999-12-31T23:59:59-10:00"), json!("")),
        ("day", json!("tomorrow"), json!("")),
        ("day", json!(1_700_000_000), json!("")),
        ("color", json!("red"), json!("red")),
        ("color", json!(["red", "blue"]), json!("blue")),
        ("color", json!([]), json!("")),
        ("colors", json!("red"), json!(["red"])),
        ("colors", json!(""), json!([])),
        ("colors", json!(["red", "", "red", "blue"]), json!(["red", "blue"])),
        ("colors", json!("[\"red\",\"blue\"]"), json!(["red", "blue"])),
        ("colors", json!("[red"), json!(["[red"])),
        ("colors", json!([1, true, null, {}]), json!(["1", "true"])),
        ("friends", json!(12), json!(["12"])),
        ("extra", json!({ "b": 1, "a": [1.0] }), json!({ "b": 1, "a": [1.0] })),
        ("extra", json!("{\"a\":1}"), json!({ "a": 1 })),
        ("extra", json!("12"), json!(12)),
        ("extra", json!("null"), json!(null)),
        ("extra", json!("\"quoted\""), json!("quoted")),
        ("extra", json!("{broken"), json!("{broken")),
        ("extra", json!("plain"), json!("plain")),
        ("extra", json!(""), json!("")),
        ("place", json!({ "lon": 127.0, "lat": 37.5 }), json!({ "lon": 127, "lat": 37.5 })),
        ("place", json!("{\"lat\":1,\"lon\":2,\"more\":3}"), json!({ "lon": 2, "lat": 1 })),
        ("place", json!({ "lon": "x" }), json!({ "lon": 0, "lat": 0 })),
        ("place", json!("nowhere"), json!({ "lon": 0, "lat": 0 })),
    ] {
        assert_eq!(with(json!({ field: sent })).0[field], kept, "{field} from {sent}");
    }
}

#[test]
fn whole_numbers_are_written_without_a_fraction() {
    let things = sample::things();
    let mut values = with(json!({ "count": 3 }));
    values.0.insert("count".to_owned(), json!(12.0));
    assert!(write(&things, &values).contains("\"count\":12,"));
}

#[test]
fn a_body_holds_every_field_in_order_but_the_id() {
    let things = sample::things();
    let body = write(&things, &empty(&things));
    expect_test::expect![[r#"{"title":"","story":"","count":0,"done":false,"mail":"","page":"","day":"","color":"","colors":[],"cover":"","photos":[],"parent":"","friends":[],"extra":null,"place":{"lon":0,"lat":0},"created":"","updated":""}"#]]
    .assert_eq(&body);
    let mut values = read(&things, "abc", &body);
    assert_eq!(values.0.shift_remove("id"), Some(json!("abc")));
    let mut expected = empty(&things);
    expected.0.shift_remove("id");
    assert_eq!(values, expected);
}

#[test]
fn bodies_of_older_shapes_read_in_the_present_form() {
    let things = sample::things();
    let old = r#"{"gone":1,"title":"a","color":["red","blue"],"colors":"[x","photos":"p.png","cover":[],"parent":["p","q"],"friends":"","count":2.0}"#;
    let values = read(&things, "id1", old);
    for (field, form) in [
        ("id", json!("id1")),
        ("title", json!("a")),
        ("color", json!("blue")),
        ("colors", json!(["[x"])),
        ("photos", json!(["p.png"])),
        ("cover", json!("")),
        ("parent", json!("q")),
        ("friends", json!([])),
        ("count", json!(2)),
        ("done", json!(false)),
        ("place", json!({ "lon": 0, "lat": 0 })),
    ] {
        assert_eq!(values.0[field], form, "{field}");
    }
    assert_eq!(values.0.get("gone"), None);
}

#[test]
fn a_body_that_is_no_object_reads_as_empty_values() {
    let things = sample::things();
    for body in ["", "[]", "{", "null", "12"] {
        assert_eq!(read(&things, "", body), empty(&things), "{body}");
    }
}

#[test]
fn dates_are_set_by_the_server_when_they_are_due() {
    let things = sample::things();
    let (mut first, early, late) = (empty(&things), Timestamp(1_000), Timestamp(2_000));
    set_automatic(&things, None, &mut first, early, &mut chance(1));
    assert_eq!(first.text("created"), early.to_string());
    assert_eq!(first.text("updated"), early.to_string());
    let mut second = first.clone();
    apply(&things, &mut second, &sample::object(json!({ "created": "2020-01-01" })), Access::Superuser);
    set_automatic(&things, Some(&first), &mut second, late, &mut chance(1));
    assert_eq!(second.text("created"), early.to_string());
    assert_eq!(second.text("updated"), late.to_string());
}

#[test]
fn an_imported_date_stays() {
    let things = sample::things();
    let mut values = empty(&things);
    values.0.insert("created".to_owned(), json!("2020-01-01 00:00:00.000Z"));
    set_automatic(&things, None, &mut values, Timestamp(0), &mut chance(1));
    assert_eq!(values.text("created"), "2020-01-01 00:00:00.000Z");
}

#[test]
fn ids_are_made_for_new_records_that_have_none() {
    let things = sample::things();
    let mut values = empty(&things);
    set_automatic(&things, None, &mut values, Timestamp(1_700_000_000_000), &mut chance(7));
    assert_eq!(values.text("id").len(), 15);
    assert_eq!(check(&things, None, &values, &[]).0, serde_json::Map::new());
    let mut given = with(json!({ "id": "abcdefghij12345" }));
    set_automatic(&things, None, &mut given, Timestamp(0), &mut chance(7));
    assert_eq!(given.text("id"), "abcdefghij12345");
}

#[test]
fn texts_are_made_by_their_pattern_for_new_records_only() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [{ "name": "slug", "type": "text", "autogeneratePattern": "(post|page)-[0-9]{6}x?" }],
    }));
    let mut values = empty(&posts);
    set_automatic(&posts, None, &mut values, Timestamp(0), &mut chance(3));
    let made = crate::core::pattern::Pattern::parse("^(post|page)-[0-9]{6}x?$").expect("it is a pattern");
    assert!(made.matches(values.text("slug")), "{}", values.text("slug"));
    let mut emptied = values.clone();
    emptied.0.insert("slug".to_owned(), json!(""));
    set_automatic(&posts, Some(&values), &mut emptied, Timestamp(0), &mut chance(3));
    assert_eq!(emptied.text("slug"), "");
}

#[test]
fn the_token_key_changes_with_the_password_and_the_address_only() {
    let members = sample::members();
    let mut first = empty(&members);
    set_automatic(&members, None, &mut first, Timestamp(0), &mut chance(1));
    assert_eq!(first.text("tokenKey").len(), 50);
    for (field, is_new) in [("password", true), ("email", true), ("nick", false), ("verified", false)] {
        let mut second = first.clone();
        second.0.insert(field.to_owned(), json!("other"));
        set_automatic(&members, Some(&first), &mut second, Timestamp(0), &mut chance(2));
        assert_eq!(second.text("tokenKey") != first.text("tokenKey"), is_new, "{field}");
        assert_eq!(second.text("tokenKey").len(), 50, "{field}");
    }
}

#[test]
fn superusers_are_always_verified() {
    let first = crate::core::change::first_collections(sample::NOW, &mut || "w".repeat(15));
    let mut values = empty(&first[0]);
    set_automatic(&first[0], None, &mut values, Timestamp(0), &mut chance(1));
    assert!(values.flag("verified"));
}

#[test]
fn files_that_a_change_drops_are_known() {
    let things = sample::things();
    let before = with(json!({ "cover": "a.png", "photos": ["b.png", "c.png"] }));
    let after = with(json!({ "cover": "", "photos": ["c.png"] }));
    assert_eq!(files(&things, &before), ["a.png", "b.png", "c.png"]);
    assert_eq!(files_gone(&things, &before, &after), ["a.png", "b.png"]);
}

#[test]
fn files_are_kept_under_plain_names() {
    for (sent, extension, kept) in [
        ("Photo 1.PNG", "", "photo_1_word.png"),
        ("../../etc/passwd", "", "passwd_word"),
        ("C:\\x\\y.txt", "", "y_word.txt"),
        ("사진.jpg", "", "사진_word.jpg"),
        (".bashrc", "txt", "bashrc_word.txt"),
        ("backup.tar.gz", "", "backup_word.tar.gz"),
        ("none", "png", "none_word.png"),
        ("", "", "word"),
        ("a.p/../n\"g", "", "n_g_word"),
    ] {
        assert_eq!(file_name(sent, extension, "word"), kept, "{sent}");
    }
    assert!(file_name(&"x".repeat(400), &"y".repeat(400), "word").len() < 150);
}
