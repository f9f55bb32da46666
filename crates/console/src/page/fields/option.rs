//! The options of each kind of field: how each is asked for, drawn and read back.

use maud::{Markup, html};
use serde_json::{Map, Number, Value, json};

use crate::form::Form;
use crate::look::Look;
use crate::words::Words;

/// How an option is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// One line.
    Text,
    /// A count; empty for 0, which means "the default".
    Count,
    /// A number; empty for none.
    Number,
    /// A box to tick.
    Tick,
    /// A list, one item a line.
    Lines,
    /// One of the collections.
    Collection,
}

/// An option of a kind of field.
pub(super) struct Choice {
    /// The wire's name.
    pub(super) key: &'static str,
    /// Its label.
    label: fn(&Words) -> &'static str,
    /// How it is asked for.
    ask: Ask,
}

const fn choice(key: &'static str, label: fn(&Words) -> &'static str, ask: Ask) -> Choice {
    Choice { key, label, ask }
}

const TEXT: &[Choice] = &[
    choice("min", |w| w.option_min_length, Ask::Count),
    choice("max", |w| w.option_max_length, Ask::Count),
    choice("pattern", |w| w.option_pattern, Ask::Text),
    choice("autogeneratePattern", |w| w.option_autogenerate, Ask::Text),
];
const EDITOR: &[Choice] = &[
    choice("maxSize", |w| w.option_max_bytes, Ask::Count),
    choice("convertURLs", |w| w.option_convert_urls, Ask::Tick),
];
const NUMBER: &[Choice] = &[
    choice("min", |w| w.option_min, Ask::Number),
    choice("max", |w| w.option_max, Ask::Number),
    choice("onlyInt", |w| w.option_whole, Ask::Tick),
];
const ADDRESS: &[Choice] = &[
    choice("onlyDomains", |w| w.option_only_domains, Ask::Lines),
    choice("exceptDomains", |w| w.option_except_domains, Ask::Lines),
];
const DATE: &[Choice] =
    &[choice("min", |w| w.option_earliest, Ask::Text), choice("max", |w| w.option_latest, Ask::Text)];
const AUTODATE: &[Choice] = &[
    choice("onCreate", |w| w.option_on_create, Ask::Tick),
    choice("onUpdate", |w| w.option_on_update, Ask::Tick),
];
const SELECT: &[Choice] = &[
    choice("values", |w| w.option_values, Ask::Lines),
    choice("maxSelect", |w| w.option_max_select, Ask::Count),
];
const FILE: &[Choice] = &[
    choice("maxSelect", |w| w.option_max_select, Ask::Count),
    choice("maxSize", |w| w.option_max_bytes, Ask::Count),
    choice("mimeTypes", |w| w.option_mime_types, Ask::Lines),
    choice("thumbs", |w| w.option_thumbs, Ask::Lines),
    choice("protected", |w| w.option_protected, Ask::Tick),
];
const RELATION: &[Choice] = &[
    choice("collectionId", |w| w.option_collection, Ask::Collection),
    choice("minSelect", |w| w.option_min_select, Ask::Count),
    choice("maxSelect", |w| w.option_max_select, Ask::Count),
    choice("cascadeDelete", |w| w.option_cascade, Ask::Tick),
];
const JSON: &[Choice] = &[choice("maxSize", |w| w.option_max_bytes, Ask::Count)];
const PASSWORD: &[Choice] = &[
    choice("min", |w| w.option_min_length, Ask::Count),
    choice("max", |w| w.option_max_length, Ask::Count),
    choice("pattern", |w| w.option_pattern, Ask::Text),
];

/// The options of a kind, by the wire's name of the kind.
pub(super) fn of(kind: &str) -> &'static [Choice] {
    match kind {
        "text" => TEXT,
        "editor" => EDITOR,
        "number" => NUMBER,
        "email" | "url" => ADDRESS,
        "date" => DATE,
        "autodate" => AUTODATE,
        "select" => SELECT,
        "file" => FILE,
        "relation" => RELATION,
        "json" => JSON,
        "password" => PASSWORD,
        _ => &[],
    }
}

impl Choice {
    /// Reads it from a form.
    pub(super) fn read(&self, form: &Form, name: &str) -> Value {
        let text = form.get(name).trim();
        match self.ask {
            Ask::Text | Ask::Collection => json!(text),
            Ask::Count => text
                .parse::<u64>()
                .map_or_else(|_| if text.is_empty() { json!(0) } else { json!(text) }, Value::from),
            Ask::Number => text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
            Ask::Tick => json!(form.has(name)),
            Ask::Lines => {
                let items = text.split(['\n', ',']).map(str::trim).filter(|item| !item.is_empty());
                items.map(str::to_owned).collect::<Vec<_>>().into()
            }
        }
    }

    /// Its control. `targets` are the collections that a relation may lead to, by id and name.
    pub(super) fn draw(
        &self,
        look: Look,
        wire: &Map<String, Value>,
        name: &str,
        targets: &[(String, String)],
    ) -> Markup {
        let (label, value) = ((self.label)(look.words()), wire.get(self.key).unwrap_or(&Value::Null));
        let id = name.replace('.', "-");
        match self.ask {
            Ask::Tick => tick(name, label, value == &Value::Bool(true)),
            Ask::Collection => html! {
                div.field {
                    label for=(id) { (label) }
                    select id=(id) name=(name) {
                        @for (target, title) in targets {
                            option value=(target) selected[value.as_str() == Some(target)] { (title) }
                        }
                    }
                }
            },
            Ask::Lines => html! {
                div.field {
                    label for=(id) { (label) }
                    textarea id=(id) name=(name) rows="3" spellcheck="false" { "\n" (lines(value)) }
                }
            },
            Ask::Text | Ask::Count | Ask::Number => html! {
                div.field {
                    label for=(id) { (label) }
                    input id=(id) name=(name) value=(text(value)) autocomplete="off" spellcheck="false"
                        inputmode=[(self.ask != Ask::Text).then_some("decimal")]
                        placeholder=[(self.ask == Ask::Count).then_some(look.words().option_default)];
                }
            },
        }
    }

    /// Whether it is a box to tick.
    pub(super) fn is_tick(&self) -> bool {
        self.ask == Ask::Tick
    }
}

/// A box to tick with its label.
pub(super) fn tick(name: &str, label: &str, is_on: bool) -> Markup {
    html! { label.check { input type="checkbox" name=(name) value="true" checked[is_on]; (label) } }
}

fn lines(value: &Value) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// A count of 0 stands for the default, and shows as nothing.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.as_f64() != Some(0.0) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_wire_wants_them() {
        let form = Form::of([
            ("values", "접수\n심사, 가결\n"),
            ("max", "3"),
            ("min", ""),
            ("protected", "true"),
            ("low", "-1.5"),
        ]);
        let read = |ask, name: &'static str| choice(name, |w| w.name, ask).read(&form, name);
        assert_eq!(read(Ask::Lines, "values"), json!(["접수", "심사", "가결"]));
        assert_eq!((read(Ask::Count, "max"), read(Ask::Count, "min")), (json!(3), json!(0)));
        assert_eq!((read(Ask::Number, "low"), read(Ask::Number, "min")), (json!(-1.5), Value::Null));
        assert_eq!((read(Ask::Tick, "protected"), read(Ask::Tick, "gone")), (json!(true), json!(false)));
    }
}
