//! The right control for each kind of field, with its label, hint and fault; and back: what a form says of each field.
//!
//! Controls are named `f.FIELD` and have the id `f-FIELD`.

mod files;
mod plain;
mod read;
mod related;

use std::collections::HashMap;

use base::error::Fields;
use maud::{Markup, html};
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};

use crate::form::Form;
use crate::icon::Icon;
use crate::look::Look;

pub(crate) use read::read;
pub(crate) use related::{Pick, options};

/// What a record's form is drawn from.
pub(crate) struct Controls<'a> {
    /// Language and theme.
    pub(crate) look: Look,
    /// The collection.
    pub(crate) collection: &'a Collection,
    /// The record's values; empty for a new one.
    pub(crate) record: &'a Map<String, Value>,
    /// What was sent, when the form is shown again.
    pub(crate) form: Option<&'a Form>,
    /// What is wrong with it.
    pub(crate) faults: &'a Fields,
    /// The records that each relation offers, by field.
    pub(crate) picks: &'a HashMap<String, Vec<Pick>>,
    /// A token for protected files; may be empty.
    pub(crate) file_token: &'a str,
}

/// Whether a field has a control: not those that only the server sets.
pub(crate) fn is_editable(field: &Field) -> bool {
    let is_token_key = field.is_system && field.is_hidden && matches!(field.kind, FieldKind::Text(_));
    !is_token_key && !matches!(field.kind, FieldKind::Autodate { .. })
}

impl Controls<'_> {
    /// The control of a field with everything around it.
    pub(crate) fn draw(&self, field: &Field) -> Markup {
        match &field.kind {
            FieldKind::Bool => self.around(field, true, &self.bool(field)),
            FieldKind::Select { values, max } if *max > 1 => self.group(field, &self.choices(field, values)),
            FieldKind::Select { values, .. } => self.around(field, true, &self.choice(field, values)),
            FieldKind::File(options) => self.group(field, &self.files(field, options)),
            FieldKind::Relation { .. } => self.group(field, &self.related(field)),
            FieldKind::GeoPoint => self.group(field, &self.point(field)),
            FieldKind::Password { .. } => self.password(field),
            _ => self.around(field, true, &self.plain(field)),
        }
    }

    /// The text to show in a control: what was sent, else what is kept.
    fn text(&self, field: &Field) -> String {
        if let Some(sent) = self.form.and_then(|form| form.find(&name(field))) {
            return sent.to_owned();
        }
        match self.record.get(&field.name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The texts to show as chosen: what was sent, else what is kept.
    fn chosen(&self, field: &Field) -> Vec<String> {
        match self.form {
            Some(form) => form.all(&name(field)).into_iter().filter(|value| !value.is_empty()).collect(),
            None => crate::cell::list(self.record.get(&field.name).unwrap_or(&Value::Null))
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn fault(&self, name: &str) -> Option<String> {
        self.faults.0.get(name).map(|fault| self.look.lang.fault(fault_of(fault)))
    }

    /// `true` for `aria-invalid`.
    fn invalid(&self, field: &Field) -> Option<&'static str> {
        self.faults.0.contains_key(&field.name).then_some("true")
    }

    /// A control with a label of its own.
    fn around(&self, field: &Field, has_label: bool, control: &Markup) -> Markup {
        html! {
            div.field {
                @if has_label { label for=(id(field)) { (self.title(field)) } }
                (control)
                (self.below(field))
            }
        }
    }

    /// Several controls under one title.
    fn group(&self, field: &Field, controls: &Markup) -> Markup {
        html! {
            fieldset.field {
                legend { (self.title(field)) }
                (controls)
                (self.below(field))
            }
        }
    }

    fn title(&self, field: &Field) -> Markup {
        let words = self.look.words();
        let wire = field.kind.name();
        html! {
            span title=(self.look.lang.field_kind(wire)) { (Icon::of_field(wire).draw()) }
            (field.name)
            @if field.is_required && !field.is_id() { span.tag { (words.required) } }
            @if field.is_hidden && !matches!(field.kind, FieldKind::Password { .. }) { span.tag { (words.hidden) } }
        }
    }

    fn below(&self, field: &Field) -> Markup {
        html! {
            @if !field.help.is_empty() { p.hint { (field.help) } }
            p.fault id={ (id(field)) "-fault" } { @if let Some(fault) = self.fault(&field.name) { (fault) } }
        }
    }
}

/// The name of a field's control.
pub(crate) fn name(field: &Field) -> String {
    format!("f.{}", field.name)
}

/// The id of a field's control.
pub(crate) fn id(field: &Field) -> String {
    format!("f-{}", field.name)
}

/// The fault of a field: itself, or the first of its parts.
fn fault_of(fault: &Value) -> &Value {
    let is_leaf = fault.get("message").is_some_and(Value::is_string);
    let first = fault.as_object().and_then(|parts| parts.values().next());
    if is_leaf { fault } else { first.map_or(fault, fault_of) }
}
