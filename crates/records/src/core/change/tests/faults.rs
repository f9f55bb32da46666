//! Tests of what is wrong with collections, and where it is told.

use super::*;

/// What is wrong, as `place: code` lines in order.
fn told(result: Result<Collection, Value>) -> Vec<String> {
    fn walk(value: &Value, place: &str, lines: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        if let Some(code) = object.get("code").and_then(Value::as_str) {
            assert!(object["message"].as_str().is_some_and(|m| m.ends_with(['.', '"'])), "{object:?}");
            return lines.push(format!("{place}: {code}"));
        }
        for (key, inner) in object {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            walk(inner, &place, lines);
        }
    }
    let mut lines = Vec::new();
    if let Err(faults) = result {
        walk(&faults, "", &mut lines);
    }
    lines
}

fn new(sent: Value) -> Vec<String> {
    let users = first_collections(sample::NOW, &mut || "w".repeat(15)).into_iter().map(Arc::new);
    told(sample::plan(&Catalog::new(users.collect()), None, sent))
}

/// What is wrong with one field of a new collection.
fn field(wire: Value) -> Vec<String> {
    new(json!({ "name": "new", "fields": [{ "name": "id", "type": "text" }, wire] }))
}

#[test]
fn names_and_ids_of_collections_are_checked() {
    for (sent, expected) in [
        (json!({}), "name: validation_required"),
        (json!({ "name": "" }), "name: validation_required"),
        (json!({ "name": "a b" }), "name: validation_match_invalid"),
        (json!({ "name": "글" }), "name: validation_match_invalid"),
        (json!({ "name": "a_via_b" }), "name: validation_found_via"),
        (json!({ "name": "x".repeat(256) }), "name: validation_length_out_of_range"),
        (json!({ "name": "USERS" }), "name: validation_collection_name_exists"),
        (json!({ "name": "_pb_users_auth_" }), "name: validation_collection_name_id_duplicate"),
        (json!({ "name": 1 }), "name: validation_invalid_value"),
        (json!({ "name": "a", "id": "_pb_users_auth_" }), "id: validation_invalid_or_existing_id"),
        (json!({ "name": "a", "id": "Upper" }), "id: validation_match_invalid"),
        (json!({ "name": "a", "id": "x'; --" }), "id: validation_match_invalid"),
        (json!({ "name": "a", "type": "view" }), "type: validation_in_invalid"),
        (json!({ "name": "a", "type": "rubber" }), "type: validation_in_invalid"),
        (json!({ "name": "a", "listRule": 1 }), "listRule: validation_invalid_value"),
        (
            json!({ "name": "a", "type": "auth", "manageRule": "" }),
            "manageRule: validation_nil_or_not_empty_required",
        ),
        (json!({ "name": "a", "fields": {} }), "fields: validation_invalid_value"),
        (json!({ "name": "a", "fields": [1] }), "fields.0: validation_invalid_value"),
    ] {
        assert_eq!(new(sent.clone()), [expected], "{sent}");
    }
}

#[test]
fn options_of_texts_and_numbers_are_checked() {
    for (wire, expected) in [
        (json!({ "name": "a" }), "fields.1.type: validation_required"),
        (json!({ "name": "a", "type": "rubber" }), "fields.1.type: validation_in_invalid"),
        (json!({ "type": "text" }), "fields.1.name: validation_required"),
        (json!({ "name": "a-b", "type": "text" }), "fields.1.name: validation_match_invalid"),
        (json!({ "name": "expand", "type": "text" }), "fields.1.name: validation_not_in_invalid"),
        (json!({ "name": "a_VIA_b", "type": "text" }), "fields.1.name: validation_found_via"),
        (json!({ "name": "ID", "type": "text" }), "fields.1.name: validation_duplicated_field_name"),
        (
            json!({ "name": "a", "type": "text", "id": "x".repeat(101) }),
            "fields.1.id: validation_length_out_of_range",
        ),
        (
            json!({ "name": "a", "type": "text", "help": "x".repeat(301) }),
            "fields.1.help: validation_length_out_of_range",
        ),
        (
            json!({ "name": "a", "type": "text", "min": -1 }),
            "fields.1.min: validation_min_greater_equal_than_required",
        ),
        (json!({ "name": "a", "type": "text", "min": 1.5 }), "fields.1.min: validation_invalid_value"),
        (json!({ "name": "a", "type": "text", "min": "1" }), "fields.1.min: validation_invalid_value"),
        (
            json!({ "name": "a", "type": "text", "min": 1e300 }),
            "fields.1.min: validation_max_less_equal_than_required",
        ),
        (
            json!({ "name": "a", "type": "text", "min": 5, "max": 4 }),
            "fields.1.max: validation_min_greater_equal_than_required",
        ),
        (
            json!({ "name": "a", "type": "text", "pattern": "(" }),
            "fields.1.pattern: validation_invalid_regex",
        ),
        (
            json!({ "name": "a", "type": "text", "pattern": "\\w{1000}{1000}" }),
            "fields.1.pattern: validation_invalid_regex",
        ),
        (
            json!({ "name": "a", "type": "text", "autogeneratePattern": "[" }),
            "fields.1.autogeneratePattern: validation_invalid_regex",
        ),
        (
            json!({ "name": "a", "type": "text", "max": 3, "autogeneratePattern": "[a-z]{5}" }),
            "fields.1.autogeneratePattern: validation_invalid_autogenerate_pattern_value",
        ),
        (
            json!({ "name": "a", "type": "number", "min": 2, "max": 1 }),
            "fields.1.max: validation_min_number_constraint",
        ),
        (
            json!({ "name": "a", "type": "number", "min": 0.5, "onlyInt": true }),
            "fields.1.min: validation_only_int_constraint",
        ),
    ] {
        assert_eq!(field(wire.clone()), [expected], "{wire}");
    }
}

#[test]
fn options_of_the_other_kinds_are_checked() {
    for (wire, expected) in [
        (
            json!({ "name": "a", "type": "email", "onlyDomains": ["x y"] }),
            "fields.1.onlyDomains.0: validation_is_domain",
        ),
        (
            json!({ "name": "a", "type": "date", "min": "2026-02-01", "max": "2026-01-01" }),
            "fields.1.max: validation_date_out_of_range",
        ),
        (json!({ "name": "a", "type": "date", "min": "soon" }), "fields.1.min: validation_date_invalid"),
        (json!({ "name": "a", "type": "select" }), "fields.1.values: validation_required"),
        (
            json!({ "name": "a", "type": "select", "values": ["x"], "maxSelect": 2 }),
            "fields.1.maxSelect: validation_max_less_equal_than_required",
        ),
        (
            json!({ "name": "a", "type": "select", "values": [1] }),
            "fields.1.values: validation_invalid_value",
        ),
        (
            json!({ "name": "a", "type": "file", "thumbs": ["10x10", "0x0t"] }),
            "fields.1.thumbs.1: validation_match_invalid",
        ),
        (
            json!({ "name": "a", "type": "file", "thumbs": ["10"] }),
            "fields.1.thumbs.0: validation_match_invalid",
        ),
        (json!({ "name": "a", "type": "relation" }), "fields.1.collectionId: validation_required"),
        (
            json!({ "name": "a", "type": "relation", "collectionId": "users" }),
            "fields.1.collectionId: validation_field_relation_missing_collection",
        ),
        (
            json!({ "name": "a", "type": "relation", "collectionId": "_pb_users_auth_", "minSelect": 1 }),
            "fields.1.maxSelect: validation_required",
        ),
        (
            json!({ "name": "a", "type": "relation", "collectionId": "_pb_users_auth_", "minSelect": 3, "maxSelect": 2 }),
            "fields.1.maxSelect: validation_min_greater_equal_than_required",
        ),
        (
            json!({ "name": "a", "type": "password", "max": 2000 }),
            "fields.1.max: validation_max_less_equal_than_required",
        ),
        (
            json!({ "name": "a", "type": "bool", "required": "yes" }),
            "fields.1.required: validation_invalid_value",
        ),
    ] {
        assert_eq!(field(wire.clone()), [expected], "{wire}");
    }
}

#[test]
fn two_fields_may_not_have_one_id() {
    let one = json!({ "id": "one", "name": "a", "type": "text" });
    let two = json!({ "id": "one", "name": "b", "type": "text" });
    assert_eq!(
        new(json!({ "name": "new", "fields": [one, two] })),
        ["fields.1.id: validation_duplicated_field_id"]
    );
}

#[test]
fn both_sides_of_a_contradiction_are_told() {
    let domains =
        json!({ "name": "a", "type": "url", "onlyDomains": ["a.example"], "exceptDomains": ["b.example"] });
    assert_eq!(
        field(domains),
        ["fields.1.exceptDomains: validation_empty", "fields.1.onlyDomains: validation_empty"]
    );
    assert_eq!(
        field(json!({ "name": "a", "type": "autodate" })),
        ["fields.1.onCreate: validation_required", "fields.1.onUpdate: validation_required"]
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let sent = json!({
        "name": "a b",
        "fields": [{ "name": "x-y", "type": "text" }, { "name": "s", "type": "select" }],
        "indexes": ["CREATE INDEX i ON t (s)", "DROP TABLE users", "CREATE INDEX j ON t (nothing)"],
    });
    assert_eq!(
        new(sent),
        [
            "indexes.1: validation_invalid_index_expression",
            "indexes.2: validation_invalid_index_expression",
            "name: validation_match_invalid",
            "fields.0.name: validation_match_invalid",
            "fields.1.values: validation_required",
        ]
    );
}

#[test]
fn indexes_are_checked_against_each_other_and_the_fields() {
    let with = |indexes: Value| {
        let fields = json!([text("a"), { "name": "p", "type": "password" }]);
        new(json!({ "name": "new", "fields": fields, "indexes": indexes }))
    };
    for (indexes, expected) in [
        (json!(["CREATE INDEX i ON t (A)", "CREATE INDEX j ON t (id, a)"]), &[] as &[&str]),
        (
            json!(["CREATE INDEX i ON t (a)", "CREATE INDEX I ON t (id)"]),
            &["indexes.1: validation_duplicated_index_name"],
        ),
        (
            json!(["CREATE INDEX i ON t (a)", "CREATE INDEX j ON t (a ASC)"]),
            &["indexes.1: validation_duplicated_index_definition"],
        ),
        (
            json!(["CREATE INDEX idx_email__pb_users_auth_ ON t (a)"]),
            &["indexes.0: validation_existing_index_name"],
        ),
        (json!(["CREATE INDEX i ON t (a, a)"]), &["indexes.0: validation_invalid_index_expression"]),
        (json!(["CREATE INDEX i ON t (p)"]), &["indexes.0: validation_invalid_index_expression"]),
        (json!(["CREATE INDEX i ON t (lower(a))"]), &["indexes.0: validation_invalid_index_expression"]),
        (json!(["CREATE INDEX i ON t (a) WHERE b = 1"]), &["indexes.0: validation_invalid_index_expression"]),
        (json!("CREATE INDEX i ON t (a)"), &["indexes: validation_invalid_value"]),
    ] {
        assert_eq!(with(indexes.clone()), expected, "{indexes}");
    }
}

#[test]
fn what_may_not_change_does_not() {
    let before = sample::collection(json!({
        "id": "before",
        "name": "before",
        "fields": [text("a"), { "name": "r", "type": "relation", "collectionId": "before" }],
    }));
    let with = |place: usize, key: &str, value: Value| {
        let mut fields = fields(&before);
        fields[place][key] = value;
        json!({ "fields": fields })
    };
    for (sent, expected) in [
        (json!({ "id": "after" }), "id: validation_values_mismatch"),
        (json!({ "type": "auth" }), "type: validation_collection_type_change"),
        (json!({ "system": true }), "system: validation_collection_system_flag_change"),
        (with(1, "type", json!("editor")), "fields.1: validation_field_type_change"),
        (with(2, "collectionId", json!("other")), "fields.2.collectionId: validation_field_relation_change"),
        (with(0, "name", json!("key")), "fields: validation_system_field_change"),
    ] {
        let told = told(sample::plan(&Catalog::default(), Some(&before), sent.clone()));
        assert!(told.iter().any(|line| line == expected), "{sent}: {told:?}");
    }
}

#[test]
fn system_collections_are_guarded() {
    let superusers = first_collections(sample::NOW, &mut || "w".repeat(15)).remove(0);
    let mut without_dates = fields(&superusers);
    without_dates.retain(|f| f["name"] != "created");
    let mut dated = fields(&superusers);
    dated[7]["onCreate"] = json!(false);
    dated[7]["onUpdate"] = json!(true);
    for (sent, expected) in [
        (json!({ "name": "others" }), "name: validation_collection_system_name_change"),
        (json!({ "listRule": "" }), "listRule: validation_collection_system_rule_change"),
        (json!({ "authRule": null }), "authRule: validation_collection_system_rule_change"),
        (json!({ "fields": without_dates }), "fields: validation_system_field_change"),
        (json!({ "fields": dated }), "fields.7.onCreate: validation_values_mismatch"),
    ] {
        let told = told(sample::plan(&Catalog::default(), Some(&superusers), sent.clone()));
        assert!(told.iter().any(|line| line == expected), "{sent}: {told:?}");
    }
}

#[test]
fn auth_collections_keep_what_accounts_need() {
    let members = sample::members();
    let change = |sent: Value| told(sample::plan(&Catalog::default(), Some(&members), sent));
    for (sent, expected) in [
        (
            json!({ "passwordAuth": { "identityFields": [] } }),
            "passwordAuth.identityFields: validation_required",
        ),
        (
            json!({ "passwordAuth": { "identityFields": ["nick"] } }),
            "passwordAuth.identityFields: validation_missing_unique_constraint",
        ),
        (
            json!({ "passwordAuth": { "identityFields": ["none"] } }),
            "passwordAuth.identityFields: validation_missing_field",
        ),
        (json!({ "passwordAuth": true }), "passwordAuth: validation_invalid_value"),
        (
            json!({ "authToken": { "duration": 5 } }),
            "authToken.duration: validation_min_greater_equal_than_required",
        ),
        (json!({ "authToken": { "secret": "short" } }), "authToken.secret: validation_length_out_of_range"),
        (json!({ "fileToken": { "duration": 0 } }), "fileToken.duration: validation_required"),
        (json!({ "mfa": { "enabled": true } }), "mfa.enabled: validation_mfa_not_enough_auths"),
        (
            json!({ "verificationTemplate": { "subject": "" } }),
            "verificationTemplate.subject: validation_required",
        ),
        (
            json!({ "oauth2": { "enabled": true, "providers": [{ "name": "a", "clientId": "c" }] } }),
            "oauth2.providers.0.clientSecret: validation_required",
        ),
        (
            json!({ "fields": [{ "name": "oldPassword", "type": "text" }] }),
            "fields.0.name: validation_reserved_field_name",
        ),
    ] {
        let told = change(sent.clone());
        assert!(told.iter().any(|line| line == expected), "{sent}: {told:?}");
    }
    let mixed = json!({ "name": "m", "type": "auth", "fields": [{ "name": "email", "type": "text" }] });
    assert_eq!(new(mixed).first().map(String::as_str), Some("fields: validation_missing_email_field"));
    let by_nick = json!({
        "indexes": ["CREATE UNIQUE INDEX nicks ON members (nick)"],
        "passwordAuth": { "identityFields": ["email", "nick"] },
    });
    assert_eq!(change(by_nick), [] as [&str; 0]);
}
