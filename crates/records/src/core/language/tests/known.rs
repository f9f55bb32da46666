//! What is known before the database is asked: the request, moments, functions of them.

use expect_test::expect;

use super::*;

#[test]
fn the_request_is_known_beforehand() {
    check(
        "@request.method = 'PATCH' && @request.context = 'default' && @request.query.page = '2'",
        expect![[r#"

            []"#]],
    );
    check(
        "@request.auth.id != '' && author = @request.auth.id",
        expect![[r#"
             WHERE CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END=?
            [Text("kim")]"#]],
    );
    check(
        "title = @request.auth.name:lower || title = @request.headers.x_token || title = @request.auth.nope",
        expect![[r#"
             WHERE (coalesce(json_extract(t0.body,'$.title'),'')=? OR coalesce(json_extract(t0.body,'$.title'),'')=? OR coalesce(json_extract(t0.body,'$.title'),'')='')
            [Text("kim 50%"), Text("abc")]"#]],
    );
    check(
        "@request.body.title:isset = true && @request.body.nope:isset = false && room = @request.body.room",
        expect![[r#"
             WHERE coalesce(json_extract(t0.body,'$.room'),0)=?
            [Real(12.0)]"#]],
    );
    check(
        "@request.body.title:changed = true || @request.body.done:changed = false",
        expect![[r#"

        []"#]],
    );
    check(
        "@request.body.tags:length = 2 && @request.body.tags:each ?~ 'a'",
        expect![[r#"
         WHERE EXISTS (SELECT 1 FROM json_each(?) t1 WHERE t1.value LIKE ? ESCAPE '\')
        [Text("[\"a\",\"b\"]"), Text("%a%")]"#]],
    );
    check(
        "@request.body.deep.list.1.x = true && title = @request.body.deep.list",
        expect![[r#"
         WHERE coalesce(json_extract(t0.body,'$.title'),'')=?
        [Text("[1,{\"x\":true}]")]"#]],
    );
    check(
        "@request.body.author.name = 'Lee'",
        expect![[r#"
         WHERE EXISTS (SELECT 1 FROM "r_r_users" t1 WHERE coalesce(json_extract(t1.body,'$.name'),'')=? AND t1.id=?)
        [Text("Lee"), Text("lee")]"#]],
    );
    check(
        "@request.auth.team.owner = id && @request.auth.roles:each ?= title",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_teams" t1 ON t1.id=? WHERE coalesce(iif(t1.id IS NULL,NULL,CASE json_type(t1.body,'$.owner') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.owner[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.owner'),'') END),'')=t0.id)
             AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN json_each(?) t2 ON 1 WHERE coalesce(t2.value,'')=coalesce(json_extract(t0.body,'$.title'),''))
            [Text("t1"), Text("[\"a\",\"b\"]")]"#]],
    );
    check(
        "@request.auth.members_via_user.team ?= title",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_members" t1 ON CASE json_type(t1.body,'$.user') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.user[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.user'),'') END=? WHERE coalesce(iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.team'),'')),'')=coalesce(json_extract(t0.body,'$.title'),''))
            [Text("kim")]"#]],
    );
}

#[test]
fn nobody_has_nothing() {
    let catalog = catalog();
    let asked = |filter: &str| compiled(&catalog, &Request::default(), |query| query.filter(filter, true));
    expect![[r#"
         WHERE 0
        []"#]]
    .assert_eq(&asked("@request.auth.id != '' && author = @request.auth.id"));
    expect![[r#"
         WHERE CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END=''
        []"#]]
    .assert_eq(&asked("author = @request.auth.id"));
    expect![[r#"
         WHERE 0
        []"#]]
    .assert_eq(&asked("@request.auth.team.name = 'x'"));
}

#[test]
fn moments_and_functions_are_values() {
    check(
        "title > @todayStart && room = @year",
        expect![[r#"
         WHERE coalesce(json_extract(t0.body,'$.title'),'')>? AND coalesce(json_extract(t0.body,'$.room'),0)=?
        [Text("2026-11-22 00:00:00.000Z"), Int(2026)]"#]],
    );
    check(
        "strftime('%Y', author.name) = '2026' && strftime('%d') = ''",
        expect![[r#"
             WHERE coalesce(strftime(?,?),'')=''
             AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END WHERE strftime(?,iif(t1.id IS NULL,NULL,coalesce(json_extract(t1.body,'$.name'),'')))=?)
            [Text("%d"), Text("2026-11-22 03:04:05.000Z"), Text("%Y"), Text("2026")]"#]],
    );
    check(
        "strftime('%Y', editors.name) = '2026'",
        expect![[r#"
         WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t5 LEFT JOIN json_each(t0.body,'$.editors') t3 ON 1 LEFT JOIN "r_r_users" t4 ON t4.id=t3.value WHERE NOT (strftime(?,iif(t4.id IS NULL,NULL,coalesce(json_extract(t4.body,'$.name'),''))) IS NULL) AND strftime(?,iif(t4.id IS NULL,NULL,coalesce(json_extract(t4.body,'$.name'),''))) IS NOT ?))
         AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN json_each(t0.body,'$.editors') t1 ON 1 LEFT JOIN "r_r_users" t2 ON t2.id=t1.value WHERE strftime(?,iif(t2.id IS NULL,NULL,coalesce(json_extract(t2.body,'$.name'),'')))=?)
        [Text("%Y"), Text("%Y"), Text("2026"), Text("%Y"), Text("2026")]"#]],
    );
}
