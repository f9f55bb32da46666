//! The grid of a collection's records: page, sort, filter, columns; selected rows can be deleted.

mod parts;

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use base::error::{Fault, Kind};
use maud::{Markup, html};
use records::core::catalog::Catalog;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use records::{ListQuery, Shape};
use serde_json::{Map, Value};

use crate::address;
use crate::cell;
use crate::frame::{self, Tab};
use crate::icon::Icon;
use crate::look::Look;
use crate::refusal::Refusal;
use crate::search;
use crate::session::Session;

/// Columns that are shown by relation, and so cost a look at other collections.
const EXPANDED_MAX: usize = 4;

/// What the address asks of the grid.
struct Asked {
    page: u64,
    sort: String,
    filter: String,
    columns: Vec<String>,
}

/// What the grid shows.
struct View {
    collection: Arc<Collection>,
    asked: Asked,
    records: Vec<Map<String, Value>>,
    total: u64,
    pages: u64,
    fault: Option<String>,
    file_token: String,
    catalog: Arc<Catalog>,
}

/// `GET /_/collections/NAME?page=&sort=&filter=&column=`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let view = View::read(&session, collection).await?;
    let name = &view.collection.name;
    Ok(session.page(name, Some(name), &view.content(session.look())))
}

impl Asked {
    fn of(session: &Session) -> Asked {
        let query = &session.visitor.query;
        Asked {
            page: query.get("page").parse().unwrap_or(1).max(1),
            sort: query.get("sort").to_owned(),
            filter: query.get("filter").trim().to_owned(),
            columns: query.all("column"),
        }
    }

    /// The address of the same grid with another page or order.
    fn address(&self, collection: &str, page: u64, sort: &str) -> String {
        let page = if page > 1 { page.to_string() } else { String::new() };
        let mut pairs = vec![("filter", &*self.filter), ("sort", sort), ("page", &*page)];
        pairs.extend(self.columns.iter().map(|column| ("column", &**column)));
        address::with_query(&address::collection(collection, ""), &pairs)
    }
}

impl View {
    async fn read(session: &Session, collection: Arc<Collection>) -> Result<View, Refusal> {
        let shared = session.shared();
        let asked = Asked::of(session);
        let related =
            columns(&collection, &asked.columns).filter(|f| matches!(f.kind, FieldKind::Relation { .. }));
        let expand: Vec<&str> = related.map(|f| f.name.as_str()).take(EXPANDED_MAX).collect();
        let query = ListQuery {
            page: asked.page,
            page_size: shared.config.page_size,
            sort: if asked.sort.is_empty() { usual_order(&collection) } else { asked.sort.clone() },
            filter: search::filter(&collection, &asked.filter),
            skips_total: false,
            shape: Shape { expand: expand.join(","), fields: String::new() },
        };
        let file_token = if has_protected(&collection) { session.file_token()? } else { String::new() };
        let catalog = shared.records.catalog();
        let mut view = View {
            collection,
            asked,
            records: Vec::new(),
            total: 0,
            pages: 1,
            fault: None,
            file_token,
            catalog,
        };
        match shared.records.list(&session.asks("GET", Map::new()), &view.collection.name, &query).await {
            Ok(page) => {
                view.total = page.total.unwrap_or_default();
                view.pages = view.total.div_ceil(page.page_size.max(1)).max(1);
                view.records = page.items.iter().filter_map(|item| serde_json::from_str(item).ok()).collect();
            }
            Err(error) if error.kind() == Kind::Invalid => view.fault = Some(error.public()),
            Err(error) => return Err(error.into()),
        }
        Ok(view)
    }

    fn content(&self, look: Look) -> Markup {
        let words = look.words();
        let new = address::collection(&self.collection.name, "/new");
        let make = html! { a.button href=(new) data-key="n" { (Icon::Plus.draw()) (words.new_record) } };
        let is_blank = self.total == 0 && self.fault.is_none() && self.asked.page == 1;
        html! {
            (frame::heading(look, &self.collection.name, self.collection.is_auth(), Tab::Records, &make))
            @if !is_blank || !self.asked.filter.is_empty() { (self.filter_bar(look)) }
            @if is_blank && self.asked.filter.is_empty() {
                (blank(words.no_records, words.no_records_lead, Icon::Stack))
                @if !has_own_fields(&self.collection) {
                    p.blank.next {
                        (words.no_fields)
                        a.button.secondary href=(address::collection(&self.collection.name, "/fields")) { (words.add_field) }
                    }
                }
            } @else if is_blank {
                (blank(words.none_found, words.none_found_lead, Icon::Search))
            } @else if self.fault.is_none() {
                (self.table(look))
            }
        }
    }
}

fn blank(title: &str, lead: &str, icon: Icon) -> Markup {
    html! { div.blank { (icon.draw()) h2 { (title) } p { (lead) } } }
}

/// Whether there is anything to fill in beyond what every collection has.
fn has_own_fields(collection: &Collection) -> bool {
    let is_given =
        |field: &Field| field.is_system || field.is_id() || matches!(field.kind, FieldKind::Autodate { .. });
    !collection.fields.iter().all(is_given)
}

/// Whether pictures of this collection need a token.
pub(crate) fn has_protected(collection: &Collection) -> bool {
    collection
        .fields
        .iter()
        .any(|field| matches!(&field.kind, FieldKind::File(options) if options.is_protected))
}

/// Newest first, where the collection knows when its records were made; ids are in that order too.
fn usual_order(collection: &Collection) -> String {
    let made =
        |field: &&Field| matches!(field.kind, FieldKind::Autodate { on_create: true, on_update: false });
    collection.fields.iter().find(made).map_or_else(|| "-id".to_owned(), |field| format!("-{}", field.name))
}

/// The columns in their order: what names the record leads (the most telling text, else its id), pictures follow, times
/// and the id come last.
fn columns<'a>(collection: &'a Collection, chosen: &'a [String]) -> impl Iterator<Item = &'a Field> {
    let is_chosen = |f: &&Field| if chosen.is_empty() { is_usual(f) } else { chosen.contains(&f.name) };
    let mut fields: Vec<&Field> = shown(collection).filter(is_chosen).collect();
    let telling = fields.iter().copied().filter(|f| cell::tells(f).is_some()).min_by_key(|f| cell::tells(f));
    let lead = telling.or_else(|| collection.fields.iter().find(|f| f.is_id()));
    fields.retain(|f| lead.is_none_or(|lead| lead.id != f.id));
    fields.sort_by_key(|f| match f.kind {
        FieldKind::File(_) => 1,
        FieldKind::Autodate { .. } => 3,
        _ if f.is_id() => 4,
        _ => 2,
    });
    lead.into_iter().chain(fields)
}

/// Fields that have something to show.
fn shown(collection: &Collection) -> impl Iterator<Item = &Field> {
    let is_token_key = |f: &Field| f.is_system && f.is_hidden && matches!(f.kind, FieldKind::Text(_));
    collection
        .fields
        .iter()
        .filter(move |f| !matches!(f.kind, FieldKind::Password { .. }) && !is_token_key(f))
}

fn is_usual(field: &Field) -> bool {
    !matches!(field.kind, FieldKind::Json { .. }) && field.name != "emailVisibility"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn view(fault: Option<String>) -> View {
        let titles = [
            "온돌 난방 지원법",
            sample::HOSTILE,
            "",
            "A long title of a bill about warm floors and cold winters",
        ];
        let filter = sample::HOSTILE.to_owned();
        View {
            collection: sample::collection(),
            asked: Asked { page: 2, sort: "-title".into(), filter, columns: vec![] },
            records: titles.iter().map(|title| sample::record(title)).collect(),
            total: 1234,
            pages: 31,
            fault,
            file_token: String::new(),
            catalog: sample::catalog(),
        }
    }

    #[test]
    fn the_grid_reads_well_in_both_languages() {
        for (page, look) in sample::inside("grid", |look| view(None).content(look)) {
            assert!(page.contains("floor_a1b2c3.png?thumb=100x100"), "a picture is shown small");
            assert!(page.contains("/_/collections/people/records/p1"), "a relation leads to its record");
            assert!(page.contains("1,234") && page.contains(&look.lang.page_of(2, 31)));
            assert!(page.contains("aria-sort=\"descending\""));
        }
    }

    #[test]
    fn a_fault_of_the_filter_stands_beside_it() {
        for (page, look) in
            sample::inside("grid-fault", |look| view(Some("Unknown field \"x\".".into())).content(look))
        {
            assert!(
                page.contains(look.words().filter_wrong) && page.contains("Unknown field &quot;x&quot;.")
            );
            assert!(!page.contains("<table"), "nothing is shown that was not asked for");
        }
    }

    #[test]
    fn the_first_telling_text_leads_and_times_come_last() {
        let collection = sample::collection();
        let names: Vec<&str> = columns(&collection, &[]).map(|field| &*field.name).collect();
        assert_eq!((names.first(), names.last()), (Some(&"title"), Some(&"id")));
        let chosen = ["state".to_owned(), "id".to_owned()];
        assert_eq!(columns(&collection, &chosen).map(|f| &*f.name).collect::<Vec<_>>(), ["id", "state"]);
    }
}
