//! A collection with a field of every kind, a record of it and a frame, for tests of the templates.

use std::collections::HashMap;
use std::sync::Arc;

use maud::Markup;
use records::core::catalog::Catalog;
use records::core::collection::{Collection, CollectionKind};
use records::core::field::{Field, FieldKind, FileOptions, TextOptions};
use serde_json::{Map, Value, json};

use crate::frame::{self, Frame, SideLink};
use crate::look::{Look, Theme};
use crate::words::Lang;

/// What must never reach a page as it is.
pub(crate) const HOSTILE: &str = "</textarea><script>alert('x')</script>\"'&";

/// `bills`: a field of every kind.
pub(crate) fn collection() -> Arc<Collection> {
    let text = || FieldKind::Text(TextOptions::default());
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let fields = vec![
        Field::new("id", FieldKind::Text(TextOptions { is_primary: true, ..Default::default() })).system(),
        Field::new("title", text()).required(),
        Field::new("summary", FieldKind::Editor { max_bytes: 0, converts_urls: false }),
        Field::new("number", FieldKind::Number { min: Some(0.0), max: None, is_whole: true }),
        Field::new("passed", FieldKind::Bool),
        Field::new("contact", FieldKind::Email { except_domains: vec![], only_domains: vec![] }),
        Field::new("source", FieldKind::Url { except_domains: vec![], only_domains: vec![] }),
        Field::new("proposed", FieldKind::Date { min: String::new(), max: String::new() }),
        Field::new("state", FieldKind::Select { values: words(&["접수", "심사", "가결"]), max: 1 }),
        Field::new("topics", FieldKind::Select { values: words(&["환경", "교육", "복지"]), max: 3 }),
        Field::new("picture", FieldKind::File(FileOptions::default())),
        Field::new("papers", FieldKind::File(FileOptions { max: 5, ..Default::default() })),
        Field::new(
            "author",
            FieldKind::Relation { collection: "people".into(), cascades: false, min: 0, max: 1 },
        ),
        Field::new("extra", FieldKind::Json { max_bytes: 0 }),
        Field::new("place", FieldKind::GeoPoint),
        Field::new("created", FieldKind::Autodate { on_create: true, on_update: false }),
        Field::new("updated", FieldKind::Autodate { on_create: true, on_update: true }),
    ];
    Arc::new(Collection::new("bills00000000aa", "bills", CollectionKind::Base, fields))
}

/// It and the collection that its relation leads to.
pub(crate) fn catalog() -> Arc<Catalog> {
    let people = Collection::new("people", "people", CollectionKind::Base, Vec::new());
    Arc::new(Catalog::new(vec![collection(), Arc::new(people)]))
}

/// A record of it, titled as wanted.
pub(crate) fn record(title: &str) -> Map<String, Value> {
    let record = json!({
        "collectionId": "bills00000000aa", "collectionName": "bills", "id": "k3x9a0b1c2d3e4f", "title": title,
        "summary": "<p>난방비를 <b>함께</b> 나누는 법</p>", "number": 2104, "passed": true,
        "contact": "lee@assembly.example", "source": "https://example.org/2104",
        "proposed": "2026-11-20 03:04:05.000Z", "state": "심사", "topics": ["환경", "복지"],
        "picture": "floor_a1b2c3.png", "papers": ["draft.pdf", "table.csv"], "author": "p1",
        "extra": {"stage": 2, "tags": ["a"]}, "place": {"lon": 126.978, "lat": 37.5665},
        "created": "2026-11-20 03:04:05.678Z", "updated": "2026-11-22 10:00:00.000Z",
        "expand": {"author": {"id": "p1", "collectionName": "people", "name": "이하늘"}},
    });
    match record {
        Value::Object(map) => map,
        _ => HashMap::<String, Value>::new().into_iter().collect(),
    }
}

/// The frame around it.
pub(crate) fn frame(look: Look) -> Frame {
    let link = |name: &str, is_auth, is_system| SideLink { name: name.into(), is_auth, is_system };
    Frame {
        look,
        email: "warm@ondol.example".into(),
        links: vec![
            link("bills", false, false),
            link("people", false, false),
            link("users", true, false),
            link("_superusers", true, true),
        ],
        has_balancers: true,
        has_hosts: true,
        path: "/_/collections/bills".into(),
        said: None,
    }
}

/// A page in the frame in each language and theme, looked over: see [`look_over`].
pub(crate) fn inside(name: &str, content: impl Fn(Look) -> Markup) -> Vec<(String, Look)> {
    every(name, |look| frame::page(&frame(look), name, Some("bills"), &content(look)))
}

/// A whole document in each language and theme, looked over.
pub(crate) fn every(name: &str, page: impl Fn(Look) -> Markup) -> Vec<(String, Look)> {
    let looks =
        Lang::ALL.into_iter().flat_map(|lang| [Theme::Light, Theme::Dark].map(|theme| Look { lang, theme }));
    let pages = looks.map(|look| (page(look).into_string(), look));
    pages.inspect(|(page, look)| look_over(name, page, *look)).collect()
}

/// What holds for every page: its language is said, nothing hostile or inline is in it, ids are unique, and labels and
/// descriptions lead somewhere.
fn look_over(name: &str, page: &str, look: Look) {
    assert!(page.contains(&format!(
        "<html lang=\"{}\" data-theme=\"{}\">",
        look.lang.code(),
        look.theme.code()
    )));
    assert!(!page.contains("<script>") && !page.contains("<style") && !page.contains(" style="), "{name}");
    let ids = values(page, " id=\"");
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{name}: the id {id} comes twice");
    }
    for to in values(page, " for=\"").iter().chain(&values(page, " aria-describedby=\"")) {
        for to in to.split(' ') {
            assert!(ids.contains(&to), "{name}: nothing has the id {to}");
        }
    }
}

fn values<'a>(page: &'a str, before: &str) -> Vec<&'a str> {
    page.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}
