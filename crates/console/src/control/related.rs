//! The picker of related records: what is chosen now, and what a search offers beside it.

use maud::{Markup, html};
use records::core::field::Field;

use crate::address;
use crate::control::{Controls, id, name};
use crate::look::Look;

/// A record that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    /// Its id.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) title: String,
}

impl Controls<'_> {
    pub(super) fn related(&self, field: &Field) -> Markup {
        let words = self.look.words();
        let chosen = self.chosen(field);
        let nobody = Vec::new();
        let picks = self.picks.get(&field.name).unwrap_or(&nobody);
        let list = format!("{}-list", id(field));
        let search = format!("_find.{}", field.name);
        let below = format!("/pick/{}", address::escaped(&field.name));
        html! {
            div.row {
                label.hide for=(id(field)) { (words.search_records) }
                input.grow id=(id(field)) name=(search) type="search" placeholder=(words.search_records) autocomplete="off"
                    value=(self.form.map(|form| form.get(&search)).unwrap_or_default())
                    data-pick=(address::collection(&self.collection.name, &below)) data-list=(list);
                button.secondary type="submit" name="_do" value="find" formnovalidate { (words.find) }
            }
            div.picks id=(list) { (options(self.look, field, picks, &chosen)) }
            @if picks.is_empty() { p.hint { (words.no_results) } }
        }
    }
}

/// The boxes of the records that can be chosen; of a single one that may be missing, also "none".
pub(crate) fn options(look: Look, field: &Field, picks: &[Pick], chosen: &[String]) -> Markup {
    let is_many = field.is_many();
    html! {
        @for pick in picks {
            label.check {
                input type=(if is_many { "checkbox" } else { "radio" }) name=(name(field)) value=(pick.id)
                    checked[chosen.contains(&pick.id)];
                span { (pick.title) }
                @if pick.title != pick.id { code.id { (pick.id) } }
            }
        }
        @if !is_many && !field.is_required {
            label.check {
                input type="radio" name=(name(field)) value="" checked[chosen.is_empty()];
                span.soft { (look.words().nothing) }
            }
        }
    }
}
