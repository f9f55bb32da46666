//! The list of collections.

use axum::response::Response;
use maud::{Markup, html};
use records::ListQuery;
use records::core::collection::Collection;
use serde_json::Map;

use crate::address;
use crate::icon::Icon;
use crate::look::Look;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::words::grouped;

/// A line of the list.
struct Line {
    name: String,
    is_auth: bool,
    is_system: bool,
    records: u64,
    fields: usize,
    list_rule: Option<String>,
    updated: String,
}

/// `GET /_/collections`.
pub(crate) async fn show(session: Session) -> Result<Response, Refusal> {
    let mut lines = Vec::new();
    for collection in session.shared().records.catalog().all() {
        lines.push(Line::of(collection, count(&session, &collection.name).await?));
    }
    lines.sort_by_cached_key(|line| (line.is_system, line.name.to_lowercase()));
    Ok(session.page(session.words().collections, None, &content(session.look(), &lines)))
}

/// How many records a collection has.
pub(crate) async fn count(session: &Session, name: &str) -> Result<u64, Refusal> {
    let query = ListQuery { page_size: 1, ..Default::default() };
    let page = session.shared().records.list(&session.asks("GET", Map::new()), name, &query).await?;
    Ok(page.total.unwrap_or_default())
}

impl Line {
    fn of(collection: &Collection, records: u64) -> Line {
        Line {
            name: collection.name.clone(),
            is_auth: collection.is_auth(),
            is_system: collection.is_system,
            records,
            fields: collection.fields.len(),
            list_rule: collection.rules.list.clone(),
            updated: collection.updated.clone(),
        }
    }
}

fn content(look: Look, lines: &[Line]) -> Markup {
    let words = look.words();
    let make = html! { a.button href="/_/new" data-key="n" { (Icon::Plus.draw()) (words.new_collection) } };
    html! {
        div.heading {
            h1 { (words.collections) }
            div.actions { (make) }
        }
        @if !lines.iter().any(|line| !line.is_system) {
            div.blank {
                (Icon::Mark.draw())
                h2 { (words.no_collections) }
                p { (words.no_collections_lead) }
                a.button href="/_/new" { (Icon::Plus.draw()) (words.new_collection) }
            }
        }
        div.tablebox.cardy {
            table {
                thead {
                    tr {
                        th scope="col" { (words.name) }
                        th scope="col" { (words.kind) }
                        th.number scope="col" { (words.records) }
                        th.number scope="col" { (words.tab_fields) }
                        th scope="col" { (words.who_reads) }
                        th scope="col" { (words.updated) }
                    }
                }
                tbody { @for line in lines { (row(look, line)) } }
            }
        }
    }
}

fn row(look: Look, line: &Line) -> Markup {
    let words = look.words();
    html! {
        tr data-row {
            th scope="row" data-label=(words.name) {
                a.open href=(address::collection(&line.name, "")) {
                    @if line.is_auth { (Icon::People.draw()) } @else { (Icon::Stack.draw()) }
                    " " (line.name)
                }
            }
            td data-label=(words.kind) {
                span {
                    (if line.is_auth { words.kind_auth } else { words.kind_base })
                    @if line.is_system { " " span.tag { (words.system) } }
                }
            }
            td.number data-label=(words.records) { (grouped(line.records)) }
            td.number data-label=(words.tab_fields) { (line.fields) }
            td data-label=(words.who_reads) { (who_reads(look, line.list_rule.as_deref())) }
            td data-label=(words.updated) { (moment(&line.updated)) }
        }
    }
}

fn who_reads(look: Look, rule: Option<&str>) -> Markup {
    let words = look.words();
    html! {
        @match rule {
            None => span.soft { (words.reads_none) },
            Some("") => span.chip.lit { (words.reads_all) },
            Some(rule) => span.chip title=(rule) { (words.reads_some) },
        }
    }
}

/// A time as records show it, short; a script turns it into the reader's own zone.
pub(crate) fn moment(text: &str) -> Markup {
    let short = text.get(..16).unwrap_or(text);
    if let Some(day) = text.strip_suffix(" 00:00:00.000Z") {
        // a calendar day: it is the same day in every zone
        return html! { time datetime=(day) title=(text) { (day) } };
    }
    html! { @if !text.is_empty() { time datetime=(text.replacen(' ', "T", 1)) { (short) } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn line(name: &str, is_system: bool, list_rule: Option<&str>) -> Line {
        Line {
            name: name.into(),
            is_auth: is_system,
            is_system,
            records: 15_234,
            fields: 7,
            list_rule: list_rule.map(str::to_owned),
            updated: "2026-11-22 10:00:00.000Z".into(),
        }
    }

    #[test]
    fn the_list_says_who_may_read() {
        let lines = [
            line("bills", false, Some("")),
            line("people", false, Some("a = 1")),
            line("_superusers", true, None),
        ];
        for (page, look) in sample::inside("collections", |look| content(look, &lines)) {
            let words = look.words();
            assert!(
                [words.reads_all, words.reads_some, words.reads_none, "15,234"]
                    .iter()
                    .all(|w| page.contains(w))
            );
        }
    }

    #[test]
    fn a_service_without_collections_is_told_what_one_is() {
        for (page, look) in sample::inside("blank", |look| content(look, &[line("_superusers", true, None)]))
        {
            assert!(page.contains(look.words().no_collections_lead));
        }
    }
}
