//! What holds for any JSON at all.

use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// Any JSON of a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\[\\]{}\",0-9a-z:. -]{0,12}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}[+-][0-9]{2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A request with keys and modifiers of `things`.
fn any_request() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<String> = sample::things().fields.iter().map(|f| f.name.clone()).collect();
    let key = (prop::sample::select(names), prop::sample::select(vec!["", "+", "-", "p"]));
    let key =
        key.prop_map(|(name, sign)| if sign == "p" { format!("+{name}") } else { format!("{name}{sign}") });
    prop::collection::vec((key, any_json()), 0..12).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(sent in any_request()) {
        let things = sample::things();
        let mut values = empty(&things);
        apply(&things, &mut values, &sent, Access::Superuser);
        // what is no number is refused before it is written
        if values.0["count"].is_null() {
            values.0.insert("count".to_owned(), json!(0));
        }
        let body = write(&things, &values);
        prop_assert_eq!(&read(&things, values.text("id"), &body), &values);
        prop_assert_eq!(write(&things, &read(&things, "", &body)), body);
    }

    #[test]
    fn checks_answer_whatever_is_sent(sent in any_request(), then in any_request()) {
        let things = sample::things();
        let mut before = empty(&things);
        apply(&things, &mut before, &sent, Access::Plain);
        let mut after = before.clone();
        apply(&things, &mut after, &then, Access::Plain);
        let faults = check(&things, Some(&before), &after, &[]);
        for fault in faults.0.values() {
            prop_assert!(fault["code"].as_str().is_some_and(|c| c.starts_with("validation_")));
        }
        resolve_modifiers(&things, &before, &then);
    }

    #[test]
    fn preparing_twice_is_preparing_once(sent in any_json()) {
        for field in &sample::things().fields {
            // a JSON field reads a text that is JSON, and a word may itself look like a list
            if matches!(field.kind, FieldKind::Json { .. }) {
                continue;
            }
            let once = prepare(field, &sent);
            let is_list_in_text = once.as_str().is_some_and(|t| t.contains('['));
            if !is_list_in_text && !once.is_null() {
                prop_assert_eq!(prepare(field, &once), once);
            }
        }
    }

    #[test]
    fn any_stored_text_reads_as_complete_values(body in "\\PC{0,40}", json in any_json()) {
        let things = sample::things();
        for body in [body, json.to_string()] {
            let values = read(&things, "x", &body);
            prop_assert_eq!(values.0.len(), things.fields.len());
        }
    }

    #[test]
    fn any_stored_value_under_a_key_reads_in_the_fields_form(kept in any_json()) {
        let things = sample::things();
        for field in things.fields.iter().filter(|f| !f.is_id()) {
            let body = json!({ &*field.key: kept.clone() }).to_string();
            let values = read(&things, "x", &body);
            prop_assert_eq!(&read(&things, "x", &write(&things, &values)), &values);
        }
    }
}
