//! Tests of declared indexes.

use serde_json::json;

use super::*;
use crate::core::sample;

#[test]
fn indexes_read_in_every_accepted_form_and_show_in_one() {
    for (text, shown) in [
        ("create index i on t (a)", "CREATE INDEX `i` ON `n` (`a`)"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS `s`.`i` ON `t` (`a`);", "CREATE UNIQUE INDEX `i` ON `n` (`a`)"),
        ("CREATE INDEX \"i\" ON [t] ([a], \"b\" ASC)", "CREATE INDEX `i` ON `n` (\n  `a`,\n  `b`\n)"),
        (
            "CREATE INDEX\n  `i` ON `t` (\n  `a` COLLATE NOCASE DESC,\n  `b` COLLATE BINARY\n)",
            "CREATE INDEX `i` ON `n` (\n  `a` COLLATE NOCASE DESC,\n  `b`\n)",
        ),
        ("CREATE INDEX i ON t (a) WHERE a != ''", "CREATE INDEX `i` ON `n` (`a`) WHERE `a` != ''"),
        (
            "CREATE INDEX i ON t (a) WHERE (`a` <> 'it''s' AND b>=-1.5) AND c == TRUE",
            "CREATE INDEX `i` ON `n` (`a`) WHERE `a` != 'it''s' AND `b` >= -1.5 AND `c` = TRUE",
        ),
        ("CREATE INDEX i ON t (a) WHERE a IS NOT NULL", "CREATE INDEX `i` ON `n` (`a`) WHERE `a` != NULL"),
        ("CREATE INDEX i ON t (a) WHERE a = \"x\"", "CREATE INDEX `i` ON `n` (`a`) WHERE `a` = 'x'"),
    ] {
        let index = parse(text).expect(text);
        assert_eq!(to_text(&index, "n"), shown);
        assert_eq!(parse(shown), Ok(index), "{shown}");
    }
}

#[test]
fn anything_else_is_refused_with_a_sentence() {
    for (text, reason) in [
        ("", "expected CREATE, found nothing more"),
        ("DROP TABLE users", "expected CREATE, found DROP"),
        ("CREATE TABLE x (a)", "expected INDEX"),
        ("CREATE INDEX ON t (a)", "expected"),
        ("CREATE INDEX i ON t ()", "expected a field"),
        ("CREATE INDEX i ON t (a", "expected ), found nothing more"),
        ("CREATE INDEX i ON t (lower(a))", "COLLATE NOCASE"),
        ("CREATE INDEX i ON t (a COLLATE KOREAN)", "KOREAN is not known"),
        ("CREATE INDEX i ON t (a + b)", "found +"),
        ("CREATE INDEX i ON t (a) WHERE a LIKE 'x'", "expected one of"),
        ("CREATE INDEX i ON t (a) WHERE a = 1 OR b = 2", "expected the end"),
        ("CREATE INDEX i ON t (a) WHERE a = b", "expected a text, a number"),
        ("CREATE INDEX i ON t (a) WHERE a = (SELECT 1)", "expected a text, a number"),
        ("CREATE INDEX i ON t (a); DROP TABLE t", "expected the end"),
        ("CREATE INDEX i ON t (a) -- x", "expected the end"),
        ("CREATE INDEX i ON t (a*2)", "sign *"),
        ("CREATE INDEX `i` ON t ('a", "ends inside"),
        ("CREATE INDEX `i;x` ON t (a)", "expected the index's name"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(reason) && error.ends_with('.'), "{text}: {error}");
    }
    assert!(parse(&format!("CREATE INDEX i ON t ({}a)", " ".repeat(5000))).is_err());
    assert!(parse(&format!("CREATE INDEX i ON t (a) WHERE {}", "(".repeat(1000))).is_err());
}

#[test]
fn the_store_gets_keys_and_bound_values() {
    let posts = sample::collection(json!({
        "name": "posts",
        "fields": [{ "name": "a", "type": "text" }, { "name": "n", "type": "number" }],
        "indexes": ["CREATE UNIQUE INDEX i ON posts (a COLLATE NOCASE, n DESC) WHERE a != '' AND n > 1.5"],
    }));
    let mut renamed = posts.clone();
    renamed.fields[1].name = "b".to_owned();
    renamed.indexes[0].rename(|name| (name == "a").then(|| "b".to_owned()));
    let made = to_store(&posts.indexes[0], &posts);
    assert_eq!(to_store(&renamed.indexes[0], &renamed), made);
    assert!(made.name.starts_with("i_pbc_1125843985_"), "{}", made.name);
    assert!(made.unique);
    assert_eq!(made.columns.len(), 2);
    assert!(made.columns[0].ignores_case && made.columns[1].descending);
    let Some(Expr::And(terms)) = made.only else { panic!("it has conditions") };
    let key = store::query::Column::Field("n".into(), store::query::Scalar::Number);
    let expected = Expr::Compare(
        Box::new(Expr::Column(MAIN, key)),
        Compare::Gt,
        Box::new(Expr::Value(store::query::Value::Real(1.5))),
    );
    assert_eq!(terms[1], expected);
}

#[test]
fn names_in_the_database_tell_definitions_apart_and_stay_the_same() {
    let posts = sample::collection(json!({
        "id": "posts",
        "name": "posts",
        "fields": [{ "name": "a", "type": "text" }, { "name": "b", "type": "text" }],
    }));
    let texts = [
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX i ON t (a)",
        "CREATE INDEX i ON t (b)",
        "CREATE INDEX i ON t (a DESC)",
        "CREATE INDEX i ON t (a COLLATE NOCASE)",
        "CREATE INDEX i ON t (a, b)",
        "CREATE INDEX i ON t (a) WHERE a = ''",
        "CREATE INDEX i ON t (a) WHERE a != ''",
    ];
    let names: Vec<String> = texts.map(|text| store_name(&parse(text).expect(text), &posts)).into();
    let distinct: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), texts.len());
    // a change of this name would build every index of every database anew
    expect_test::expect!["i_posts_ee65bb7a07eb4e50"].assert_eq(&names[0]);
}

#[test]
fn a_refused_index_is_told_at_its_fields() {
    let members = sample::members();
    let name = store_name(&members.indexes[1], &members);
    let faults = not_unique(&members, &name);
    assert_eq!(faults.0["email"]["code"], "validation_not_unique");
    assert_eq!(faults.0.len(), 1);
    assert!(not_unique(&members, "i_other").is_empty());
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,60}", tail in "[a-zA-Z_`'\"\\[\\]()=<>! ,.;0-9-]{0,60}") {
        for text in [text, format!("CREATE INDEX i ON t ({tail}"), format!("CREATE INDEX i ON t (a) WHERE {tail}")] {
            if let Ok(index) = parse(&text) {
                proptest::prop_assert_eq!(parse(&to_text(&index, "t")), Ok(index));
            }
        }
    }
}
