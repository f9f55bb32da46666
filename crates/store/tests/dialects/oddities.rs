//! Values that do not fit: of another type, too large, with U+0000, and what is refused.

use super::*;

#[tokio::test]
async fn nothing_equals_a_text_with_u0000() {
    let mut world = world().await;
    for hostile in ["\0", "Hello\0", "a\0b", "'); DROP TABLE r_posts; --", "\u{1}", "$1", "?"] {
        for how in ALL {
            world.same(&where_(compare(title(), how, text(hostile)))).await;
            world.same(&where_(compare(meta(), how, text(hostile)))).await;
        }
        assert_eq!(world.same(&where_(equal(path("meta", &[hostile]), real(1.0)))).await, "");
    }
}

/// What such a row counts as is in docs/engines.md; what matters here is that it doesn't stop others from being found.
#[tokio::test]
async fn a_value_of_another_type_is_no_error() {
    let mut world = world().await;
    for (at, odd) in
        ["null", "true", "12", "-1e99", "\"x\"", "\"12\"", "[]", "[1,[2]]", "{\"a\":1}"].iter().enumerate()
    {
        let body = format!(
            "{{\"title\":{odd},\"room\":{odd},\"done\":{odd},\"author\":{odd},\"tags\":{odd},\"meta\":{odd},\"at\":{odd},\
             \"spot\":{{\"lon\":{odd},\"lat\":{odd}}}}}"
        );
        world.insert("posts", &format!("q{at}"), &body).await;
    }
    world.same(&where_(equal(title(), text("Hello")))).await;
    world.same(&where_(equal(title(), text("x")))).await;
    world.same(&where_(equal(room(), real(1.0)))).await;
    world.same(&where_(equal(room(), real(12.0)))).await;
    for how in ALL {
        for other in
            [real(12.0), text("12"), text("x"), text("[1,[2]]"), text("{\"a\":1}"), path("meta", &["1", "0"])]
        {
            world.same(&where_(compare(meta(), how, other))).await;
        }
    }
    let each = |filter| Select { joins: vec![tags_join(THIRD)], ..where_(filter) };
    world.same(&each(equal(Expr::Column(THIRD, Column::Element), real(12.0)))).await;
    let far = Expr::Call(
        Func::GeoDistance,
        vec![path("spot", &["lon"]), path("spot", &["lat"]), real(1.0), real(1.0)],
    );
    world.same(&where_(compare(far, Compare::Gt, real(100.0)))).await;
    for of in [
        title(),
        room(),
        field(MAIN, "done", Scalar::Bool),
        field(MAIN, "author", Scalar::One),
        field(MAIN, "at", Scalar::Text),
    ] {
        let year = Expr::Call(Func::Strftime, vec![text("%Y"), of.clone()]);
        for asked in [compare(year, Compare::Ge, text("2")), compare(of.clone(), Compare::Gt, meta())] {
            let asked = Select { order: vec![by(of.clone(), true)], ..where_(asked) };
            for answer in world.ask(&asked).await {
                answer.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn numbers_beyond_what_an_engine_holds_are_no_error() {
    let mut world = world().await;
    let long = format!("1{}", "0".repeat(400));
    for (at, number) in
        ["1e400", "-1e999999999", "1e-400", "123e307", &long, "4.9e-324", "1.7e308"].iter().enumerate()
    {
        world
            .insert("posts", &format!("q{at}"), &format!("{{\"meta\":[{number}],\"tags\":[{number}]}}"))
            .await;
    }
    for how in ALL {
        world.same(&where_(compare(path("meta", &["0"]), how, real(5.0)))).await;
    }
    let asked = Select {
        joins: vec![tags_join(THIRD)],
        order: vec![by(Expr::Column(THIRD, Column::Element), true)],
        ..where_(compare(Expr::Column(THIRD, Column::Element), Compare::Like, text("%9%")))
    };
    for answer in world.ask(&asked).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn what_no_engine_says_alike_is_refused() {
    let mut world = world().await;
    for arguments in [
        vec!["%J", "2026-01-01"],
        vec!["%Y", "2026-01-01", "ceiling"],
        vec!["%Y", "2026-01-01", "+9999999999 days"],
    ] {
        let said = Expr::Call(Func::Strftime, arguments.into_iter().map(text).collect());
        let [_, postgres, mariadb] = world.ask(&where_(equal(said, text("2026")))).await;
        assert_eq!(postgres, mariadb);
        assert!(postgres.unwrap_err().to_string().ends_with("can't be asked of this database engine"));
    }
}
