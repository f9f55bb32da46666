//! Tests of `+key`, `key+` and `key-`.

use super::*;

/// The value of a field of `things` after one request and then another.
fn after(first: Value, then: Value, field: &str) -> Value {
    let things = sample::things();
    let mut values = with(first);
    apply(&things, &mut values, &sample::object(then), Access::Plain);
    values.0[field].clone()
}

#[test]
fn modifiers_add_prepend_and_take_away() {
    for (field, first, key, sent, next) in [
        ("count", json!(5), "count+", json!(2), json!(7)),
        ("count", json!(5), "count-", json!("1.5"), json!(3.5)),
        ("count", json!(0.1), "count+", json!(0.9), json!(1)),
        ("colors", json!(["red"]), "colors+", json!("blue"), json!(["red", "blue"])),
        ("colors", json!(["red"]), "+colors", json!(["blue"]), json!(["blue", "red"])),
        ("colors", json!(["red", "blue"]), "colors-", json!(["red", "green"]), json!(["blue"])),
        ("colors", json!(["red"]), "colors+", json!("red"), json!(["red"])),
        ("color", json!("red"), "color+", json!("blue"), json!("blue")),
        ("color", json!("red"), "color-", json!("red"), json!("")),
        ("friends", json!(["a"]), "friends+", json!(["b", "a"]), json!(["a", "b"])),
        ("parent", json!("a"), "parent-", json!("b"), json!("a")),
        ("photos", json!(["a.png", "b.png"]), "photos-", json!("a.png"), json!(["b.png"])),
        ("photos", json!(["a.png", "b.png"]), "photos", json!([]), json!([])),
        ("photos", json!(["a.png", "b.png"]), "photos", json!(["b.png"]), json!(["b.png"])),
        ("cover", json!("a.png"), "cover-", json!("a.png"), json!("")),
    ] {
        assert_eq!(after(json!({ field: first }), json!({ key: sent }), field), next, "{key} {sent}");
    }
}

#[test]
fn a_plain_key_works_before_its_modifiers_whatever_their_order() {
    let both = json!({ "count+": 2, "count": 10 });
    assert_eq!(after(json!({}), both, "count"), json!(12));
}

#[test]
fn keys_of_nothing_and_modifiers_that_a_kind_has_not_are_passed_over() {
    let things = sample::things();
    let sent = json!({ "nothing": 1, "title+": "x", "+count": 2, "done-": true, "created": "2020-01-01", "": 1, "+": 2 });
    assert_eq!(with(sent), empty(&things));
}

#[test]
fn a_sum_that_is_no_number_is_refused() {
    let things = sample::things();
    let mut values = with(json!({ "count": f64::MAX }));
    apply(&things, &mut values, &sample::object(json!({ "count+": f64::MAX })), Access::Plain);
    assert_eq!(values.0["count"], Value::Null);
    assert_eq!(check(&things, None, &values, &[]).0["count"]["code"], "validation_not_a_number");
    assert!(write(&things, &values).contains("\"count\":0"));
}

#[test]
fn hidden_fields_are_set_by_superusers_only() {
    let members = sample::members();
    let sent = sample::object(json!({ "note": "x", "tokenKey": "y", "password": "z", "nick": "n" }));
    let set = |access| {
        let mut values = empty(&members);
        apply(&members, &mut values, &sent, access);
        ["note", "tokenKey", "password", "nick"].map(|name| values.text(name).to_owned())
    };
    assert_eq!(set(Access::Plain), ["", "", "", "n"]);
    assert_eq!(set(Access::Manager), ["", "", "", "n"]);
    assert_eq!(set(Access::Superuser), ["x", "y", "", "n"]);
}

#[test]
fn rules_see_what_modifiers_come_to() {
    let things = sample::things();
    let before = with(json!({ "count": 1, "colors": ["red"], "created": "x" }));
    let sent = json!({ "count+": "2", "+colors": "blue", "title": 7, "unknown": { "a": 1 } });
    let seen = resolve_modifiers(&things, &before, &sample::object(sent));
    assert_eq!(
        Value::Object(seen),
        json!({ "unknown": { "a": 1 }, "title": "7", "count": 3, "colors": ["blue", "red"] })
    );
}
