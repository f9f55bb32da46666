//! The SQL as text, its plans, and what it finds, on a database in memory.

use std::sync::Arc;

use expect_test::{Expect, expect};
use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};

use super::{Sql, count, create_index, create_view, exists, prepare_connection, select};
use crate::dialect::said::{OTHER, compare, field, text};
use crate::query::{
    Alias, Column, Compare, Expr, Func, Index, IndexColumn, Join, MAIN, Order, Scalar, Select, Source, Value,
    View,
};
use crate::row::{Row, Table};

const THIRD: Alias = Alias(2);

fn equal(left: Expr, right: Expr) -> Expr {
    compare(left, Compare::Eq, right)
}

fn posts() -> Table {
    Table::new("posts")
}

fn where_(filter: Expr) -> Select {
    Select { filter: Some(filter), ..Select::table(&posts()) }
}

fn author_join() -> Join {
    let on = equal(Expr::Column(OTHER, Column::Id), field(MAIN, "author", Scalar::Text));
    Join { alias: OTHER, source: Source::Table(Table::new("users")), on }
}

fn newest(filter: Expr) -> Select {
    let order = Order { by: field(MAIN, "created", Scalar::Text), descending: true };
    Select { order: vec![order], limit: Some(20), ..where_(filter) }
}

/// Posts of rooms 1 and 2 by two authors, one post with old-fashioned lists and one with nothing in it.
fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    prepare_connection(&db).unwrap();
    for table in ["posts", "users", "members"] {
        db.execute_batch(&format!(
            "CREATE TABLE r_{table} (id TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, shape INTEGER NOT NULL, body TEXT NOT NULL)"
        ))
        .unwrap();
    }
    for (table, id, body) in [
        (
            "posts",
            "p1",
            r#"{"room":1,"created":"2026-01-01","author":"kim","tags":["a","b"],"meta":{"k":[{"x y":7}]}}"#,
        ),
        ("posts", "p2", r#"{"room":1,"created":"2026-01-02","author":"lee","tags":["b"],"meta":null}"#),
        ("posts", "p3", r#"{"room":2,"created":"2026-01-03","author":"kim","tags":"a"}"#),
        ("posts", "p4", "{}"),
        ("users", "kim", r#"{"name":"Kim","age":30}"#),
        ("users", "lee", r#"{"name":"Lee"}"#),
        ("members", "m1", r#"{"user":"kim","room":1}"#),
        ("members", "m2", r#"{"user":"lee","room":2}"#),
    ] {
        db.execute(&format!("INSERT INTO r_{table} VALUES (?, 1, 1, ?)"), [id, body]).unwrap();
    }
    db
}

fn bound(sql: &Sql) -> Vec<Bound> {
    let bind = |value: &Value| match value {
        Value::Null => Bound::Null,
        Value::Bool(b) => Bound::Integer(i64::from(*b)),
        Value::Int(n) => Bound::Integer(*n),
        Value::Real(n) => Bound::Real(*n),
        Value::Text(t) => Bound::Text(t.to_string()),
    };
    sql.values.iter().map(bind).collect()
}

/// The ids that a selection finds; its count and its existence must agree.
fn ids(db: &Connection, asked: &Select) -> String {
    let sql = select(asked);
    let mut statement = db.prepare(&sql.text).expect(&sql.text);
    let rows = statement.query_map(params_from_iter(bound(&sql)), |row| row.get::<_, String>(0)).unwrap();
    let ids: Vec<String> = rows.map(Result::unwrap).collect();
    if asked.limit.is_none() && asked.offset == 0 {
        assert_eq!(number(db, &count(asked)), i64::try_from(ids.len()).unwrap(), "{}", sql.text);
        assert_eq!(number(db, &exists(asked)) == 1, !ids.is_empty(), "{}", sql.text);
    }
    ids.join(" ")
}

fn number(db: &Connection, sql: &Sql) -> i64 {
    db.query_row(&sql.text, params_from_iter(bound(sql)), |row| row.get(0)).expect(&sql.text)
}

fn plan(db: &Connection, sql: &Sql) -> String {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text)).unwrap();
    let lines = statement.query_map(params_from_iter(bound(sql)), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

fn check(sql: &Sql, expected: Expect) {
    expected.assert_eq(&format!("{}\n{:?}", sql.text, sql.values));
}

fn column(key: &str, scalar: Scalar, descending: bool) -> IndexColumn {
    IndexColumn { column: Column::Field(Arc::from(key), scalar), descending, ignores_case: false }
}

fn index(name: &str, columns: Vec<IndexColumn>) -> Index {
    Index { name: name.into(), unique: false, columns, only: None }
}

#[test]
fn a_filter_without_joins_is_a_plain_where() {
    let filter = Expr::And(vec![
        equal(field(MAIN, "room", Scalar::Number), Expr::Value(Value::Int(7))),
        Expr::Or(vec![
            equal(field(MAIN, "title", Scalar::Text), text("")),
            Expr::Not(Box::new(Expr::And(vec![]))),
        ]),
    ]);
    check(
        &select(&newest(filter)),
        expect![[r#"
            SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_posts" t0 WHERE coalesce(json_extract(t0.body,'$.room'),0)=? AND (coalesce(json_extract(t0.body,'$.title'),'')='' OR NOT (1)) ORDER BY coalesce(json_extract(t0.body,'$.created'),'') DESC LIMIT ? OFFSET ?
            [Int(7), Int(20), Int(0)]"#]],
    );
}

#[test]
fn a_path_of_user_text_is_bound() {
    let at = |steps: &[&str]| {
        Expr::Column(MAIN, Column::Path(Arc::from("meta"), steps.iter().map(|s| Arc::from(*s)).collect()))
    };
    let db = database();
    let seven = Expr::Value(Value::Int(7));
    assert_eq!(ids(&db, &where_(equal(at(&["k", "0", "x y"]), seven.clone()))), "p1");
    assert_eq!(ids(&db, &where_(equal(at(&["k", "0", "x\"y"]), seven))), "");
    check(
        &count(&where_(equal(at(&["a'b", "12"]), Expr::Value(Value::Null)))),
        expect![[r#"
            SELECT count(*) FROM "r_posts" t0 WHERE json_extract(t0.body,?) IS NULL
            [Text("$.meta.\"a'b\"[12]")]"#]],
    );
}

#[test]
fn a_missing_joined_row_is_null_in_every_column() {
    let db = database();
    let of_author = |filter| Select { joins: vec![author_join()], ..where_(filter) };
    let age = || field(OTHER, "age", Scalar::Number);
    let zero = || Expr::Value(Value::Int(0));
    assert_eq!(ids(&db, &of_author(equal(age(), zero()))), "p2");
    assert_eq!(ids(&db, &of_author(compare(age(), Compare::Ne, zero()))), "p1 p3 p4");
    assert_eq!(ids(&db, &of_author(compare(age(), Compare::Lt, Expr::Value(Value::Int(5))))), "p2");
    assert_eq!(ids(&db, &of_author(equal(age(), Expr::Value(Value::Null)))), "p4");
    assert_eq!(ids(&db, &of_author(Expr::Not(Box::new(compare(age(), Compare::Gt, zero()))))), "p2");
}

#[test]
fn conditions_of_one_join_speak_of_one_row() {
    let db = database();
    let members = Join { alias: OTHER, source: Source::Table(Table::new("members")), on: Expr::And(vec![]) };
    let both = Expr::And(vec![
        equal(field(OTHER, "user", Scalar::Text), text("kim")),
        equal(field(OTHER, "room", Scalar::Number), field(MAIN, "room", Scalar::Number)),
    ]);
    let asked = Select { joins: vec![members], ..where_(both) };
    assert_eq!(ids(&db, &asked), "p1 p2");
    check(
        &select(&asked),
        expect![[r#"
            SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_posts" t0 WHERE EXISTS (SELECT 1 FROM "r_members" t1 WHERE coalesce(json_extract(t1.body,'$.user'),'')=? AND coalesce(json_extract(t1.body,'$.room'),0)=coalesce(json_extract(t0.body,'$.room'),0))
            [Text("kim")]"#]],
    );
}

#[test]
fn conditions_of_different_joins_stand_apart() {
    let each =
        Join { alias: THIRD, source: Source::Each(field(MAIN, "tags", Scalar::List)), on: Expr::And(vec![]) };
    let filter = Expr::And(vec![
        equal(Expr::Column(THIRD, Column::Element), text("b")),
        equal(field(OTHER, "name", Scalar::Text), text("Kim")),
    ]);
    let asked = Select { joins: vec![author_join(), each], ..where_(filter) };
    assert_eq!(ids(&database(), &asked), "p1");
    check(
        &select(&asked),
        expect![[r#"
            SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_posts" t0 WHERE EXISTS (SELECT 1 FROM json_each(t0.body,'$.tags') t2 WHERE t2.value=?) AND EXISTS (SELECT 1 FROM "r_users" t1 WHERE coalesce(json_extract(t1.body,'$.name'),'')=? AND t1.id=coalesce(json_extract(t0.body,'$.author'),''))
            [Text("b"), Text("Kim")]"#]],
    );
}

#[test]
fn lists_cope_with_single_values_and_rows_come_once() {
    let db = database();
    let each =
        Join { alias: OTHER, source: Source::Each(field(MAIN, "tags", Scalar::List)), on: Expr::And(vec![]) };
    let with = |filter| Select { joins: vec![each.clone()], ..where_(filter) };
    let element = || Expr::Column(OTHER, Column::Element);
    assert_eq!(ids(&db, &with(compare(element(), Compare::Ge, text("a")))), "p1 p2 p3");
    assert_eq!(ids(&db, &with(equal(element(), text("a")))), "p1 p3");
    assert_eq!(ids(&db, &with(Expr::IsNull(Box::new(element())))), "p4");
    let every_b = Expr::Not(Box::new(Expr::Exists(Box::new(Select {
        joins: vec![each.clone()],
        alias: THIRD,
        filter: Some(Expr::Not(Box::new(equal(element(), text("b"))))),
        ..Select::all(Source::Nothing)
    }))));
    assert_eq!(ids(&db, &where_(every_b)), "p2");
    let length = Expr::Call(Func::ListLength, vec![field(MAIN, "tags", Scalar::List)]);
    assert_eq!(ids(&db, &where_(equal(length.clone(), Expr::Value(Value::Int(1))))), "p2 p3");
    assert_eq!(ids(&db, &where_(equal(length, Expr::Value(Value::Int(0))))), "p4");
    let given = Join { alias: OTHER, source: Source::Each(text("[1,\"x\"]")), on: Expr::And(vec![]) };
    let asked = Select { joins: vec![given], ..where_(equal(element(), text("x"))) };
    assert_eq!(ids(&db, &asked), "p1 p2 p3 p4");
}

#[test]
fn single_choices_cope_with_lists_and_lists_with_single_choices() {
    let db = database();
    for (id, tags) in [("p5", "[\"x\",\"y\"]"), ("p6", "\"y\""), ("p7", "[]"), ("p8", "\"\"")] {
        db.execute("INSERT INTO r_posts VALUES (?, 1, 1, ?)", [id, &format!("{{\"tags\":{tags}}}")]).unwrap();
    }
    let one = index("i_3", vec![column("tags", Scalar::One, false)]);
    db.execute_batch(&create_index(&posts(), &one)).unwrap();
    let tags = |scalar| field(MAIN, "tags", scalar);
    let last = where_(equal(tags(Scalar::One), text("y")));
    assert_eq!(ids(&db, &last), "p5 p6");
    expect!["SEARCH t0 USING INDEX i_3 (<expr>=?)"].assert_eq(&plan(&db, &select(&last)));
    assert_eq!(ids(&db, &where_(equal(tags(Scalar::One), text("")))), "p4 p7 p8");
    assert_eq!(ids(&db, &where_(equal(tags(Scalar::List), text("[\"y\"]")))), "p6");
    assert_eq!(ids(&db, &where_(equal(tags(Scalar::List), text("[]")))), "p4 p7 p8");
}

#[test]
fn a_given_row_is_asked_like_a_stored_one() {
    let db = database();
    let row = Row { id: "new".into(), rev: 3, shape: 1, body: r#"{"author":"kim","room":9}"#.into() };
    let given = |name: &str| Select {
        joins: vec![author_join()],
        filter: Some(Expr::And(vec![
            equal(field(OTHER, "name", Scalar::Text), text(name)),
            equal(field(MAIN, "room", Scalar::Number), Expr::Value(Value::Real(9.0))),
        ])),
        ..Select::all(Source::Given(Arc::new(row.clone())))
    };
    assert_eq!(ids(&db, &given("Kim")), "new");
    assert_eq!(ids(&db, &given("Lee")), "");
}

#[test]
fn order_goes_through_joins_and_bounds_are_bound() {
    let db = database();
    let by = |by, descending| Select {
        joins: vec![author_join()],
        order: vec![
            Order { by, descending },
            Order { by: Expr::Column(MAIN, Column::Rowid), descending: true },
        ],
        ..Select::table(&posts())
    };
    let name = || field(OTHER, "name", Scalar::Text);
    assert_eq!(ids(&db, &by(name(), false)), "p4 p3 p1 p2");
    assert_eq!(ids(&db, &by(name(), true)), "p2 p3 p1 p4");
    let page = Select { limit: Some(1), offset: 2, ..by(name(), true) };
    assert_eq!(ids(&db, &page), "p1");
    assert_eq!(ids(&db, &Select { offset: 3, ..by(name(), true) }), "p4");
    check(
        &select(&page),
        expect![[r#"
            SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_posts" t0 ORDER BY (SELECT iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.name'),'')) FROM (SELECT 1) LEFT JOIN "r_users" t1 ON t1.id=coalesce(json_extract(t0.body,'$.author'),'') LIMIT 1) DESC,t0.rowid DESC LIMIT ? OFFSET ?
            [Int(1), Int(2)]"#]],
    );
    assert_eq!(ids(&db, &by(Expr::Call(Func::Random, vec![]), true)).len(), 11);
}

#[test]
fn functions_compute() {
    let db = database();
    let one = Expr::Value(Value::Int(1));
    let far = Expr::Call(Func::GeoDistance, vec![one.clone(), one.clone(), one.clone(), one]);
    assert_eq!(ids(&db, &where_(equal(far, Expr::Value(Value::Int(0))))), "p1 p2 p3 p4");
    let created = field(MAIN, "created", Scalar::Text);
    let day = Expr::Call(Func::Strftime, vec![text("%d"), created, text("+1 day")]);
    assert_eq!(ids(&db, &where_(equal(day, text("03")))), "p2");
    let lower = Expr::Call(Func::Lower, vec![text("KIM")]);
    assert_eq!(ids(&db, &where_(equal(field(MAIN, "author", Scalar::Text), lower))), "p1 p3");
    let like = compare(field(MAIN, "created", Scalar::Text), Compare::Like, text("%-0_"));
    assert_eq!(ids(&db, &where_(like)), "p1 p2 p3");
    let room = Expr::Call(Func::Numeric, vec![field(MAIN, "room", Scalar::Number)]);
    assert_eq!(ids(&db, &where_(equal(room, text("1")))), "p1 p2");
    let first = Expr::First(
        Box::new(Select {
            alias: OTHER,
            order: vec![Order { by: Expr::Column(OTHER, Column::Id), descending: true }],
            ..Select::all(Source::Table(Table::new("users")))
        }),
        Box::new(Expr::Column(OTHER, Column::Id)),
    );
    assert_eq!(ids(&db, &where_(equal(first, field(MAIN, "author", Scalar::Text)))), "p2");
}

#[test]
fn an_index_serves_the_filter_the_order_and_the_count() {
    let db = database();
    let by_room =
        index("i_1", vec![column("room", Scalar::Number, false), column("created", Scalar::Text, true)]);
    db.execute_batch(&create_index(&posts(), &by_room)).unwrap();
    let asked = newest(equal(field(MAIN, "room", Scalar::Number), Expr::Value(Value::Real(1.0))));
    assert_eq!(ids(&db, &asked), "p2 p1");
    expect!["SEARCH t0 USING INDEX i_1 (<expr>=?)"].assert_eq(&plan(&db, &select(&asked)));
    expect!["SEARCH t0 USING COVERING INDEX i_1 (<expr>=?)"].assert_eq(&plan(&db, &count(&asked)));
}

#[test]
fn an_index_serves_an_order_against_its_direction() {
    let db = database();
    let by_room =
        index("i_1", vec![column("room", Scalar::Number, false), column("created", Scalar::Text, false)]);
    db.execute_batch(&create_index(&posts(), &by_room)).unwrap();
    let asked = newest(equal(field(MAIN, "room", Scalar::Number), Expr::Value(Value::Real(1.0))));
    expect!["SEARCH t0 USING INDEX i_1 (<expr>=?)"].assert_eq(&plan(&db, &select(&asked)));
}

#[test]
fn indexes_of_joined_tables_serve() {
    let db = database();
    let of_user = index("i_2", vec![column("user", Scalar::Text, false)]);
    db.execute_batch(&create_index(&Table::new("members"), &of_user)).unwrap();
    let on = equal(field(OTHER, "user", Scalar::Text), Expr::Column(MAIN, Column::Id));
    let join = Join { alias: OTHER, source: Source::Table(Table::new("members")), on };
    let filter = equal(field(OTHER, "room", Scalar::Number), Expr::Value(Value::Int(1)));
    let users = Select { joins: vec![join], filter: Some(filter), ..Select::table(&Table::new("users")) };
    assert_eq!(ids(&db, &users), "kim");
    expect![[r#"
        SCAN t0
        SEARCH t1 EXISTS USING INDEX i_2 (<expr>=?)"#]]
    .assert_eq(&plan(&db, &select(&users)));
}

#[test]
fn a_partial_unique_index_serves_a_look_up_and_keeps_user_text_quoted() {
    let db = database();
    let only = compare(field(MAIN, "email", Scalar::Text), Compare::Ne, text(""));
    let unique = Index {
        unique: true,
        only: Some(only.clone()),
        ..index("odd\"name", vec![IndexColumn { ignores_case: true, ..column("email", Scalar::Text, false) }])
    };
    db.execute_batch(&create_index(&Table::new("users"), &unique)).unwrap();
    expect![[r#"CREATE UNIQUE INDEX "odd""name" ON "r_users" (coalesce(json_extract(body,'$.email'),'') COLLATE NOCASE) WHERE coalesce(json_extract(body,'$.email'),'')<>''"#]].assert_eq(&create_index(&Table::new("users"), &unique));
    let plain = Index { columns: vec![column("email", Scalar::Text, false)], name: "plain".into(), ..unique };
    db.execute_batch(&create_index(&Table::new("users"), &plain)).unwrap();
    let found = Expr::And(vec![equal(field(MAIN, "email", Scalar::Text), text("a@b.c")), only]);
    let asked = Select { filter: Some(found), ..Select::table(&Table::new("users")) };
    expect!["SEARCH t0 USING INDEX plain (<expr>=?)"].assert_eq(&plan(&db, &select(&asked)));
    let hostile = Expr::And(vec![
        compare(field(MAIN, "a", Scalar::Text), Compare::Ne, text("'); DROP TABLE users; --")),
        compare(field(MAIN, "a", Scalar::Text), Compare::Ne, text("nul\0byte")),
        compare(field(MAIN, "a", Scalar::Number), Compare::Gt, Expr::Value(Value::Real(1.0))),
    ]);
    let hostile = Index { only: Some(hostile), ..index("h", vec![column("a", Scalar::List, false)]) };
    db.execute_batch(&create_index(&Table::new("users"), &hostile)).unwrap();
    expect![[r#"CREATE INDEX "h" ON "r_users" (CASE json_type(body,'$.a') WHEN 'array' THEN json_extract(body,'$.a') ELSE iif(coalesce(json_extract(body,'$.a'),'')='','[]',json_array(json_extract(body,'$.a'))) END) WHERE coalesce(json_extract(body,'$.a'),'')<>'''); DROP TABLE users; --' AND coalesce(json_extract(body,'$.a'),'')<>CAST(x'6e756c0062797465' AS TEXT) AND coalesce(json_extract(body,'$.a'),0)>1.0"#]].assert_eq(&create_index(&Table::new("users"), &hostile));
}

#[test]
fn a_view_shows_columns_by_name() {
    let db = database();
    let columns = vec![
        ("id".to_owned(), Column::Id),
        ("the \"title\"".to_owned(), Column::Field(Arc::from("author"), Scalar::Text)),
    ];
    let view = View { name: "글".into(), columns };
    db.execute_batch(&create_view(&posts(), &view)).unwrap();
    let shown: String =
        db.query_row("SELECT \"the \"\"title\"\"\" FROM 글 WHERE id='p1'", [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "kim");
}
