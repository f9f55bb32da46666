//! The SQL as text; what it finds is asked of a server by `tests/dialects.rs`.

use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::dialect::Sql;
use crate::dialect::said::{OTHER, compare, field, index, mail, of_known_types, text};
use crate::query::{
    Alias, Column, Compare, Expr, Func, Index, IndexColumn, Join, MAIN, Order, Scalar, Select, Source,
};
use crate::row::{Row, Table};

fn print(asked: &Select) -> Sql {
    super::select(asked).unwrap()
}

fn check(filter: Expr, expected: Expect) {
    let sql = print(&Select { filter: Some(filter), ..Select::table(&Table::new("posts")) });
    let (_, condition) = sql.text.split_once(" WHERE ").unwrap();
    expected.assert_eq(&format!("{condition}\n{:?}", sql.values));
}

fn check_whole(asked: &Select, expected: Expect) {
    let sql = print(asked);
    expected.assert_eq(&format!("{}\n{:?}", sql.text, sql.values));
}

#[test]
fn values_of_known_types_are_compared_as_they_are() {
    check(
        of_known_types(),
        expect![[r#"
        CASE json_typeof(t0.body->'room') WHEN 'number' THEN (t0.body->>'room')::float8 WHEN 'boolean' THEN (t0.body->>'room')::bool::int::float8 ELSE 0 END>$1::float8 AND (coalesce(t0.body->>'title','') COLLATE "C")=$2::text AND CASE json_typeof(t0.body->'done') WHEN 'number' THEN (t0.body->>'done')::float8 WHEN 'boolean' THEN (t0.body->>'done')::bool::int::float8 ELSE 0 END<>1 AND (coalesce(t0.body->>'title','') COLLATE "C") ILIKE $3::text COLLATE "C" AND false ORDER BY t0.n
        [Real(7.0), Text("x"), Text("A%")]"#]],
    );
}

#[test]
fn json_is_compared_by_its_parts() {
    let inside = Column::Path(Arc::from("meta"), vec![Arc::from("k'1"), Arc::from("0")]);
    check(
        compare(Expr::Column(MAIN, inside), Compare::Eq, text("x")),
        expect![[r#"
            (CASE WHEN json_typeof(t0.body->'meta'->$1::text->$2::text::int) IN ('number','boolean') THEN 0 WHEN json_typeof(t0.body->'meta'->$1::text->$2::text::int)<>'null' THEN 1 END,(CASE WHEN json_typeof(t0.body->'meta'->$1::text->$2::text::int) IN ('string','array','object') THEN (t0.body->'meta'->$1::text->$2::text::int)#>>'{}' ELSE '' END COLLATE "C"))=(1,$3::text) ORDER BY t0.n
            [Text("k'1"), Text("0"), Text("x")]"#]],
    );
    let (left, right) = (field(MAIN, "meta", Scalar::Json), field(MAIN, "more", Scalar::Json));
    check(
        compare(left, Compare::Lt, right),
        expect![[r#"
        (CASE WHEN json_typeof(t0.body->'meta') IN ('number','boolean') THEN 0 WHEN json_typeof(t0.body->'meta')<>'null' THEN 1 END,CASE json_typeof(t0.body->'meta') WHEN 'number' THEN CASE WHEN (t0.body->'meta')#>>'{}' ~ '^-?([0-9]{1,100}(\.[0-9]{1,100})?([eE][-+]?1?[0-9]{1,2})?|[0-9](\.[0-9]{1,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))$' THEN ((t0.body->'meta')#>>'{}')::float8 WHEN (t0.body->'meta')#>>'{}' ~ '[eE]-' THEN 0 WHEN (t0.body->'meta')#>>'{}' LIKE '-%' THEN '-Infinity' ELSE 'Infinity' END WHEN 'boolean' THEN ((t0.body->'meta')#>>'{}')::bool::int ELSE 0 END,(CASE WHEN json_typeof(t0.body->'meta') IN ('string','array','object') THEN (t0.body->'meta')#>>'{}' ELSE '' END COLLATE "C"))<(CASE WHEN json_typeof(t0.body->'more') IN ('number','boolean') THEN 0 WHEN json_typeof(t0.body->'more')<>'null' THEN 1 END,CASE json_typeof(t0.body->'more') WHEN 'number' THEN CASE WHEN (t0.body->'more')#>>'{}' ~ '^-?([0-9]{1,100}(\.[0-9]{1,100})?([eE][-+]?1?[0-9]{1,2})?|[0-9](\.[0-9]{1,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))$' THEN ((t0.body->'more')#>>'{}')::float8 WHEN (t0.body->'more')#>>'{}' ~ '[eE]-' THEN 0 WHEN (t0.body->'more')#>>'{}' LIKE '-%' THEN '-Infinity' ELSE 'Infinity' END WHEN 'boolean' THEN ((t0.body->'more')#>>'{}')::bool::int ELSE 0 END,(CASE WHEN json_typeof(t0.body->'more') IN ('string','array','object') THEN (t0.body->'more')#>>'{}' ELSE '' END COLLATE "C")) ORDER BY t0.n
        []"#]],
    );
}

#[test]
fn joins_orders_and_bounds_are_printed_as_everywhere() {
    let on = compare(Expr::Column(OTHER, Column::Id), Compare::Eq, field(MAIN, "author", Scalar::Text));
    let author = Join { alias: OTHER, source: Source::Table(Table::new("users")), on };
    let each = Source::Each(field(MAIN, "tags", Scalar::List));
    let each = Join { alias: Alias(2), source: each, on: Expr::And(vec![]) };
    let name = || field(OTHER, "name", Scalar::Text);
    let filter = Expr::And(vec![
        compare(name(), Compare::Eq, text("Kim")),
        Expr::IsNull(Box::new(Expr::Column(Alias(2), Column::Element))),
    ]);
    let asked = Select {
        joins: vec![author, each],
        filter: Some(filter),
        order: vec![
            Order { by: name(), descending: false },
            Order { by: field(MAIN, "at", Scalar::Text), descending: true },
        ],
        limit: Some(20),
        ..Select::table(&Table::new("posts"))
    };
    check_whole(
        &asked,
        expect![[r#"
        SELECT t0.id,t0.rev,t0.shape,t0.body::text FROM "r_posts" t0 WHERE EXISTS (SELECT 1 FROM "r_users" t1 WHERE (coalesce(t1.body->>'name','') COLLATE "C")=$1::text AND t1.id=(coalesce(t0.body->>'author','') COLLATE "C")) AND EXISTS (SELECT 1 FROM (SELECT 1) o LEFT JOIN json_array_elements(CASE WHEN json_typeof(t0.body->'tags')='array' THEN t0.body->'tags' WHEN t0.body->'tags' IS NOT NULL THEN json_build_array(t0.body->'tags') END) WITH ORDINALITY t2(value,n) ON true WHERE (CASE WHEN json_typeof(t2.value) IN ('number','boolean') THEN 0 WHEN json_typeof(t2.value)<>'null' THEN 1 END IS NULL)) ORDER BY (SELECT CASE WHEN t1.id IS NOT NULL THEN (coalesce(t1.body->>'name','') COLLATE "C") END FROM (SELECT 1) o LEFT JOIN "r_users" t1 ON t1.id=(coalesce(t0.body->>'author','') COLLATE "C") LIMIT 1) NULLS FIRST,(coalesce(t0.body->>'at','') COLLATE "C") DESC,t0.n LIMIT $2::bigint OFFSET $3::bigint
        [Text("Kim"), Int(20), Int(0)]"#]],
    );
    let row = Row { id: "new".into(), rev: 3, shape: 1, body: "{}".into() };
    check_whole(
        &Select::all(Source::Given(Arc::new(row))),
        expect![[r#"
        SELECT t0.id,t0.rev,t0.shape,t0.body::text FROM (SELECT $1::text COLLATE "C" AS id,0::bigint AS n,$2::bigint AS rev,$3::bigint AS shape,$4::text::json AS body) t0
        [Text("new"), Int(3), Int(1), Text("{}")]"#]],
    );
}

#[test]
fn a_date_is_taken_apart_by_a_bound_format() {
    let said = Expr::Call(Func::Strftime, vec![text("%Y-%m"), text("2026-01-02"), text("+1 month")]);
    check(
        compare(said, Compare::Eq, text("2026-02")),
        expect![[r#"
        ((to_char((SELECT date_trunc('month',m.d)+1*interval '1 month'+(m.d-date_trunc('month',m.d)) FROM (SELECT CASE WHEN $1::text ~ '^(?!0000)\d\d\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-4]):[0-5]\d(:[0-5]\d(\.\d+)?)?( *(Z|z|[-+](0\d|1[0-4]):[0-5]\d))?)?$' THEN (left($1::text,8)||'01')::timestamp+(substr($1::text,9,2)::int-1)*interval '1 day'+coalesce(substring($1::text from '[T ](\d\d:\d\d(:\d\d(\.\d+)?)?)')::interval(3),interval '0')-coalesce(substring($1::text from '[-+]\d\d:\d\d$')::interval,interval '0') END AS d) m),$2::text) COLLATE "C"))=$3::text ORDER BY t0.n
        [Text("2026-01-02"), Text("YYYY\"-\"\"\"MM"), Text("2026-02")]"#]],
    );
}

#[test]
fn an_index_has_the_words_of_the_query() {
    let made =
        super::create_index(&Table::new("users"), &index(mail()), super::Making::Concurrently).unwrap();
    expect![[r#"CREATE UNIQUE INDEX CONCURRENTLY "i_1" ON "r_users" ((lower((coalesce(body->>'mail','') COLLATE "C") COLLATE "C"))) WHERE (coalesce(body->>'mail','') COLLATE "C")<>''"#]].assert_eq(&made);
    let json = IndexColumn {
        column: Column::Field(Arc::from("meta"), Scalar::Json),
        descending: true,
        ignores_case: false,
    };
    let json = Index { unique: false, only: None, ..index(json) };
    let made = super::create_index(&Table::new("users"), &json, super::Making::AtOnce).unwrap();
    expect![[r#"CREATE INDEX "i_1" ON "r_users" ((CASE WHEN json_typeof(body->'meta') IN ('number','boolean') THEN 0 WHEN json_typeof(body->'meta')<>'null' THEN 1 END) DESC NULLS LAST,(CASE json_typeof(body->'meta') WHEN 'number' THEN CASE WHEN (body->'meta')#>>'{}' ~ '^-?([0-9]{1,100}(\.[0-9]{1,100})?([eE][-+]?1?[0-9]{1,2})?|[0-9](\.[0-9]{1,20})?[eE][-+]?([12]?[0-9]{1,2}|30[0-7]))$' THEN ((body->'meta')#>>'{}')::float8 WHEN (body->'meta')#>>'{}' ~ '[eE]-' THEN 0 WHEN (body->'meta')#>>'{}' LIKE '-%' THEN '-Infinity' ELSE 'Infinity' END WHEN 'boolean' THEN ((body->'meta')#>>'{}')::bool::int ELSE 0 END) DESC NULLS LAST,((CASE WHEN json_typeof(body->'meta') IN ('string','array','object') THEN (body->'meta')#>>'{}' ELSE '' END COLLATE "C")) DESC NULLS LAST)"#]].assert_eq(&made);
}
