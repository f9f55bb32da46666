//! What is refused, and in which words.

use expect_test::expect;

use super::*;

#[test]
fn clients_see_only_what_they_may_list() {
    check_client(
        "author.email = 'x'",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM "r_r_users" t1 WHERE coalesce(json_extract(t1.body,'$.email'),'')=? AND coalesce(json_extract(t1.body,'$.emailVisibility'),0)=1 AND t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END)
            [Text("x")]"#]],
    );
    check_client(
        "author.team.name = 'x'",
        expect![[r#"
             WHERE EXISTS (SELECT 1 FROM "r_r_users" t1 JOIN "r_r_teams" t2 ON t2.id=CASE json_type(t1.body,'$.team') WHEN 'array' THEN coalesce(json_extract(t1.body,'$.team[#-1]'),'') ELSE coalesce(json_extract(t1.body,'$.team'),'') END WHERE coalesce(json_extract(t2.body,'$.name'),'')=? AND (0 OR CASE json_type(t2.body,'$.owner') WHEN 'array' THEN coalesce(json_extract(t2.body,'$.owner[#-1]'),'') ELSE coalesce(json_extract(t2.body,'$.owner'),'') END=?) AND t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END)
            [Text("x"), Text("kim")]"#]],
    );
    check_client("secret = 'x'", expect![[r#"unknown field "secret" at 1"#]]);
    check_client("author.tokenKey ~ 'x'", expect![[r#"unknown field "tokenKey" at 1"#]]);
    check_client(
        "author.members_via_user.team = 'x'",
        expect![[r#"only superusers may list what "members_via_user" leads to, at 1"#]],
    );
    check_client(
        "@collection.members.team ?= 'x'",
        expect![[r#"only superusers may use "@collection" in a filter or a sort, as at 1"#]],
    );
    check_client(
        "@collection.nothing.team ?= 'x'",
        expect![[r#"only superusers may use "@collection" in a filter or a sort, as at 1"#]],
    );
    check_client(
        "@request.auth.tokenKey ~ 'x'",
        expect![[r#"only superusers may use "@request" in a filter or a sort, as at 1"#]],
    );
    check(
        "secret = @request.auth.tokenKey",
        expect![[r#"
         WHERE coalesce(json_extract(t0.body,'$.secret'),'')=''
        []"#]],
    );
}

#[test]
fn faults_say_what_where_and_what_next() {
    for (filter, expected) in [
        ("tilte = 1", expect![[r#"unknown field "tilte" at 1; did you mean "title"?"#]]),
        ("title = 1 && 한글", expect!["unexpected character '한' at 14; texts stand in quotes"]),
        ("secrte = 1", expect![[r#"unknown field "secrte" at 1"#]]),
        ("title.x = 1", expect![[r#""title" is no relation, so that "x" can't be read of it, at 1"#]]),
        ("title:each = 1", expect![[r#""title" holds no list, so that "title:each" can't be asked, at 1"#]]),
        (
            "title:isset = 1",
            expect![[
                r#"a wrong modifier behind "title" at 1; :isset and :changed ask about @request.* only"#
            ]],
        ),
        (
            "title:nope = 1",
            expect![[r#"unknown modifier ":nope" at 1; use one of :isset :changed :length :each :lower"#]],
        ),
    ] {
        check_client(filter, expected);
    }
}

#[test]
fn faults_of_special_names_say_what_there_is() {
    for (filter, expected) in [
        (
            "@nope = 1",
            expect![[
                r#"unknown name "@nope" at 1; names with "@" are @request.*, @collection.* and moments such as @now"#
            ]],
        ),
        (
            "@request.nope = 1",
            expect![[
                r#"unknown name "@request.nope" at 1; known are @request.context, .method, .auth.*, .query.*, .headers.* and .body.*"#
            ]],
        ),
        (
            "@request.query.page:each = 1",
            expect![[
                r#"a wrong modifier behind "page" at 1; :changed, :each and :length need a field of the collection"#
            ]],
        ),
        (
            "@request.body.room:each = 1",
            expect![[r#""room" holds no list, as is needed for :each and :length, at 1"#]],
        ),
        (
            "@collection.posts = 1",
            expect![[r#"an incomplete name "@collection.posts" at 1; name a field: @collection.name.field"#]],
        ),
        (
            "nope() = 1",
            expect![[
                r#"unknown function "nope" at 1; there are geoDistance(lon, lat, lon, lat) and strftime(format, date, …)"#
            ]],
        ),
        (
            "geoDistance(1) = 1",
            expect!["geoDistance with 1 arguments at 1; it takes longitude, latitude, longitude, latitude"],
        ),
        (
            "geoDistance(1,2,3,'4') = 1",
            expect!["a text as an argument of geoDistance at 19; use a number or a field"],
        ),
        (
            "strftime(title) = 1",
            expect!["strftime without a format at 1; its first argument is a format in quotes"],
        ),
        ("meta.a:lower = 1", expect![[r#"a modifier inside JSON ("a:lower") at 1"#]]),
        ("author.team.members_via_team.x = 1", expect![[r#"unknown field "members_via_team" at 1"#]]),
        (
            "author.posts_via_author.author.posts_via_author.author.posts_via_author.author.name = 1",
            expect!["more than 4 joined sources are needed at 1; ask for fewer relations"],
        ),
        (
            "author.posts_via_editors.editors.name = 1",
            expect![[r#"
                 WHERE NOT (EXISTS (SELECT 1 FROM (SELECT 1) t11 LEFT JOIN "r_r_users" t6 ON t6.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_posts" t7 ON EXISTS (SELECT 1 FROM json_each(t7.body,'$.editors') t8 WHERE t8.value IS t6.id) LEFT JOIN json_each(t7.body,'$.editors') t9 ON 1 LEFT JOIN "r_r_users" t10 ON t10.id=t9.value WHERE NOT (iif(t10.id IS NULL,NULL,coalesce(json_extract(t10.body,'$.name'),'')) IS NULL) AND iif(t10.id IS NULL,NULL,coalesce(json_extract(t10.body,'$.name'),'')) IS NOT ?))
                 AND EXISTS (SELECT 1 FROM (SELECT 1) LEFT JOIN "r_r_users" t1 ON t1.id=CASE json_type(t0.body,'$.author') WHEN 'array' THEN coalesce(json_extract(t0.body,'$.author[#-1]'),'') ELSE coalesce(json_extract(t0.body,'$.author'),'') END LEFT JOIN "r_r_posts" t2 ON EXISTS (SELECT 1 FROM json_each(t2.body,'$.editors') t3 WHERE t3.value IS t1.id) JOIN json_each(t2.body,'$.editors') t4 ON 1 JOIN "r_r_users" t5 ON t5.id=t4.value WHERE coalesce(json_extract(t5.body,'$.name'),'')=?)
                [Text("1.0"), Text("1.0")]"#]],
        ),
        (" // nothing", expect!["nothing but blanks or comments at 1"]),
    ] {
        check(filter, expected);
    }
    check_client(&format!("title = '{}'", "x".repeat(3500)), expect!["the filter is longer than 3500 bytes"]);
}

#[test]
fn rules_are_checked_when_they_are_saved() {
    let catalog = catalog();
    let posts = catalog.find("posts").unwrap();
    let limits = Limits::default();
    let check = |rule: &str| check_rule(&catalog, posts, rule, &limits).map_err(|fault| fault.message);
    for rule in [
        "",
        "@request.auth.id != '' && author = @request.auth.id",
        "@request.auth.anything.at.all = 1",
        "@request.body.title:changed = false && @request.body.author.team.name = 'x'",
        "secret = 'x' && @collection.members.team ?= title",
    ] {
        assert_eq!(check(rule), Ok(()), "{rule}");
    }
    expect![[r#"Err("a wrong modifier behind \"nope\" at 1; :changed, :each and :length need a field of the collection")"#]].assert_eq(&format!("{:?}", check("@request.body.nope:changed = false")));
    expect![[r#"Err("unknown field \"autor\" at 1; did you mean \"author\"?")"#]]
        .assert_eq(&format!("{:?}", check("autor = 1")));
    expect![[r#"Err("more than 32 nested parentheses at 33")"#]]
        .assert_eq(&format!("{:?}", check(&"(".repeat(1 << 20))));
}
