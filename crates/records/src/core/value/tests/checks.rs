//! Tests of what is wrong with values.

use super::*;

/// The code of the fault of a field of a new record of `things`.
fn code(field: &str, sent: Value) -> Option<String> {
    let mut values = with(json!({ field: sent }));
    values.0.entry("id").and_modify(|id| {
        if *id == json!("") {
            *id = json!("abcdefghij12345");
        }
    });
    let faults = check(&sample::things(), None, &values, &[]);
    assert!(faults.0.keys().all(|name| name == field), "{faults:?}");
    faults.0.get(field).map(|fault| fault["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn each_kind_refuses_with_its_code() {
    for (field, sent, expected) in [
        ("title", json!("abc"), ""),
        ("title", json!("가나다라마"), ""),
        ("title", json!("가나다라마바"), "validation_max_text_constraint"),
        ("title", json!("a"), "validation_min_text_constraint"),
        ("title", json!("가"), "validation_min_text_constraint"),
        ("title", json!("ABC"), "validation_invalid_format"),
        ("title", json!(""), ""),
        ("story", json!("12345678901"), "validation_content_size_limit"),
        ("count", json!(3), ""),
        ("count", json!(0), ""),
        ("count", json!(3.5), "validation_only_int_constraint"),
        ("count", json!(-1), "validation_min_number_constraint"),
        ("count", json!(11), "validation_max_number_constraint"),
        ("mail", json!("a@b.example"), ""),
        ("mail", json!("a@b"), "validation_is_email"),
        ("mail", json!("A <a@b.example>"), "validation_is_email"),
        ("mail", json!("ab.example"), "validation_is_email"),
        ("mail", json!("a@spam.example"), "validation_email_domain_not_allowed"),
        ("page", json!("https://example.com/a?b#c"), ""),
        ("page", json!("example.com"), ""),
        ("page", json!("https://other.example"), "validation_url_domain_not_allowed"),
        ("page", json!("javascript:alert(1)"), "validation_invalid_url"),
        ("page", json!("javascript://example.com/%0aalert(1)"), "validation_invalid_url"),
        ("page", json!("not a url"), "validation_invalid_url"),
        ("page", json!("plain"), "validation_invalid_url"),
        ("day", json!("2026-06-01"), ""),
        ("day", json!("2025-12-31"), "validation_min_greater_equal_than_required"),
        ("day", json!("2027-01-01"), "validation_max_less_equal_than_required"),
        ("color", json!("red"), ""),
        ("color", json!("pink"), "validation_invalid_value"),
        ("colors", json!(["red", "green", "blue"]), "validation_too_many_values"),
        ("colors", json!(["red", "pink"]), "validation_invalid_value"),
        ("cover", json!("stranger.png"), "validation_invalid_file"),
        ("friends", json!(["a"]), "validation_not_enough_values"),
        ("friends", json!(["a", "b", "c", "d"]), "validation_too_many_values"),
        ("extra", json!({ "a": "0123456789012345" }), "validation_json_size_limit"),
        ("place", json!({ "lon": 0, "lat": 91 }), "validation_invalid_latitude"),
        ("place", json!({ "lon": -181, "lat": 1 }), "validation_invalid_longitude"),
        ("id", json!("ABCDEFGHIJ12345"), "validation_invalid_format"),
        ("id", json!("short"), "validation_min_text_constraint"),
    ] {
        assert_eq!(code(field, sent.clone()).unwrap_or_default(), expected, "{field}: {sent}");
    }
}

#[test]
fn required_fields_refuse_their_empty_value() {
    let kinds = [
        json!({ "type": "text" }),
        json!({ "type": "editor" }),
        json!({ "type": "number" }),
        json!({ "type": "bool" }),
        json!({ "type": "email" }),
        json!({ "type": "url" }),
        json!({ "type": "date" }),
        json!({ "type": "select", "values": ["a", "b"] }),
        json!({ "type": "select", "values": ["a", "b"], "maxSelect": 2 }),
        json!({ "type": "file" }),
        json!({ "type": "relation", "collectionId": "all" }),
        json!({ "type": "relation", "collectionId": "all", "minSelect": 2, "maxSelect": 3 }),
        json!({ "type": "json" }),
        json!({ "type": "geoPoint" }),
    ];
    for mut kind in kinds {
        kind["name"] = json!("it");
        kind["required"] = json!(true);
        let all = sample::collection(json!({ "id": "all", "name": "all", "fields": [kind] }));
        let mut values = empty(&all);
        values.0.insert("id".to_owned(), json!("abcdefghij12345"));
        let faults = check(&all, None, &values, &[]);
        assert_eq!(faults.0["it"]["code"], "validation_required", "{kind}");
    }
}

#[test]
fn empty_json_of_any_form_is_missing_where_it_is_required() {
    let all = sample::collection(
        json!({ "name": "all", "fields": [{ "name": "it", "type": "json", "required": true }] }),
    );
    for (sent, is_missing) in [
        (json!(null), true),
        (json!(""), true),
        (json!([]), true),
        (json!({}), true),
        (json!(0), false),
        (json!(false), false),
        (json!([0]), false),
    ] {
        let mut values = empty(&all);
        values.0.insert("it".to_owned(), sent.clone());
        assert_eq!(check(&all, None, &values, &[]).0.contains_key("it"), is_missing, "{sent}");
    }
}

#[test]
fn json_that_could_not_be_read_back_in_a_reply_is_refused() {
    let (mut deep, mut deeper) = (json!(1), json!(1));
    for _ in 0..100 {
        deep = json!([deep]);
    }
    for _ in 0..101 {
        deeper = json!([deeper]);
    }
    let all = sample::collection(json!({ "name": "all", "fields": [{ "name": "it", "type": "json" }] }));
    let mut values = empty(&all);
    values.0.insert("id".to_owned(), json!("abcdefghij12345"));
    values.0.insert("it".to_owned(), deep);
    assert!(check(&all, None, &values, &[]).is_empty());
    assert_eq!(read(&all, "abcdefghij12345", &write(&all, &values)), values);
    values.0.insert("it".to_owned(), deeper);
    assert_eq!(check(&all, None, &values, &[]).0["it"]["code"], "validation_invalid_json");
}

#[test]
fn an_id_can_not_change() {
    let things = sample::things();
    let before = with(json!({ "id": "abcdefghij12345" }));
    let after = with(json!({ "id": "bbbbbbbbbb12345" }));
    assert_eq!(check(&things, Some(&before), &after, &[]).0["id"]["code"], "validation_pk_change");
    assert!(check(&things, Some(&before), &before, &[]).is_empty());
}

#[test]
fn ids_of_an_own_pattern_must_still_be_names_of_folders() {
    let all = sample::collection(json!({
        "name": "all",
        "fields": [{ "name": "id", "type": "text", "pattern": "^.+$", "primaryKey": true, "required": true }],
    }));
    for (id, code) in [
        ("Some-Id_1", None),
        ("a/b", Some("validation_forbidden_pk_character")),
        ("..", Some("validation_forbidden_pk_character")),
        ("a\u{1}", Some("validation_forbidden_pk_character")),
        ("nul", Some("validation_reserved_pk")),
        ("Com1", Some("validation_reserved_pk")),
    ] {
        let mut values = empty(&all);
        values.0.insert("id".to_owned(), json!(id));
        let faults = check(&all, None, &values, &[]);
        assert_eq!(faults.0.get("id").and_then(|f| f["code"].as_str()), code, "{id:?}");
    }
}

#[test]
fn uploads_are_held_to_the_fields_size_and_types() {
    let upload = |name: &str, bytes, media_type: &str| NewFile {
        field: "cover".to_owned(),
        name: name.to_owned(),
        sent_name: "sent.png".to_owned(),
        bytes,
        media_type: media_type.to_owned(),
    };
    for (file, code) in [
        (upload("c.png", 100, "image/png"), None),
        (upload("c.png", 101, "image/png"), Some("validation_file_size_limit")),
        (upload("c.png", 1, "text/html"), Some("validation_invalid_mime_type")),
        (upload("other.png", 1, "image/png"), Some("validation_invalid_file")),
    ] {
        let values = with(json!({ "id": "abcdefghij12345", "cover": "c.png" }));
        let faults = check(&sample::things(), None, &values, &[file]);
        assert_eq!(faults.0.get("cover").and_then(|f| f["code"].as_str()), code);
    }
}

#[test]
fn files_that_were_there_may_stay_and_there_may_not_be_too_many() {
    let things = sample::things();
    let before = with(json!({ "id": "abcdefghij12345", "photos": ["a", "b"] }));
    assert!(check(&things, Some(&before), &before, &[]).is_empty());
    let after = with(json!({ "id": "abcdefghij12345", "photos": ["a", "b", "c"] }));
    let third = NewFile {
        field: "photos".to_owned(),
        name: "c".to_owned(),
        sent_name: String::new(),
        bytes: 1,
        media_type: String::new(),
    };
    let faults = check(&things, Some(&before), &after, &[third]);
    assert_eq!(faults.0["photos"]["code"], "validation_too_many_files");
}

#[test]
fn numbers_in_a_message_come_as_params_too() {
    let faults = check(&sample::things(), None, &with(json!({ "title": "a" })), &[]);
    assert_eq!(faults.0["title"]["params"], json!({ "min": 2 }));
    assert!(faults.0["title"]["message"].as_str().is_some_and(|m| m.contains('2')));
}

#[test]
fn passwords_are_held_to_their_length_and_pattern() {
    let all = sample::collection(json!({
        "name": "all",
        "fields": [{ "name": "pin", "type": "password", "min": 4, "max": 6, "pattern": "^[0-9]+$" }],
    }));
    let pin = all.field("pin").expect("it was made");
    for (plain, code) in [
        ("1234", None),
        ("123", Some("validation_min_text_constraint")),
        ("1234567", Some("validation_max_text_constraint")),
        ("abcd", Some("validation_invalid_format")),
    ] {
        let faults = check_password(pin, plain);
        assert_eq!(faults.0.get("pin").and_then(|f| f["code"].as_str()), code, "{plain}");
    }
    let members = sample::members();
    let password = members.field("password").expect("accounts have one");
    assert!(check_password(password, &"가".repeat(1024)).is_empty());
    assert!(!check_password(password, &"x".repeat(1025)).is_empty());
}
