//! Controls of one value: texts, numbers, dates, choices, JSON, places, passwords.

use maud::{Markup, html};
use records::core::field::{Field, FieldKind};
use serde_json::Value;

use crate::control::{Controls, id, name};

impl Controls<'_> {
    /// Kinds that are one input or one text area.
    pub(super) fn plain(&self, field: &Field) -> Markup {
        match &field.kind {
            FieldKind::Number { min, max, is_whole } => self.number(field, *min, *max, *is_whole),
            FieldKind::Email { .. } => self.input(field, "email", "off"),
            FieldKind::Url { .. } => self.input(field, "url", "off"),
            FieldKind::Date { .. } => self.date(field),
            FieldKind::Json { .. } => self.json(field),
            FieldKind::Editor { .. } => self.area(field, "long code", "6"),
            FieldKind::Text(options) if options.is_primary => self.id(field),
            _ => self.area(field, "", "1"),
        }
    }

    fn input(&self, field: &Field, kind: &str, autocomplete: &str) -> Markup {
        html! {
            input id=(id(field)) name=(name(field)) type=(kind) autocomplete=(autocomplete) value=(self.text(field))
                required[field.is_required] aria-invalid=[self.invalid(field)] aria-describedby=(told(field));
        }
    }

    /// Texts may have several lines, and an input would lose them. A line end right after the tag is not read.
    fn area(&self, field: &Field, class: &str, rows: &str) -> Markup {
        html! {
            textarea id=(id(field)) name=(name(field)) class=(class) rows=(rows) required[field.is_required]
                aria-invalid=[self.invalid(field)] aria-describedby=(told(field)) { "\n" (self.text(field)) }
        }
    }

    fn id(&self, field: &Field) -> Markup {
        html! {
            input.mono id=(id(field)) name=(name(field)) value=(self.text(field)) autocomplete="off" spellcheck="false"
                placeholder=(self.look.words().id_auto) aria-invalid=[self.invalid(field)] aria-describedby=(told(field));
        }
    }

    fn number(&self, field: &Field, min: Option<f64>, max: Option<f64>, is_whole: bool) -> Markup {
        html! {
            input id=(id(field)) name=(name(field)) type="number" step=(if is_whole { "1" } else { "any" }) min=[min]
                max=[max] value=(self.text(field)) aria-invalid=[self.invalid(field)] aria-describedby=(told(field));
        }
    }

    /// Dates are kept and shown in UTC; a script tells the reader's own time beside it.
    fn date(&self, field: &Field) -> Markup {
        let text = self.text(field);
        let local = text.trim_end_matches('Z').trim_end_matches(".000").replacen(' ', "T", 1);
        html! {
            div.row {
                input id=(id(field)) name=(name(field)) type="datetime-local" step="any" value=(local)
                    required[field.is_required] aria-invalid=[self.invalid(field)] aria-describedby=(told(field));
                span.tag { (self.look.words().utc) }
                output.hint for=(id(field)) data-local {}
            }
        }
    }

    fn json(&self, field: &Field) -> Markup {
        let sent = self.form.and_then(|form| form.find(&name(field))).map(str::to_owned);
        let kept = || match self.record.get(&field.name) {
            None | Some(Value::Null) => String::new(),
            Some(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        html! {
            textarea.code id=(id(field)) name=(name(field)) rows="4" spellcheck="false" autocapitalize="off"
                data-json=(self.look.words().json_wrong) aria-invalid=[self.invalid(field)]
                aria-describedby=(told(field)) { "\n" (sent.unwrap_or_else(kept)) }
        }
    }

    pub(super) fn bool(&self, field: &Field) -> Markup {
        let words = self.look.words();
        let is_on = match self.form {
            Some(form) => form.has(&name(field)),
            None => self.record.get(&field.name) == Some(&Value::Bool(true)),
        };
        html! {
            span.check {
                input id=(id(field)) name=(name(field)) type="checkbox" value="true" checked[is_on]
                    aria-invalid=[self.invalid(field)] aria-describedby=(told(field));
                span.soft { (words.yes) }
            }
        }
    }

    pub(super) fn choice(&self, field: &Field, values: &[String]) -> Markup {
        let words = self.look.words();
        let now = self.chosen(field);
        let is_now = |value: &String| now.first() == Some(value);
        html! {
            select id=(id(field)) name=(name(field)) required[field.is_required] aria-invalid=[self.invalid(field)]
                aria-describedby=(told(field)) {
                option value="" { (if field.is_required { words.choose } else { words.nothing }) }
                @for value in values { option value=(value) selected[is_now(value)] { (value) } }
                @for value in now.iter().filter(|value| !values.contains(value)) {
                    option value=(value) selected { (value) }
                }
            }
        }
    }

    pub(super) fn choices(&self, field: &Field, values: &[String]) -> Markup {
        let now = self.chosen(field);
        html! {
            div.checks {
                @for value in values {
                    label.check {
                        input type="checkbox" name=(name(field)) value=(value) checked[now.contains(value)];
                        (value)
                    }
                }
            }
        }
    }

    pub(super) fn point(&self, field: &Field) -> Markup {
        let words = self.look.words();
        html! {
            div.pair {
                @for (part, label) in [("lat", words.latitude), ("lon", words.longitude)] {
                    div.field {
                        label.small for={ (id(field)) "-" (part) } { (label) }
                        input id={ (id(field)) "-" (part) } name={ (name(field)) "." (part) } type="number" step="any"
                            value=(self.coordinate(field, part)) aria-invalid=[self.invalid(field)];
                    }
                }
            }
        }
    }

    fn coordinate(&self, field: &Field, part: &str) -> String {
        if let Some(form) = self.form {
            return form.get(&format!("{}.{part}", name(field))).to_owned();
        }
        let kept = self.record.get(&field.name).and_then(|point| point.get(part));
        kept.map(Value::to_string).unwrap_or_default()
    }

    /// A new password; that of an account is asked twice, as the API wants it.
    pub(super) fn password(&self, field: &Field) -> Markup {
        let words = self.look.words();
        let is_new = self.record.is_empty();
        let is_twice = self.collection.is_auth() && field.name == "password";
        html! {
            div.pair {
                (self.around(field, true, &html! {
                    input id=(id(field)) name=(name(field)) type="password" autocomplete="new-password"
                        required[field.is_required && is_new] aria-invalid=[self.invalid(field)]
                        aria-describedby=(told(field));
                    @if !is_new { p.hint { (words.password_keep) } }
                }))
                @if is_twice {
                    div.field {
                        label for="f-passwordConfirm" { (words.password_again) }
                        input #f-passwordConfirm name="f.passwordConfirm" type="password" autocomplete="new-password"
                            required[is_new];
                        p.fault { @if let Some(fault) = self.fault("passwordConfirm") { (fault) } }
                    }
                }
            }
        }
    }
}

fn told(field: &Field) -> String {
    format!("{}-fault", id(field))
}
