//! Files: those that are there, with a picture and a box to take each away, and a control to add more.

use maud::{Markup, html};
use records::core::field::{Field, FileOptions};
use serde_json::Value;

use crate::address;
use crate::cell::{is_picture, list};
use crate::control::{Controls, id, name};
use crate::icon::Icon;
use crate::words::size;

/// The largest file that is taken where the field says nothing (5 MiB).
const BYTES_DEFAULT: u64 = 5 << 20;

impl Controls<'_> {
    pub(super) fn files(&self, field: &Field, options: &FileOptions) -> Markup {
        let words = self.look.words();
        let now = list(self.record.get(&field.name).unwrap_or(&Value::Null));
        let bytes_max = if options.max_bytes == 0 { BYTES_DEFAULT } else { options.max_bytes };
        let is_replacing = !now.is_empty() && !field.is_many();
        let preview = format!("{}-new", id(field));
        html! {
            @if !now.is_empty() { div.files { @for file in &now { (self.file(field, file)) } } }
            div.files id=(preview) aria-live="polite" {}
            label.hide for=(id(field)) { (if is_replacing { words.replace_file } else { words.add_file }) }
            input id=(id(field)) name=(name(field)) type="file" multiple[field.is_many()] data-preview=(preview)
                accept=[(!options.mime_types.is_empty()).then(|| options.mime_types.join(","))]
                required[field.is_required && now.is_empty()] aria-invalid=[self.invalid(field)];
            p.hint {
                (self.look.lang.at_most(&size(bytes_max)))
                @if field.is_many() { " · " (self.look.lang.up_to(options.max)) }
                @if self.form.is_some() { " · " (words.files_again) }
            }
        }
    }

    fn file(&self, field: &Field, file: &str) -> Markup {
        let words = self.look.words();
        let record = self.record.get("id").and_then(Value::as_str).unwrap_or_default();
        let whole = address::file(&self.collection.name, record, file, "", self.file_token);
        let small = address::file(&self.collection.name, record, file, "100x100", self.file_token);
        let removing = format!("{}.remove", name(field));
        let is_removed = self.form.is_some_and(|form| form.all(&removing).iter().any(|gone| gone == file));
        html! {
            div.file {
                a.frame href=(whole) target="_blank" rel="noopener" title=(file) {
                    @if is_picture(file) { img src=(small) alt=(file) width="144" height="104"; }
                    @else { (Icon::File.draw()) span.hide { (file) } }
                }
                span.name title=(file) { (file) }
                label.check {
                    input type="checkbox" name=(removing) value=(file) checked[is_removed];
                    (words.remove)
                }
            }
        }
    }
}
