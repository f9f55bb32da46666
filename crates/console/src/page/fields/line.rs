//! A field in the editor: read from a form or from the collection, drawn as a card.

use base::error::Fields;
use maud::{Markup, html};
use records::core::collection::Collection;
use serde_json::{Map, Value, json};

use super::option;
use crate::fault;
use crate::form::Form;
use crate::icon::Icon;
use crate::look::Look;

/// A field as it stands in the editor, perhaps not saved yet.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The wire's form.
    pub(super) wire: Map<String, Value>,
    /// It will be gone after saving.
    pub(super) is_removed: bool,
    /// Its options are shown.
    pub(super) is_open: bool,
}

impl Line {
    /// A field as the collection has it.
    pub(super) fn kept(wire: Map<String, Value>) -> Line {
        Line { wire, is_removed: false, is_open: false }
    }

    /// A new field of a kind.
    pub(super) fn fresh(kind: &str) -> Line {
        let mut wire = Map::new();
        wire.insert("type".into(), json!(kind));
        wire.insert("name".into(), json!(""));
        match kind {
            "select" | "file" | "relation" => drop(wire.insert("maxSelect".into(), json!(1))),
            "autodate" => drop(wire.insert("onCreate".into(), json!(true))),
            _ => {}
        }
        Line { wire, is_removed: false, is_open: true }
    }

    /// Reads the field at a place of the form; what the form does not ask for stays as `kept` has it.
    pub(super) fn read(form: &Form, place: usize, kept: &[Line]) -> Line {
        let name = |key: &str| format!("field.{place}.{key}");
        let id = form.get(&name("id"));
        let known = kept.iter().find(|line| !id.is_empty() && line.text("id") == id);
        let mut line = known.cloned().unwrap_or_else(|| Line::fresh(form.get(&name("type"))));
        line.is_removed = form.has(&name("removed"));
        if line.is_fixed() {
            return line;
        }
        if !line.is_system() {
            line.put("name", json!(form.get(&name("name")).trim()));
        }
        for key in ["required", "hidden", "presentable"] {
            line.put(key, json!(form.has(&name(key))));
        }
        line.put("help", json!(form.get(&name("help")).trim()));
        for choice in option::of(line.kind()) {
            line.put(choice.key, choice.read(form, &name(choice.key)));
        }
        line
    }

    fn put(&mut self, key: &str, value: Value) {
        self.wire.insert(key.to_owned(), value);
    }

    fn text(&self, key: &str) -> &str {
        self.wire.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.text("type")
    }

    fn is(&self, key: &str) -> bool {
        self.wire.get(key) == Some(&Value::Bool(true))
    }

    fn is_system(&self) -> bool {
        self.is("system")
    }

    /// Nothing of it can be changed here: the id and the account's token key.
    fn is_fixed(&self) -> bool {
        self.is("primaryKey") || (self.is_system() && matches!(self.text("name"), "tokenKey" | "id"))
    }

    /// The card. `sent` is its place among the fields that were sent, where faults are told.
    pub(super) fn draw(
        &self,
        look: Look,
        place: usize,
        sent: usize,
        faults: &Fields,
        others: &Others<'_>,
    ) -> Markup {
        let name = |key: &str| format!("field.{place}.{key}");
        let has_fault = faults.0.get("fields").is_some_and(|f| f.get(sent.to_string()).is_some());
        let hidden = html! {
            input type="hidden" name=(name("id")) value=(self.text("id"));
            input type="hidden" name=(name("type")) value=(self.kind());
        };
        html! {
            li.fieldline {
                (hidden)
                @if self.is_removed {
                    input type="hidden" name=(name("removed")) value="1";
                    div.fieldcard.gone { div.summary { (self.title(look)) (self.keep(look, place)) } }
                } @else if self.is_fixed() {
                    div.fieldcard { div.summary { (self.title(look)) } }
                } @else {
                    details.fieldcard open[self.is_open || has_fault] {
                        summary { (self.title(look)) }
                        div.options {
                            (self.options(look, place, sent, faults, others))
                        }
                    }
                }
            }
        }
    }

    fn title(&self, look: Look) -> Markup {
        let words = look.words();
        let title = self.text("name");
        html! {
            span title=(look.lang.field_kind(self.kind())) { (Icon::of_field(self.kind()).draw()) }
            strong { @if title.is_empty() { (words.unnamed) } @else { (title) } }
            span.soft.small { (look.lang.field_kind(self.kind())) }
            @if self.is("required") { span.tag { (words.required) } }
            @if self.is("hidden") { span.tag { (words.hidden) } }
            @if self.is_system() { span.tag { (words.system) } }
            @if self.text("id").is_empty() { span.chip.lit { (words.not_saved_yet) } }
        }
    }

    fn keep(&self, look: Look, place: usize) -> Markup {
        let words = look.words();
        html! {
            span.soft.small { (words.removed_on_save) }
            button.quiet type="submit" name="_do" value={ "keep." (place) } formnovalidate { (words.keep_field) }
        }
    }

    fn options(&self, look: Look, place: usize, sent: usize, faults: &Fields, others: &Others<'_>) -> Markup {
        let words = look.words();
        let name = |key: &str| format!("field.{place}.{key}");
        let id = format!("field-{place}-name");
        let at = sent.to_string();
        let shown = option::of(self.kind());
        html! {
            (fault::all(look, &own(faults, &at), |key| key == "name"))
            @if !self.is_system() {
                div.field {
                    label for=(id) { (words.field_name) }
                    input id=(id) name=(name("name")) value=(self.text("name")) autocomplete="off" spellcheck="false"
                        autocapitalize="off" aria-describedby={ (id) "-fault" } autofocus[self.text("id").is_empty()];
                    (fault::line(look, faults, &["fields", &at, "name"], &id))
                }
            }
            div.pair {
                @for choice in shown.iter().filter(|choice| !choice.is_tick()) {
                    (choice.draw(look, &self.wire, &name(choice.key), others.targets))
                }
            }
            div.checks {
                @for choice in shown.iter().filter(|choice| choice.is_tick()) {
                    (choice.draw(look, &self.wire, &name(choice.key), others.targets))
                }
                @if !matches!(self.kind(), "autodate") {
                    (option::tick(&name("required"), words.is_required, self.is("required")))
                }
                (option::tick(&name("hidden"), words.is_hidden, self.is("hidden")))
                (option::tick(&name("presentable"), words.is_presentable, self.is("presentable")))
            }
            div.field {
                label for={ "field-" (place) "-help" } { (words.field_help) }
                input id={ "field-" (place) "-help" } name=(name("help")) value=(self.text("help")) autocomplete="off";
            }
            (self.moves(look, place, others.count))
        }
    }

    fn moves(&self, look: Look, place: usize, count: usize) -> Markup {
        let words = look.words();
        html! {
            div.row {
                @if place > 0 {
                    button.quiet type="submit" name="_do" value={ "up." (place) } formnovalidate {
                        (Icon::Up.draw()) (words.move_up)
                    }
                }
                @if place + 1 < count {
                    button.quiet type="submit" name="_do" value={ "down." (place) } formnovalidate {
                        (Icon::Down.draw()) (words.move_down)
                    }
                }
                @if !self.is_system() {
                    button.quiet.far type="submit" name="_do" value={ "remove." (place) } formnovalidate {
                        (Icon::Trash.draw()) (words.remove)
                    }
                }
            }
        }
    }
}

/// What a card shows of the rest.
pub(super) struct Others<'a> {
    /// The collections that a relation may lead to, by id and name.
    pub(super) targets: &'a [(String, String)],
    /// How many fields there are.
    pub(super) count: usize,
}

/// The fields of a collection as lines.
pub(super) fn lines(collection: &Collection) -> Vec<Line> {
    let wire = records::core::change::to_wire(collection);
    let fields = wire.get("fields").and_then(Value::as_array).cloned().unwrap_or_default();
    fields.into_iter().filter_map(|field| field.as_object().cloned()).map(Line::kept).collect()
}

/// The faults of one field.
fn own(faults: &Fields, place: &str) -> Fields {
    let own = faults.0.get("fields").and_then(|fields| fields.get(place));
    match own {
        Some(Value::Object(parts)) if parts.get("message").is_some_and(Value::is_string) => {
            Fields([("".to_owned(), Value::Object(parts.clone()))].into_iter().collect())
        }
        Some(Value::Object(parts)) => Fields(parts.clone()),
        _ => Fields::default(),
    }
}
