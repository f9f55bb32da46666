//! The SQL as text; what it finds is asked of a server by `tests/dialects.rs`.

use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::dialect::Sql;
use crate::dialect::said::{OTHER, compare, field, index, mail, of_known_types, text};
use crate::query::{Alias, Column, Compare, Expr, Func, Join, MAIN, Order, Scalar, Select, Source};
use crate::row::{Row, Table};

fn print(asked: &Select) -> Sql {
    super::select(asked, &super::Columns::default()).unwrap()
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
        CASE WHEN json_type(json_extract(t0.body,'$.room')) IN ('INTEGER','DOUBLE','BOOLEAN') THEN CAST(json_value(t0.body,'$.room') AS DOUBLE) ELSE 0e0 END>? AND coalesce(json_value(t0.body,'$.title'),'')=? AND CASE WHEN json_type(json_extract(t0.body,'$.done')) IN ('INTEGER','DOUBLE','BOOLEAN') THEN CAST(json_value(t0.body,'$.done') AS DOUBLE) ELSE 0e0 END<>1 AND CONVERT(CAST(lower(CONVERT(CAST(coalesce(json_value(t0.body,'$.title'),'') AS BINARY) USING tis620)) AS BINARY) USING utf8mb4) COLLATE utf8mb4_nopad_bin LIKE ? ESCAPE '\' AND FALSE ORDER BY t0.n
        [Real(7.0), Text("x"), Text("a%")]"#]],
    );
}

#[test]
fn json_is_compared_by_its_parts() {
    let inside = Column::Path(Arc::from("meta"), vec![Arc::from("k'1"), Arc::from("0")]);
    check(
        compare(Expr::Column(MAIN, inside), Compare::Eq, text("x")),
        expect![[r#"
        (CASE WHEN json_type(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END) IN ('INTEGER','DOUBLE','BOOLEAN') THEN 0 WHEN json_type(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END)<>'NULL' THEN 1 END,CASE WHEN json_type(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END)='STRING' THEN (json_unquote(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END) COLLATE utf8mb4_nopad_bin) WHEN json_type(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END) IN ('ARRAY','OBJECT') THEN (json_compact(CASE WHEN json_type(json_extract(t0.body,?))='ARRAY' THEN json_extract(t0.body,?) END) COLLATE utf8mb4_nopad_bin) ELSE '' END)=(1,?) ORDER BY t0.n
        [Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("$.meta.\"k'1\""), Text("$.meta.\"k'1\"[0]"), Text("x")]"#]],
    );
    let (left, right) = (field(MAIN, "meta", Scalar::Json), field(MAIN, "more", Scalar::Json));
    check(
        compare(left, Compare::Lt, right),
        expect![[r#"
        (CASE WHEN json_type(json_extract(t0.body,'$.meta')) IN ('INTEGER','DOUBLE','BOOLEAN') THEN 0 WHEN json_type(json_extract(t0.body,'$.meta'))<>'NULL' THEN 1 END,CASE WHEN json_type(json_extract(t0.body,'$.meta')) IN ('INTEGER','DOUBLE') THEN CAST(json_extract(t0.body,'$.meta') AS DOUBLE) WHEN json_extract(t0.body,'$.meta')='true' THEN 1e0 ELSE 0e0 END,CASE WHEN json_type(json_extract(t0.body,'$.meta'))='STRING' THEN (json_unquote(json_extract(t0.body,'$.meta')) COLLATE utf8mb4_nopad_bin) WHEN json_type(json_extract(t0.body,'$.meta')) IN ('ARRAY','OBJECT') THEN (json_compact(json_extract(t0.body,'$.meta')) COLLATE utf8mb4_nopad_bin) ELSE '' END)<(CASE WHEN json_type(json_extract(t0.body,'$.more')) IN ('INTEGER','DOUBLE','BOOLEAN') THEN 0 WHEN json_type(json_extract(t0.body,'$.more'))<>'NULL' THEN 1 END,CASE WHEN json_type(json_extract(t0.body,'$.more')) IN ('INTEGER','DOUBLE') THEN CAST(json_extract(t0.body,'$.more') AS DOUBLE) WHEN json_extract(t0.body,'$.more')='true' THEN 1e0 ELSE 0e0 END,CASE WHEN json_type(json_extract(t0.body,'$.more'))='STRING' THEN (json_unquote(json_extract(t0.body,'$.more')) COLLATE utf8mb4_nopad_bin) WHEN json_type(json_extract(t0.body,'$.more')) IN ('ARRAY','OBJECT') THEN (json_compact(json_extract(t0.body,'$.more')) COLLATE utf8mb4_nopad_bin) ELSE '' END) ORDER BY t0.n
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
        SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_posts" t0 WHERE EXISTS (SELECT 1 FROM "r_users" t1 WHERE coalesce(json_value(t1.body,'$.name'),'')=? AND t1.id=coalesce(json_value(t0.body,'$.author'),'')) AND EXISTS (SELECT 1 FROM (SELECT 1) o LEFT JOIN json_table(CASE WHEN json_type(json_extract(t0.body,'$.tags'))='ARRAY' THEN json_extract(t0.body,'$.tags') ELSE concat('[',json_extract(t0.body,'$.tags'),']') END,'$[*]' COLUMNS(n FOR ORDINALITY,value JSON PATH '$')) t2 ON TRUE WHERE (CASE WHEN json_type(t2.value) IN ('INTEGER','DOUBLE','BOOLEAN') THEN 0 WHEN json_type(t2.value)<>'NULL' THEN 1 END IS NULL)) ORDER BY (SELECT CASE WHEN t1.id IS NOT NULL THEN coalesce(json_value(t1.body,'$.name'),'') END FROM (SELECT 1) o LEFT JOIN "r_users" t1 ON t1.id=coalesce(json_value(t0.body,'$.author'),'') LIMIT 1),coalesce(json_value(t0.body,'$.at'),'') DESC,t0.n LIMIT ? OFFSET ?
        [Text("Kim"), Int(20), Int(0)]"#]],
    );
    let row = Row { id: "new".into(), rev: 3, shape: 1, body: "{}".into() };
    check_whole(
        &Select::all(Source::Given(Arc::new(row))),
        expect![[r#"
        SELECT t0.id,t0.rev,t0.shape,t0.body FROM (SELECT CAST(? AS CHAR) COLLATE utf8mb4_nopad_bin AS id,0 AS n,? AS rev,? AS shape,CAST(? AS CHAR) COLLATE utf8mb4_nopad_bin AS body) t0
        [Text("new"), Int(3), Int(1), Text("{}")]"#]],
    );
}

#[test]
fn a_date_is_taken_apart_by_a_bound_format() {
    let said = Expr::Call(Func::Strftime, vec![text("%Y-%m"), text("2026-01-02"), text("+1 month")]);
    check(
        compare(said, Compare::Eq, text("2026-02")),
        expect![[r#"
        concat(date_format((CASE WHEN ? REGEXP '^(?!0000)\d\d\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-4]):[0-5]\d(:[0-5]\d(\.\d+)?)?( *(Z|z|[-+](0\d|1[0-4]):[0-5]\d))?)?$' THEN addtime(CAST(concat(left(?,8),'01') AS datetime(3))+INTERVAL CAST(substr(?,9,2) AS signed)-1 DAY,CAST(if(length(?)>10,regexp_substr(substr(?,12),'^[0-9:.]+'),'00:00:00') AS time(3)))-INTERVAL if(? REGEXP '[-+]\d\d:\d\d$',(60*substr(right(?,6),2,2)+right(?,2))*if(left(right(?,6),1)='-',-1,1),0) MINUTE END-INTERVAL dayofmonth(CASE WHEN ? REGEXP '^(?!0000)\d\d\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-4]):[0-5]\d(:[0-5]\d(\.\d+)?)?( *(Z|z|[-+](0\d|1[0-4]):[0-5]\d))?)?$' THEN addtime(CAST(concat(left(?,8),'01') AS datetime(3))+INTERVAL CAST(substr(?,9,2) AS signed)-1 DAY,CAST(if(length(?)>10,regexp_substr(substr(?,12),'^[0-9:.]+'),'00:00:00') AS time(3)))-INTERVAL if(? REGEXP '[-+]\d\d:\d\d$',(60*substr(right(?,6),2,2)+right(?,2))*if(left(right(?,6),1)='-',-1,1),0) MINUTE END)-1 DAY+INTERVAL 1 MONTH+INTERVAL dayofmonth(CASE WHEN ? REGEXP '^(?!0000)\d\d\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-4]):[0-5]\d(:[0-5]\d(\.\d+)?)?( *(Z|z|[-+](0\d|1[0-4]):[0-5]\d))?)?$' THEN addtime(CAST(concat(left(?,8),'01') AS datetime(3))+INTERVAL CAST(substr(?,9,2) AS signed)-1 DAY,CAST(if(length(?)>10,regexp_substr(substr(?,12),'^[0-9:.]+'),'00:00:00') AS time(3)))-INTERVAL if(? REGEXP '[-+]\d\d:\d\d$',(60*substr(right(?,6),2,2)+right(?,2))*if(left(right(?,6),1)='-',-1,1),0) MINUTE END)-1 DAY),?))=? ORDER BY t0.n
        [Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("2026-01-02"), Text("%Y-%m"), Text("2026-02")]"#]],
    );
}

#[test]
fn an_index_is_made_over_columns_and_queries_name_them() {
    let (users, index) = (Table::new("users"), index(mail()));
    let columns = super::columns_of(&index).unwrap();
    let mut made: Vec<String> = columns.iter().map(|column| super::add_column(&users, column)).collect();
    made.push(super::create_index(&users, &index));
    expect![[r#"
        ALTER TABLE "r_users" ADD COLUMN IF NOT EXISTS "v_mail_text_nocase" varchar(380) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin AS ((CONVERT(CAST(lower(CONVERT(CAST(coalesce(json_value(body,'$.mail'),'') AS BINARY) USING tis620)) AS BINARY) USING utf8mb4) COLLATE utf8mb4_nopad_bin)) VIRTUAL, ALGORITHM=INSTANT
        ALTER TABLE "r_users" ADD COLUMN IF NOT EXISTS "w_i_1" tinyint AS (CASE WHEN coalesce(json_value(body,'$.mail'),'')<>'' THEN 1 END) VIRTUAL, ALGORITHM=INSTANT
        CREATE OR REPLACE UNIQUE INDEX "i_1" ON "r_users" ("v_mail_text_nocase","w_i_1") ALGORITHM=INPLACE LOCK=NONE"#]].assert_eq(&made.join("\n"));
    let mut columns = super::Columns::default();
    columns.insert(&users, "v_mail_text");
    let of = compare(field(MAIN, "mail", Scalar::Text), Compare::Eq, text("a@b.c"));
    let asked = Select { filter: Some(of), ..Select::table(&users) };
    let sql = super::select(&asked, &columns).unwrap();
    expect![[
        r#"SELECT t0.id,t0.rev,t0.shape,t0.body FROM "r_users" t0 WHERE t0."v_mail_text"=? ORDER BY t0.n"#
    ]]
    .assert_eq(&sql.text);
}
