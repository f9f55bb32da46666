//! Filters as the SQL that they become. What they find is tested on a database in `tests/language.rs`.

use std::sync::Arc;

use expect_test::{Expect, expect};
use serde_json::json;
use store::Row;

use super::*;
use crate::core::collection::{CollectionKind, SUPERUSERS};
use crate::core::field::{Field, FieldKind, TextOptions};
use crate::core::index::Index;
use crate::request::Principal;

mod faults;
mod known;

fn text(name: &str) -> Field {
    Field::new(name, FieldKind::Text(TextOptions::default()))
}

fn id() -> Field {
    Field::new("id", FieldKind::Text(TextOptions { is_primary: true, ..TextOptions::default() }))
}

fn relation(name: &str, collection: &str, max: u64) -> Field {
    Field::new(name, FieldKind::Relation { collection: collection.to_owned(), cascades: false, min: 0, max })
}

fn number(name: &str) -> Field {
    Field::new(name, FieldKind::Number { min: None, max: None, is_whole: false })
}

fn collection(name: &str, kind: CollectionKind, list: Option<&str>, fields: Vec<Field>) -> Collection {
    let mut collection = Collection::new(name, name, kind, [vec![id()], fields].concat());
    collection.rules.list = list.map(str::to_owned);
    collection
}

/// Posts by users in teams; `posts` can be listed by anybody, `teams` by their owner, `members` by superusers.
fn catalog() -> Catalog {
    let words = FieldKind::Select { values: vec!["a".to_owned()], max: 3 };
    let posts = vec![
        text("title"),
        number("room"),
        Field::new("done", FieldKind::Bool),
        relation("author", "users", 1),
        relation("editors", "users", 9),
        Field::new("tags", words.clone()),
        Field::new("meta", FieldKind::Json { max_bytes: 0 }),
        Field::new("spot", FieldKind::GeoPoint),
        text("secret").hidden(),
        Field { key: Arc::from("f_7"), ..text("renamed") },
    ];
    let email =
        Field::new("email", FieldKind::Email { except_domains: Vec::new(), only_domains: Vec::new() });
    let users = vec![
        text("name"),
        email,
        Field::new("emailVisibility", FieldKind::Bool),
        relation("team", "teams", 1),
        Field::new("roles", words),
        text("tokenKey").hidden(),
    ];
    let mut members =
        collection("members", CollectionKind::Base, None, vec![relation("user", "users", 1), text("team")]);
    members.indexes = vec![Index::unique("one", "user")];
    let teams = vec![text("name"), relation("owner", "users", 1)];
    Catalog::new(vec![
        Arc::new(collection("posts", CollectionKind::Base, Some(""), posts)),
        Arc::new(collection("users", CollectionKind::Auth, Some(""), users)),
        Arc::new(collection("teams", CollectionKind::Base, Some("owner = @request.auth.id"), teams)),
        Arc::new(members),
        Arc::new(collection(SUPERUSERS, CollectionKind::Auth, None, vec![])),
    ])
}

fn request(catalog: &Catalog) -> Request {
    let body = r#"{"name":"Kim 50%","team":"t1","roles":["a","b"],"email":"kim@x.kr"}"#;
    let row = Row { id: "kim".to_owned(), rev: 1, shape: 1, body: body.to_owned() };
    let users = catalog.find("users").unwrap().clone();
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    Request {
        method: "PATCH".to_owned(),
        query: object(json!({"page": "2"})),
        headers: object(json!({"x_token": "abc"})),
        body: object(json!({
            "title": "New", "room": "12", "author": "lee", "tags": ["a", "b"], "deep": {"list": [1, {"x": true}]}
        })),
        auth: Some(Arc::new(Principal { collection: users, row: Arc::new(row) })),
        ..Request::default()
    }
}

fn compiled(
    catalog: &Catalog,
    request: &Request,
    ask: impl FnOnce(&mut Query<'_>) -> Result<(), Fault>,
) -> String {
    let posts = catalog.find("posts").unwrap();
    let limits = Limits { joins_max: 4, ..Limits::default() };
    let now = Timestamp::parse("2026-11-22 03:04:05Z").unwrap();
    let scope = Scope { catalog, collection: posts, request, now, limits: &limits, sees_hidden: false };
    let mut query = Query::new(scope, Source::Table(posts.table()));
    if let Err(fault) = ask(&mut query) {
        return fault.message;
    }
    let sql = store::dialect::sqlite::select(&query.finish());
    let rest = sql.text.split_once(" FROM \"r_r_posts\" t0").unwrap().1;
    format!("{}\n{:?}", rest.replace(" AND EXISTS", "\n AND EXISTS"), sql.values)
}

fn check(filter: &str, expected: Expect) {
    let catalog = catalog();
    let request = request(&catalog);
    expected.assert_eq(&compiled(&catalog, &request, |query| query.filter(filter, true)));
}

/// A client's filter.
fn check_client(filter: &str, expected: Expect) {
    let catalog = catalog();
    let request = request(&catalog);
    expected.assert_eq(&compiled(&catalog, &request, |query| query.filter(filter, false)));
}

fn check_sort(sort: &str, expected: Expect) {
    let catalog = catalog();
    let request = request(&catalog);
    expected.assert_eq(&compiled(&catalog, &request, |query| query.sort(sort)));
}

#[test]
fn fields_compare_as_their_kind() {
    check(
        "title = 'x' && room != 5 && done = true && renamed >= \"a\"",
        expect![[r#"
         WHERE coalesce(json_extract(t0.body,'$.title'),'')=? AND coalesce(json_extract(t0.body,'$.room'),0)<>? AND coalesce(json_extract(t0.body,'$.done'),0)=1 AND coalesce(json_extract(t0.body,'$.f_7'),'')>=?
        [Text("x"), Real(5.0), Text("a")]"#]],
    );
    check(
        "title = 5 && room = '5' && room < 'x' && title > true",
        expect![[r#"
         WHERE coalesce(json_extract(t0.body,'$.title'),'')=? AND coalesce(json_extract(t0.body,'$.room'),0)=? AND coalesce(json_extract(t0.body,'$.room'),0)<? AND coalesce(json_extract(t0.body,'$.title'),'')>?
        [Text("5.0"), Real(5.0), Text("x"), Text("1")]"#]],
    );
    check(
        "title = '' || title != null || null = room",
        expect![[r#"
         WHERE (coalesce(json_extract(t0.body,'$.title'),'')='' OR coalesce(json_extract(t0.body,'$.title'),'')<>'' OR ''=coalesce(json_extract(t0.body,'$.room'),0))
        []"#]],
    );
    check(
        "author.id = 'kim' || author = title || room = title || room > title",
        expect![[r#"
             WHERE (CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END=? OR CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END=coalesce(json_extract(t0.body,'$.title'),'') OR coalesce(json_extract(t0.body,'$.room'),0)=coalesce(json_extract(t0.body,'$.title'),'') OR CAST(coalesce(json_extract(t0.body,'$.room'),0) AS NUMERIC)>coalesce(json_extract(t0.body,'$.title'),''))
            [Text("kim")]"#]],
    );
    check(
        "'x' = 'x' && 2 > 3",
        expect![[r#"
         WHERE 0
        []"#]],
    );
}

#[test]
fn json_keeps_its_kinds_of_nothing() {
    check(
        "meta.a.0.b = '' || meta = null || meta.x != 5 || meta.y ~ title || meta.z = title",
        expect![[r#"
         WHERE (json_extract(t0.body,?) IS '' OR json_extract(t0.body,'$.meta') IS NULL OR json_extract(t0.body,?) IS NOT ? OR json_extract(t0.body,?) LIKE (?||coalesce(json_extract(t0.body,'$.title'),'')||?) ESCAPE '\' OR (json_extract(t0.body,?)||'') IS coalesce(json_extract(t0.body,'$.title'),''))
        [Text("$.meta.\"a\"[0].\"b\""), Text("$.meta.\"x\""), Real(5.0), Text("$.meta.\"y\""), Text("%"), Text("%"), Text("$.meta.\"z\"")]"#]],
    );
    check(
        "spot.lat > 3 && geoDistance(spot.lon, spot.lat, 127, 37.5) < 25",
        expect![[r#"
         WHERE json_extract(t0.body,?)>? AND geo_distance(json_extract(t0.body,?),json_extract(t0.body,?),?,?)<?
        [Text("$.spot.\"lat\""), Real(3.0), Text("$.spot.\"lon\""), Text("$.spot.\"lat\""), Real(127.0), Real(37.5), Real(25.0)]"#]],
    );
}

#[test]
fn patterns_are_wrapped_and_escaped() {
    check(
        "title ~ 'x_y' && title !~ 'x%' && title ~ room && title ~ @request.auth.name && room ~ 5",
        expect![[r#"
             WHERE coalesce(json_extract(t0.body,'$.title'),'') LIKE ? ESCAPE '\' AND coalesce(json_extract(t0.body,'$.title'),'') NOT LIKE ? ESCAPE '\' AND coalesce(json_extract(t0.body,'$.title'),'') LIKE (?||coalesce(json_extract(t0.body,'$.room'),0)||?) ESCAPE '\' AND coalesce(json_extract(t0.body,'$.title'),'') LIKE ? ESCAPE '\' AND coalesce(json_extract(t0.body,'$.room'),0) LIKE ? ESCAPE '\'
            [Text("%x\\_y%"), Text("x%"), Text("%"), Text("%"), Text("%Kim 50%%"), Text("%5%")]"#]],
    );
}

#[test]
fn relations_are_joined_once() {
    check(
        "author.name = 'x' && author.team.name = 'y' || author.name = 'z'",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_teams" t2 ON t2.id=iif(t1.id IS NULL,NULL,CASE json_type(t1.body,'$.team') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.team[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.team'),'') END) WHERE ((iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.name'),'')) IS ? AND iif(t2.id IS NULL,NULL,coalesce(json_extract(t2.body,'$.name'),'')) IS ?) OR iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.name'),'')) IS ?))
            [Text("x"), Text("y"), Text("z")]"#]],
    );
}

#[test]
fn all_of_several_values_must_fit() {
    check(
        "editors.name = 'x'",
        expect![[r#"
         WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t5 LEFT JOIN json_each(t0.body,'$.editors') t3 ON 1 LEFT JOIN "r_r_users" t4 ON t4.id=t3.value WHERE NOT (iif(t4.id IS NULL,NULL,coalesce(json_extract(t4.body,'$.name'),'')) IS NULL) AND iif(t4.id IS NULL,NULL,coalesce(json_extract(t4.body,'$.name'),'')) IS NOT ?))
         AND EXISTS (SELECT 1 FROM json_each(t0.body,'$.editors') t1 JOIN "r_r_users" t2 ON t2.id=t1.value WHERE coalesce(json_extract(t2.body,'$.name'),'')=?)
        [Text("x"), Text("x")]"#]],
    );
    check(
        "editors.name ?= 'x'",
        expect![[r#"
         WHERE EXISTS (SELECT 1 FROM json_each(t0.body,'$.editors') t1 JOIN "r_r_users" t2 ON t2.id=t1.value WHERE coalesce(json_extract(t2.body,'$.name'),'')=?)
        [Text("x")]"#]],
    );
    check(
        "tags:each ~ 'a%' && tags:length > 1",
        expect![[r#"
         WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t3 LEFT JOIN json_each(t0.body,'$.tags') t2 ON 1 WHERE NOT (t2.value LIKE ? ESCAPE '\'))) AND CASE json_type(t0.body,'$.tags') WHEN 'array' THEN json_array_length(t0.body,'$.tags') ELSE coalesce(json_extract(t0.body,'$.tags'),'')<>'' END>?
         AND EXISTS (SELECT 1 FROM json_each(t0.body,'$.tags') t1 WHERE t1.value LIKE ? ESCAPE '\')
        [Text("a%"), Real(1.0), Text("a%")]"#]],
    );
    check(
        "editors.roles:length = editors.roles:length",
        expect![[r#"
         WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t7 LEFT JOIN json_each(t0.body,'$.editors') t3 ON 1 LEFT JOIN "r_r_users" t4 ON t4.id=t3.value LEFT JOIN json_each(t0.body,'$.editors') t5 ON 1 LEFT JOIN "r_r_users" t6 ON t6.id=t5.value WHERE NOT (CASE json_type(t4.body,'$.roles') WHEN 'array' THEN json_array_length(t4.body,'$.roles') ELSE coalesce(json_extract(t4.body,'$.roles'),'')<>'' END=CASE json_type(t6.body,'$.roles') WHEN 'array' THEN json_array_length(t6.body,'$.roles') ELSE coalesce(json_extract(t6.body,'$.roles'),'')<>'' END)))
         AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN json_each(t0.body,'$.editors') t1 ON 1 LEFT JOIN "r_r_users" t2 ON t2.id=t1.value WHERE CASE json_type(t2.body,'$.roles') WHEN 'array' THEN json_array_length(t2.body,'$.roles') ELSE coalesce(json_extract(t2.body,'$.roles'),'')<>'' END=CASE json_type(t2.body,'$.roles') WHEN 'array' THEN json_array_length(t2.body,'$.roles') ELSE coalesce(json_extract(t2.body,'$.roles'),'')<>'' END)
        []"#]],
    );
}

#[test]
fn back_relations_are_many_without_a_unique_index() {
    check(
        "author.members_via_user.team = 'x'",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM "r_r_users" t1 JOIN "r_r_members" t2 ON CASE json_type(t2.body,'$.user') WHEN 'array' THEN coalesce(json_extract(t2.body,'$.user[#-1]'),'') ELSE coalesce(json_extract(t2.body,'$.user'),'') END=+t1.id WHERE coalesce(json_extract(t2.body,'$.team'),'')=? AND t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END)
            [Text("x")]"#]],
    );
    check(
        "author.posts_via_editors.title ?= 'x'",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END JOIN "r_r_posts" t2 ON EXISTS (SELECT 1 FROM json_each(t2.body,'$.editors') t3 WHERE t3.value IS t1.id) WHERE coalesce(json_extract(t2.body,'$.title'),'')=?)
            [Text("x")]"#]],
    );
    check(
        "author.posts_via_author.title != 'x'",
        expect![[r#"
             WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t5 LEFT JOIN "r_r_users" t3 ON t3.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_posts" t4 ON CASE json_type(t4.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t4.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t4.body,'$.author'),'') END=+t3.id WHERE NOT (iif(t4.id IS NULL,NULL,coalesce(json_extract(t4.body,'$.title'),'')) IS NOT ?)))
             AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_posts" t2 ON CASE json_type(t2.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t2.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t2.body,'$.author'),'') END=+t1.id WHERE iif(t2.id IS NULL,NULL,coalesce(json_extract(t2.body,'$.title'),'')) IS NOT ?)
            [Text("x"), Text("x")]"#]],
    );
}

#[test]
fn rows_of_a_collection_are_the_same_in_all_terms() {
    check(
        "@collection.members.user ?= @request.auth.id && @collection.members.team ?= title",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM "r_r_members" t1 WHERE CASE json_type(t1.body,'$.user') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.user[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.user'),'') END=? AND coalesce(json_extract(t1.body,'$.team'),'')=coalesce(json_extract(t0.body,'$.title'),''))
            [Text("kim")]"#]],
    );
    check(
        "@collection.members.user ?= id && @collection.members:b.user ?= title",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_members" t1 ON 1 WHERE coalesce(iif(t1.id IS NULL,NULL,CASE json_type(t1.body,'$.user') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.user[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.user'),'') END),'')=t0.id)
             AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_members" t3 ON 1 WHERE coalesce(iif(t3.id IS NULL,NULL,CASE json_type(t3.body,'$.user') WHEN 'array' THEN coalesce(json_extract(t3.body,'$.user[#-1]'),'') ELSE coalesce(json_extract(t3.body,'$.user'),'') END),'')=coalesce(json_extract(t0.body,'$.title'),''))
            []"#]],
    );
}

#[test]
fn a_rule_and_a_filter_share_their_joins() {
    let catalog = catalog();
    let request = request(&catalog);
    let seen = compiled(&catalog, &request, |query| {
        query.filter("editors.id ?= @request.auth.id", true)?;
        query.filter("editors.name ?= 'x'", false)?;
        query.id("p1");
        query.sort("-editors.name,@rowid")
    });
    expect![[r#"
         WHERE t0.id=?
         AND EXISTS (SELECT 1 FROM json_each(t0.body,'$.editors') t1 JOIN "r_r_users" t2 ON t2.id=t1.value WHERE t2.id=? AND coalesce(json_extract(t2.body,'$.name'),'')=?) ORDER BY (SELECT iif(t2.id IS NULL,NULL,coalesce(json_extract(t2.body,'$.name'),'')) FROM (SELECT 1) LEFT JOIN json_each(t0.body,'$.editors') t1 ON 1 LEFT JOIN "r_r_users" t2 ON t2.id=t1.value LIMIT 1) DESC,t0.rowid
        [Text("p1"), Text("kim"), Text("x")]"#]].assert_eq(&seen);
}

#[test]
fn orders_go_by_fields_ways_and_chance() {
    check_sort(
        "-room, +title,@random,-@rowid",
        expect![[r#"
         ORDER BY coalesce(json_extract(t0.body,'$.room'),0) DESC,coalesce(json_extract(t0.body,'$.title'),''),random(),t0.rowid DESC
        []"#]],
    );
    check_sort(
        "author.name,meta.a",
        expect![[r#"
             ORDER BY (SELECT iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.name'),'')) FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LIMIT 1),json_extract(t0.body,?)
            [Text("$.meta.\"a\"")]"#]],
    );
    check_sort(
        "",
        expect![[r#"

        []"#]],
    );
    check_sort("title,", expect!["an empty term in the sort at 7"]);
    check_sort("nope", expect![[r#"unknown field "nope" at 1"#]]);
    check_sort(
        "-@request.auth.id",
        expect![[r#"only superusers may use "@request" in a filter or a sort, as at 1"#]],
    );
    check_sort("title;drop", expect![[r#""title;drop" is no field to sort by at 1"#]]);
    check_sort(
        "author.team.name",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_teams" t2 ON t2.id=iif(t1.id IS NULL,NULL,CASE json_type(t1.body,'$.team') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.team[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.team'),'') END) WHERE (t2.id IS NULL OR iif(t2.id IS NULL,NULL,CASE json_type(t2.body,'$.owner') WHEN 'array' THEN coalesce(json_extract(t2.body,'$.owner[#-1]'),'') ELSE coalesce(json_extract(t2.body,'$.owner'),'') END) IS ?)) ORDER BY (SELECT iif(t2.id IS NULL,NULL,coalesce(json_extract(t2.body,'$.name'),'')) FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_teams" t2 ON t2.id=iif(t1.id IS NULL,NULL,CASE json_type(t1.body,'$.team') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.team[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.team'),'') END) LIMIT 1)
            [Text("kim")]"#]],
    );
    check_sort(&["title"; 9].join(","), expect!["the sort has more than 8 terms"]);
}

#[test]
fn the_same_form_gives_the_same_text() {
    let catalog = catalog();
    let request = request(&catalog);
    let text = |filter: &str| {
        let seen = compiled(&catalog, &request, |query| query.filter(filter, false));
        seen.split_once('\n').unwrap().0.to_owned()
    };
    assert_eq!(text("room = 1 && title ~ 'a'"), text("room=2&&title~\"b%\" // c"));
}
