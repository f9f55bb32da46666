//! A value of a record in the grid, short and by the kind of its field.

use maud::{Markup, html};
use records::core::catalog::Catalog;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};

use crate::address;
use crate::icon::Icon;
use crate::look::Look;
use crate::page::collections::moment;

/// Characters of a text that a cell holds.
const TEXT_MAX: usize = 80;
/// Items of a list that a cell holds.
const ITEMS_MAX: usize = 3;

/// What a cell may need besides its value.
pub(crate) struct Cells<'a> {
    /// Language and theme.
    pub(crate) look: Look,
    /// All collections, for what related records are called.
    pub(crate) catalog: &'a Catalog,
    /// The collection's name.
    pub(crate) collection: &'a str,
    /// A token for protected files; may be empty.
    pub(crate) file_token: &'a str,
}

impl Cells<'_> {
    /// The cell of a field of a record.
    pub(crate) fn draw(&self, field: &Field, record: &Map<String, Value>) -> Markup {
        let value = record.get(&field.name).unwrap_or(&Value::Null);
        match &field.kind {
            FieldKind::Bool => self.yes_or_no(value == &Value::Bool(true)),
            _ if is_empty(value) => html! { span.none aria-label=(self.look.words().empty) { "–" } },
            FieldKind::Date { .. } | FieldKind::Autodate { .. } => moment(value.as_str().unwrap_or_default()),
            FieldKind::Select { .. } => chips(&list(value)),
            FieldKind::File(_) => self.files(record, &list(value)),
            FieldKind::Relation { .. } => self.related(field, record, &list(value)),
            FieldKind::Editor { .. } => text(&without_tags(value.as_str().unwrap_or_default())),
            FieldKind::Email { .. } | FieldKind::Url { .. } | FieldKind::Text(_) => {
                text(value.as_str().unwrap_or_default())
            }
            FieldKind::GeoPoint => html! { span.mono { (point(value)) } },
            _ => html! { span.mono { (short(&value.to_string())) } },
        }
    }

    /// The cell that leads to the record; the id where there is nothing else to call it.
    pub(crate) fn lead(&self, field: &Field, record: &Map<String, Value>) -> Markup {
        let value = record.get(&field.name).unwrap_or(&Value::Null);
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
        match value {
            Value::String(whole) if !whole.trim().is_empty() => text(whole),
            _ => html! { span.mono { (id) } },
        }
    }

    fn yes_or_no(&self, is: bool) -> Markup {
        let words = self.look.words();
        html! { span { span.dot.on[is] {} (if is { words.yes } else { words.no }) } }
    }

    fn files(&self, record: &Map<String, Value>, names: &[&str]) -> Markup {
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
        html! {
            span {
                @for name in names.iter().take(ITEMS_MAX) {
                    @if is_picture(name) {
                        img.thumb src=(address::file(self.collection, id, name, "100x100", self.file_token)) alt=(name)
                            width="36" height="36" loading="lazy";
                    } @else {
                        span.chip title=(name) { (Icon::File.draw()) " " (name) }
                    }
                }
                (self.rest(names.len()))
            }
        }
    }

    /// Related records, by the name that they show where the reply holds them.
    fn related(&self, field: &Field, record: &Map<String, Value>, ids: &[&str]) -> Markup {
        let expanded = record.get("expand").and_then(|e| e.get(&field.name));
        html! {
            span {
                @for id in ids.iter().take(ITEMS_MAX) {
                    @let found = expanded.and_then(|e| find(e, id));
                    @match found {
                        Some(other) => {
                            @let of = other.get("collectionName").and_then(Value::as_str).unwrap_or_default();
                            a.chip href=(address::record(of, id)) title=(id) { (self.title(of, other, id)) }
                        },
                        None => span.chip title=(self.look.words().gone_related) { (id) },
                    }
                }
                (self.rest(ids.len()))
            }
        }
    }

    fn title(&self, collection: &str, record: &Value, id: &str) -> String {
        match (self.catalog.find(collection), record.as_object()) {
            (Some(collection), Some(record)) => title(collection, record, id),
            _ => id.to_owned(),
        }
    }

    fn rest(&self, count: usize) -> Markup {
        html! { @if count > ITEMS_MAX { " " span.soft.small { (self.look.lang.more(count - ITEMS_MAX)) } } }
    }
}

/// Whether a picture of a file can be shown small.
pub(crate) fn is_picture(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*ending, "png" | "jpg" | "jpeg" | "gif" | "webp")
}

/// Names of fields that usually say what a record is called.
const TELLING: [&str; 7] = ["name", "title", "subject", "label", "username", "email", "slug"];

/// What a record is called where it is named: its presentable fields, else the first telling text, else its id.
pub(crate) fn title(collection: &Collection, record: &Map<String, Value>, id: &str) -> String {
    let text =
        |key: &str| record.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let presentable = collection.fields.iter().filter(|field| field.is_presentable);
    let named: Vec<&str> = presentable.filter_map(|field| text(&field.name)).collect();
    if !named.is_empty() {
        return short(&named.join(" · "));
    }
    short(TELLING.into_iter().find_map(text).unwrap_or(id))
}

/// How well a field says what a record is called: the less, the better; `None` when it is no plain text.
pub(crate) fn tells(field: &Field) -> Option<usize> {
    let is_text = matches!(&field.kind, FieldKind::Text(_) | FieldKind::Email { .. }) && !field.is_id();
    let place =
        TELLING.iter().position(|name| *name == field.name).map_or(TELLING.len() + 1, |place| place + 1);
    is_text.then_some(if field.is_presentable { 0 } else { place })
}

/// A value that is one text or a list of them.
pub(crate) fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) if !one.is_empty() => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn find<'a>(expanded: &'a Value, id: &str) -> Option<&'a Value> {
    let is_it = |record: &&Value| record.get("id").and_then(Value::as_str) == Some(id);
    match expanded {
        Value::Array(many) => many.iter().find(is_it),
        one => Some(one).filter(is_it),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn chips(values: &[&str]) -> Markup {
    html! { span { @for value in values { span.chip { (value) } " " } } }
}

fn text(whole: &str) -> Markup {
    html! { span { (short(whole)) } }
}

fn point(value: &Value) -> String {
    let number = |key: &str| value.get(key).and_then(Value::as_f64).unwrap_or_default();
    format!("{:.4}, {:.4}", number("lat"), number("lon"))
}

/// The beginning of a text on one line.
pub(crate) fn short(whole: &str) -> String {
    let mut out = String::new();
    for (count, c) in whole.chars().enumerate() {
        if count == TEXT_MAX {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// A text without its tags, for a glance at HTML. What is left is escaped like any text.
fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut is_tag = false;
    for c in html.chars().take(TEXT_MAX * 8) {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                out.push(' ');
            }
            c if !is_tag => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    #[test]
    fn a_glance_at_html_shows_its_words() {
        assert_eq!(without_tags("<p>따뜻한 <b>온돌</b></p><script>x"), "따뜻한 온돌 x");
    }

    #[test]
    fn a_record_is_named_by_what_is_presentable_else_by_its_first_telling_text() {
        let mut collection = Collection::clone(&sample::collection());
        let record = json!({"id": "a", "name": " ", "title": "온돌", "contact": "a@b.example"});
        let record = record.as_object().expect("an object");
        assert_eq!(title(&collection, record, "a"), "온돌");
        assert_eq!(title(&collection, &Map::new(), "a"), "a");
        collection.fields[5].is_presentable = true;
        assert_eq!(title(&collection, record, "a"), "a@b.example");
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(short(&"가".repeat(100)).chars().count(), TEXT_MAX + 1);
    }
}
