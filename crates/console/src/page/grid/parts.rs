//! The parts of the grid: the filter's box, the table, the foot.

use maud::{Markup, html};
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};

use super::{View, columns, shown};
use crate::address;
use crate::cell::Cells;
use crate::icon::Icon;
use crate::look::Look;

impl View {
    pub(super) fn filter_bar(&self, look: Look) -> Markup {
        let words = look.words();
        let path = address::collection(&self.collection.name, "");
        html! {
            search {
                form.filterbar method="get" action=(path) {
                    div.filterbox {
                        (Icon::Search.draw())
                        label.hide for="filter" { (words.filter) }
                        input #filter name="filter" value=(self.asked.filter) placeholder=(words.filter_hint)
                            autocomplete="off" spellcheck="false" autocapitalize="off" enterkeyhint="search"
                            aria-describedby="filter-fault" aria-invalid=[self.fault.as_ref().map(|_| "true")];
                    }
                    @if !self.asked.sort.is_empty() { input type="hidden" name="sort" value=(self.asked.sort); }
                    @for column in &self.asked.columns { input type="hidden" name="column" value=(column); }
                    button.secondary type="submit" { (words.find) }
                    @if !self.asked.filter.is_empty() { a.button.quiet href=(path) { (words.clear) } }
                }
            }
            div.under {
                p.fault #filter-fault role=[self.fault.as_ref().map(|_| "alert")] {
                    @if let Some(fault) = &self.fault { (words.filter_wrong) " " (fault) }
                }
                span.soft.small {
                    @if self.fault.is_none() {
                        @if self.asked.filter.is_empty() { (look.lang.records(self.total)) }
                        @else { (look.lang.found(self.total)) }
                    }
                }
                (self.column_choice(look))
            }
        }
    }

    /// Which columns are shown; without a choice, as many as the width has room for.
    fn column_choice(&self, look: Look) -> Markup {
        let words = look.words();
        let is_shown =
            |field: &Field| self.asked.columns.is_empty() || self.asked.columns.contains(&field.name);
        html! {
            details.popover.small {
                summary { (words.columns) }
                form method="get" action=(address::collection(&self.collection.name, "")) {
                    input type="hidden" name="filter" value=(self.asked.filter);
                    input type="hidden" name="sort" value=(self.asked.sort);
                    @for field in shown(&self.collection) {
                        label.check {
                            input type="checkbox" name="column" value=(field.name) checked[is_shown(field)];
                            (field.name)
                        }
                    }
                    button.secondary type="submit" { (words.columns_apply) }
                }
            }
        }
    }

    pub(super) fn table(&self, look: Look) -> Markup {
        let words = look.words();
        let fields: Vec<&Field> = columns(&self.collection, &self.asked.columns).collect();
        let below = address::collection(&self.collection.name, "/export");
        let export = address::with_query(&below, &[("filter", &self.asked.filter)]);
        let by_width = if self.asked.columns.is_empty() { "by" } else { "" };
        html! {
            form data-grid method="post" action=(address::collection(&self.collection.name, "/delete")) {
                div.tablebox.cardy {
                    table class=(by_width) {
                        thead {
                            tr {
                                th.pick scope="col" { input type="checkbox" data-all aria-label=(words.select_all); }
                                @for (index, field) in fields.iter().enumerate() { (self.title(index, field)) }
                            }
                        }
                        tbody { @for record in &self.records { (self.row(look, &fields, record)) } }
                    }
                }
                div.tablefoot {
                    button.bad type="submit" data-selected {
                        (Icon::Trash.draw()) (words.delete_selected) " " span data-count {}
                    }
                    a.soft.small.far href=(export) download { (words.export) }
                    (self.pager(look))
                }
            }
        }
    }

    /// A heading: a click sorts upwards, a second one downwards, a third one as usual.
    fn title(&self, index: usize, field: &Field) -> Markup {
        let (name, sort) = (&field.name, &self.asked.sort);
        let down = format!("-{name}");
        let (next, now) = match () {
            () if sort == name => (down.as_str(), Some("ascending")),
            () if *sort == down => ("", Some("descending")),
            () => (name.as_str(), None),
        };
        html! {
            th scope="col" class=(class(index, field)) aria-sort=[now] {
                @if sorts(field) { a href=(self.asked.address(&self.collection.name, 1, next)) { (name) } }
                @else { (name) }
            }
        }
    }

    fn row(&self, look: Look, fields: &[&Field], record: &Map<String, Value>) -> Markup {
        let words = look.words();
        let cells = Cells {
            look,
            catalog: &self.catalog,
            collection: &self.collection.name,
            file_token: &self.file_token,
        };
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
        let open = address::record(&self.collection.name, id);
        html! {
            tr data-row {
                td.pick {
                    input type="checkbox" name="id" value=(id) aria-label={ (words.select_row) " " (id) };
                }
                @for (index, field) in fields.iter().enumerate() {
                    @if index == 0 {
                        th scope="row" class=(class(index, field)) data-label=(field.name) {
                            a.open href=(open) { (cells.lead(field, record)) }
                        }
                    } @else {
                        td class=(class(index, field)) data-label=(field.name) { (cells.draw(field, record)) }
                    }
                }
            }
        }
    }

    fn pager(&self, look: Look) -> Markup {
        let words = look.words();
        let page = self.asked.page;
        let to = |page| self.asked.address(&self.collection.name, page, &self.asked.sort);
        html! {
            @if self.pages > 1 || page > 1 {
                nav.pager aria-label=(words.records) {
                    @if page > 1 { a.button.secondary href=(to(page - 1)) rel="prev" { (words.previous) } }
                    span { (look.lang.page_of(page, self.pages)) }
                    @if page < self.pages { a.button.secondary href=(to(page + 1)) rel="next" { (words.next) } }
                }
            }
        }
    }
}

/// The class of a column: its place, by which it gives way, and how its values stand.
fn class(index: usize, field: &Field) -> String {
    let place = (index + 1).min(10);
    match &field.kind {
        FieldKind::Number { .. } => format!("c{place} number"),
        FieldKind::Text(options) if options.is_primary => format!("c{place} id"),
        _ => format!("c{place}"),
    }
}

fn sorts(field: &Field) -> bool {
    !field.is_many()
        && !matches!(field.kind, FieldKind::File(_) | FieldKind::Json { .. } | FieldKind::GeoPoint)
}
