//! One question, one answer: what SQLite finds, PostgreSQL and MariaDB find too.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::sync::Arc;

use store::query::{Alias, Column, Compare, Expr, Func, Join, MAIN, Order, Scalar, Select, Source, Value};
use store::{Row, Table};

#[path = "dialects/generator.rs"]
mod generator;
#[path = "dialects/indexes.rs"]
mod indexes;
#[path = "dialects/oddities.rs"]
mod oddities;
#[path = "dialects/selections.rs"]
mod selections;
#[path = "dialects/world.rs"]
mod world;

use world::{Rows, World};

const TABLES: [&str; 3] = ["posts", "users", "members"];

/// Bodies as they are stored: fields may lack; single choices and lists may have the form of an older row.
const ROWS: Rows = &[
    (
        "posts",
        "p01",
        r#"{"title":"Hello","room":1,"done":true,"author":"kim","tags":["a","b"],"meta":{"a":1,"k":[{"x y":7}],"t":true,"n":null},"spot":{"lon":126.978,"lat":37.5665},"at":"2026-01-01 10:00:00.000Z"}"#,
    ),
    (
        "posts",
        "p02",
        r#"{"title":"hello world","room":2.5,"author":"lee","tags":["b"],"meta":{"a":"1","b":""},"spot":{"lon":129.0756,"lat":35.1796},"at":"2026-01-31 23:59:59.999Z"}"#,
    ),
    ("posts", "p03", "{}"),
    (
        "posts",
        "p04",
        r#"{"title":"50% off_now","room":-1.5,"done":true,"author":["old","park"],"tags":"a","meta":[1,"two",null],"at":"2025-12-31 23:59:59.999Z"}"#,
    ),
    (
        "posts",
        "p05",
        r#"{"title":"한글 제목","room":10,"author":"kim","tags":["c","a","한글"],"meta":"text","spot":{"lon":-0.1,"lat":51.5},"at":"2024-02-29 00:00:00.000Z"}"#,
    ),
    ("posts", "p06", r#"{"title":"5","room":5,"done":false,"author":"","tags":[],"meta":5,"at":""}"#),
    (
        "posts",
        "p07",
        r#"{"title":"back\\slash 'quote' \"double\"","room":1e20,"author":"nobody","tags":[""],"meta":{"a":{"b":[]},"q\"":1},"at":"no date"}"#,
    ),
    (
        "posts",
        "p08",
        r#"{"title":"ÉCOLE école","room":1,"author":"lee","tags":["É","é"],"meta":true,"at":"2026-11-22T03:04:05+09:00"}"#,
    ),
    (
        "posts",
        "p09",
        r#"{"title":"😀 emoji","room":0.1,"author":"kim","tags":["😀"],"meta":null,"at":"2026-03-01"}"#,
    ),
    (
        "posts",
        "p10",
        r#"{"title":"hello ","room":-1e300,"author":[],"tags":["a "],"meta":"5","at":"2026-12-31 12:30"}"#,
    ),
    (
        "posts",
        "p11",
        r#"{"title":"a\tb\nc","room":9007199254740993,"tags":["x","x"],"meta":[[1],{"a":2}],"at":"2021-01-03 00:00:00.000Z"}"#,
    ),
    (
        "posts",
        "p12",
        r#"{"title":"HELLO","room":2.5,"author":"kim","meta":-0.5,"at":"2020-12-31 06:00:00.000Z"}"#,
    ),
    ("users", "kim", r#"{"name":"Kim","age":30,"team":"red"}"#),
    ("users", "lee", r#"{"name":"lee"}"#),
    ("users", "park", r#"{"name":"박","age":-1,"team":["blue","red"]}"#),
    ("members", "m1", r#"{"user":"kim","room":1,"level":3}"#),
    ("members", "m2", r#"{"user":"lee","room":2.5}"#),
    ("members", "m3", r#"{"user":"kim","room":10,"level":1}"#),
    ("members", "m4", r#"{"room":5}"#),
];

async fn world() -> World {
    World::new(&TABLES, ROWS).await
}

const OTHER: Alias = Alias(1);
const THIRD: Alias = Alias(2);

fn field(alias: Alias, key: &str, scalar: Scalar) -> Expr {
    Expr::Column(alias, Column::Field(Arc::from(key), scalar))
}

fn path(key: &str, steps: &[&str]) -> Expr {
    Expr::Column(MAIN, Column::Path(Arc::from(key), steps.iter().map(|step| Arc::from(*step)).collect()))
}

fn title() -> Expr {
    field(MAIN, "title", Scalar::Text)
}

fn room() -> Expr {
    field(MAIN, "room", Scalar::Number)
}

fn meta() -> Expr {
    field(MAIN, "meta", Scalar::Json)
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::Text(Arc::from(value)))
}

fn real(value: f64) -> Expr {
    Expr::Value(Value::Real(value))
}

fn compare(left: Expr, how: Compare, right: Expr) -> Expr {
    Expr::Compare(Box::new(left), how, Box::new(right))
}

fn equal(left: Expr, right: Expr) -> Expr {
    compare(left, Compare::Eq, right)
}

fn not(inner: Expr) -> Expr {
    Expr::Not(Box::new(inner))
}

fn posts() -> Select {
    Select::table(&Table::new("posts"))
}

fn where_(filter: Expr) -> Select {
    Select { filter: Some(filter), ..posts() }
}

fn author_join() -> Join {
    let on = equal(Expr::Column(OTHER, Column::Id), field(MAIN, "author", Scalar::One));
    Join { alias: OTHER, source: Source::Table(Table::new("users")), on }
}

fn tags_join(alias: Alias) -> Join {
    Join { alias, source: Source::Each(field(MAIN, "tags", Scalar::List)), on: Expr::And(vec![]) }
}

fn by(by: Expr, descending: bool) -> Order {
    Order { by, descending }
}

const ALL: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Gt, Compare::Ge, Compare::Lt, Compare::Le];

#[tokio::test]
async fn values_of_every_kind_compare_alike() {
    let mut world = world().await;
    let sides = [
        title(),
        room(),
        meta(),
        path("meta", &["a"]),
        path("meta", &["k", "0", "x y"]),
        path("meta", &["0"]),
        path("meta", &["a", "0"]),
        path("meta", &["01"]),
        path("meta", &["q\""]),
        path("meta", &["99999999999"]),
        field(MAIN, "done", Scalar::Bool),
        field(MAIN, "tags", Scalar::List),
        field(MAIN, "author", Scalar::One),
        Expr::Column(MAIN, Column::Id),
        Expr::Column(MAIN, Column::Rev),
        Expr::Value(Value::Null),
        text(""),
        text("5"),
        text("hello "),
        text("한"),
        text("[1,\"two\",null]"),
        text("1"),
        real(1.0),
        real(2.5),
        real(0.0),
        Expr::Value(Value::Int(1)),
        Expr::Value(Value::Bool(true)),
        Expr::Call(Func::Numeric, vec![room()]),
        Expr::Call(Func::Coalesce, vec![meta(), text("")]),
        Expr::Call(Func::Concat, vec![title(), meta()]),
        Expr::Call(Func::Concat, vec![room(), text("")]),
        Expr::Call(Func::Lower, vec![meta()]),
        Expr::Call(Func::ListLength, vec![field(MAIN, "tags", Scalar::List)]),
        Expr::IsNull(Box::new(meta())),
    ];
    for (at, left) in sides.iter().enumerate() {
        for right in &sides[at..] {
            for how in ALL {
                let asked = compare(left.clone(), how, right.clone());
                // what is false and what is NULL differ only here
                let asked = if how == Compare::Gt || how == Compare::Eq { not(asked) } else { asked };
                world.same(&where_(asked)).await;
            }
        }
    }
}

#[tokio::test]
async fn patterns_match_alike() {
    let mut world = world().await;
    let subjects =
        [title(), room(), meta(), field(MAIN, "tags", Scalar::List), Expr::Column(MAIN, Column::Id)];
    let patterns = [
        "hello%",
        "%HELLO",
        "%",
        "",
        "_",
        "%_off\\_now",
        "50\\%%",
        "%é%",
        "%É%",
        "%한글%",
        "😀%",
        "_ emoji",
        "%\\",
        "%\\\\%",
        "\\h%",
        "%'quote'%",
        "5",
        "1%",
        "%.5",
        "a%c",
        "p0_",
        "hello",
        "hello_",
        "%:1%",
    ];
    for subject in &subjects {
        for pattern in patterns {
            for how in [Compare::Like, Compare::NotLike] {
                world.same(&where_(compare(subject.clone(), how, text(pattern)))).await;
            }
        }
        for other in &subjects {
            let around = Expr::Call(Func::Concat, vec![text("%"), other.clone(), text("%")]);
            world.same(&where_(compare(subject.clone(), Compare::Like, around))).await;
            world.same(&where_(compare(subject.clone(), Compare::NotLike, other.clone()))).await;
        }
    }
}

#[tokio::test]
async fn dates_are_written_alike() {
    let mut world = world().await;
    let at = || field(MAIN, "at", Scalar::Text);
    let formats = [
        "%Y",
        "%m",
        "%d",
        "%H",
        "%M",
        "%S",
        "%f",
        "%j",
        "%w",
        "%W",
        "%U",
        "%s",
        "%%",
        "%Y-%m-%d",
        "%F %T",
        "%e",
        "%I",
        "%k",
        "%l",
        "%p",
        "%P",
        "%R",
        "%u",
        "%V",
        "%G",
        "%g",
        "%d%d",
        "no%%conv \"quoted\" \\ text",
        "%Q",
        "%",
        "",
        "%Y년 %m월",
    ];
    let modifiers: [&[&str]; 14] = [
        &[],
        &["+1 day"],
        &["-1 month"],
        &["+1 month"],
        &["+1 year"],
        &["start of month"],
        &["start of year", "-1 second"],
        &["start of day"],
        &["weekday 0"],
        &["weekday 3"],
        &["+36 hours"],
        &["-90 minutes"],
        &["utc"],
        &["+1.5 days", "localtime"],
    ];
    for format in formats {
        for modifiers in modifiers {
            let mut arguments = vec![text(format), at()];
            arguments.extend(modifiers.iter().map(|one| text(one)));
            let said = Expr::Call(Func::Strftime, arguments);
            world.same(&Select { order: vec![by(said.clone(), false)], ..posts() }).await;
            world.same(&where_(compare(said, Compare::Gt, text("2")))).await;
        }
    }
}

#[tokio::test]
async fn moments_and_distances_compute_alike() {
    let mut world = world().await;
    let seconds =
        Expr::Call(Func::Strftime, vec![text("%Y-%m-%d %H"), text("1735689600"), text("unixepoch")]);
    assert_eq!(world.same(&where_(equal(seconds, text("2025-01-01 00")))).await.split(' ').count(), 12);
    let years = Expr::Call(Func::Strftime, vec![text("%Y"), text("NOW")]);
    assert_eq!(world.same(&where_(compare(years, Compare::Ge, text("2025")))).await.split(' ').count(), 12);
    let (lon, lat) = (path("spot", &["lon"]), path("spot", &["lat"]));
    for km in [0.0, 1.0, 330.0, 8000.0, 20000.0] {
        let far = Expr::Call(Func::GeoDistance, vec![lon.clone(), lat.clone(), real(126.978), real(37.5665)]);
        world.same(&where_(compare(far.clone(), Compare::Lt, real(km)))).await;
        world.same(&where_(not(compare(far, Compare::Lt, real(km))))).await;
    }
    let random = Select { order: vec![by(Expr::Call(Func::Random, vec![]), false)], ..posts() };
    for answer in world.ask(&random).await {
        assert_eq!(answer.unwrap().count, 12);
    }
}
