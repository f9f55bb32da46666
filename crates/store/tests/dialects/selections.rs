//! Orders and pages, joined rows, lists, first and given rows, and questions made by chance.

use super::*;

/// Questions made by chance; more of them have been asked.
const SEEDS: u64 = 300;

#[tokio::test]
async fn orders_and_pages_come_alike() {
    let mut world = world().await;
    let terms = [
        title(),
        room(),
        meta(),
        path("meta", &["a"]),
        field(MAIN, "tags", Scalar::List),
        Expr::Column(MAIN, Column::Id),
        Expr::Column(MAIN, Column::Rowid),
        field(OTHER, "name", Scalar::Text),
        field(OTHER, "age", Scalar::Number),
        Expr::Column(THIRD, Column::Element),
        Expr::Call(Func::Lower, vec![title()]),
        Expr::Column(OTHER, Column::Id),
    ];
    for first in &terms {
        for descending in [false, true] {
            let asked = Select {
                joins: vec![author_join(), tags_join(THIRD)],
                order: vec![by(first.clone(), descending)],
                ..posts()
            };
            world.same(&asked).await;
            let two = Select {
                order: vec![by(room(), !descending), by(first.clone(), descending)],
                ..asked.clone()
            };
            world.same(&two).await;
            for (limit, offset) in [(Some(3), 0), (Some(4), 5), (None, 7), (Some(0), 0)] {
                world.same(&Select { limit, offset, ..asked.clone() }).await;
            }
        }
    }
    for (limit, offset) in [(Some(3), 0), (Some(4), 5), (None, 7)] {
        world.same(&Select { limit, offset, ..posts() }).await;
    }
}

#[tokio::test]
async fn joined_rows_are_found_alike() {
    let mut world = world().await;
    let (age, name) = (field(OTHER, "age", Scalar::Number), field(OTHER, "name", Scalar::Text));
    let element = || Expr::Column(THIRD, Column::Element);
    let conditions = [
        equal(age.clone(), real(0.0)),
        compare(age.clone(), Compare::Ne, real(0.0)),
        compare(age.clone(), Compare::Lt, real(5.0)),
        equal(age.clone(), Expr::Value(Value::Null)),
        not(compare(age, Compare::Gt, real(0.0))),
        equal(name.clone(), element()),
        compare(element(), Compare::Ge, text("a")),
        equal(element(), text("a")),
        compare(element(), Compare::Like, text("%É%")),
        Expr::IsNull(Box::new(element())),
        compare(element(), Compare::Ne, text("b")),
        compare(name, Compare::Ne, title()),
        equal(field(OTHER, "team", Scalar::One), text("red")),
    ];
    for (at, one) in conditions.iter().enumerate() {
        let with = |filter| Select { joins: vec![author_join(), tags_join(THIRD)], ..where_(filter) };
        world.same(&with(one.clone())).await;
        for other in &conditions[at..] {
            world.same(&with(Expr::And(vec![one.clone(), other.clone()]))).await;
            world.same(&with(Expr::Or(vec![one.clone(), not(other.clone())]))).await;
        }
        let every = Expr::Not(Box::new(Expr::Exists(Box::new(Select {
            joins: vec![author_join(), tags_join(THIRD)],
            alias: Alias(9),
            filter: Some(not(one.clone())),
            ..Select::all(Source::Nothing)
        }))));
        world.same(&where_(every)).await;
    }
    let members = Join { alias: OTHER, source: Source::Table(Table::new("members")), on: Expr::And(vec![]) };
    let both = Expr::And(vec![
        equal(field(OTHER, "user", Scalar::Text), text("kim")),
        equal(field(OTHER, "room", Scalar::Number), room()),
    ]);
    assert_eq!(world.same(&Select { joins: vec![members], ..where_(both) }).await, "p01 p05 p08");
}

#[tokio::test]
async fn lists_first_rows_and_given_rows_are_read_alike() {
    let mut world = world().await;
    let given = Join {
        alias: OTHER,
        source: Source::Each(text("[1,\"kim\",null,{\"a\":1},\"한\"]")),
        on: Expr::And(vec![]),
    };
    let user = Join {
        alias: THIRD,
        source: Source::Table(Table::new("users")),
        on: equal(Expr::Column(THIRD, Column::Id), Expr::Column(OTHER, Column::Element)),
    };
    let asked =
        Select { joins: vec![given, user], ..where_(equal(field(THIRD, "name", Scalar::Text), text("Kim"))) };
    assert_eq!(world.same(&asked).await.split(' ').count(), 12);
    for (scalar, descending) in
        [(Scalar::Text, true), (Scalar::Number, false), (Scalar::Json, true), (Scalar::Json, false)]
    {
        let first = Expr::First(
            Box::new(Select {
                alias: OTHER,
                filter: Some(equal(field(OTHER, "user", Scalar::Text), field(MAIN, "author", Scalar::One))),
                order: vec![by(field(OTHER, "level", scalar), descending)],
                ..Select::all(Source::Table(Table::new("members")))
            }),
            Box::new(field(OTHER, "room", if scalar == Scalar::Json { scalar } else { Scalar::Number })),
        );
        world.same(&where_(equal(first.clone(), room()))).await;
        world.same(&where_(compare(first.clone(), Compare::Lt, meta()))).await;
        world.same(&Select { order: vec![by(first, descending)], ..posts() }).await;
    }
    for (_, id, body) in ROWS.iter().filter(|(table, _, _)| *table == "posts") {
        let row = Arc::new(Row { id: (*id).into(), rev: 7, shape: 1, body: (*body).into() });
        let asked = |filter| Select {
            joins: vec![author_join(), tags_join(THIRD)],
            filter: Some(filter),
            ..Select::all(Source::Given(Arc::clone(&row)))
        };
        world.same(&asked(equal(field(OTHER, "name", Scalar::Text), text("Kim")))).await;
        world.same(&asked(equal(Expr::Column(THIRD, Column::Element), text("a")))).await;
        world.same(&asked(compare(room(), Compare::Gt, real(1.0)))).await;
        world.same(&asked(equal(Expr::Column(MAIN, Column::Rev), Expr::Value(Value::Int(7))))).await;
    }
}

#[tokio::test]
async fn questions_made_by_chance_are_answered_alike() {
    let mut world = world().await;
    for seed in 1..=SEEDS {
        world.same(&generator::Generator::new(seed).select()).await;
    }
}
