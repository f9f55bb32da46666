//! The indexes of a collection: seen, made and dropped while the service goes on.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use records::core::index::{self, Index, IndexColumn};
use serde_json::{Map, Value, json};
use store::{IndexState, Stage};

use crate::address;
use crate::fault;
use crate::form::Form;
use crate::frame::{self, Said, Tab};
use crate::icon::Icon;
use crate::look::Look;
use crate::page::fields::or_whole;
use crate::page::record::done;
use crate::refusal::Refusal;
use crate::session::Session;

/// Fields of an index that the form asks for.
const COLUMNS: usize = 4;
/// Longest name that is made for an index, in bytes.
const NAME_MAX: usize = 60;

/// `GET /_/collections/NAME/indexes`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    Ok(page(&session, &collection, &Form::default(), &Fields::default()).await)
}

/// `POST /_/collections/NAME/indexes`: `_do` is `make` (with `field.N`, `descending.N`, `unique`, `ignores_case`) or
/// `drop.INDEX`.
pub(crate) async fn submit(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let mut next = collection.indexes.clone();
    match form.get("_do").split_once('.') {
        Some(("drop", dropped)) => next.retain(|index| index.name != dropped),
        _ => next.push(asked(&collection, &form)),
    }
    let texts: Vec<String> = next.iter().map(|index| index::to_text(index, &collection.name)).collect();
    let sent: Map<String, Value> = [("indexes".to_owned(), json!(texts))].into_iter().collect();
    match session.shared().records.update_collection(&collection.id, &sent).await {
        Ok(_) => Ok(done(&address::collection(&collection.name, "/indexes"), Said::Saved)),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            let page = page(&session, &collection, &form, &or_whole(&error)).await;
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The index that the form asks for.
fn asked(collection: &Collection, form: &Form) -> Index {
    let column = |place: usize| {
        let field = form.get(&format!("field.{place}")).to_owned();
        let descending = form.has(&format!("descending.{place}"));
        IndexColumn { field, descending, ignores_case: form.has("ignores_case") }
    };
    let columns: Vec<IndexColumn> = (0..COLUMNS).map(column).filter(|c| !c.field.is_empty()).collect();
    Index { name: name(collection, &columns), is_unique: form.has("unique"), columns, only: Vec::new() }
}

/// A name that says what the index is on, and that no other index of the collection has.
fn name(collection: &Collection, columns: &[IndexColumn]) -> String {
    let mut name = format!("idx_{}", collection.name);
    for column in columns {
        name.push('_');
        name.push_str(&column.field);
    }
    name.truncate(NAME_MAX);
    let is_taken = |name: &str| collection.indexes.iter().any(|index| index.name == name);
    (1..)
        .map(|n| if n == 1 { name.clone() } else { format!("{name}_{n}") })
        .find(|n| !is_taken(n))
        .unwrap_or(name)
}

async fn page(session: &Session, collection: &Collection, form: &Form, faults: &Fields) -> Response {
    // indexes are shown without marks rather than not at all
    let states = session.shared().records.store().indexes().await.unwrap_or_default();
    let content = content(session.look(), collection, &states, form, faults);
    session.page(&collection.name, Some(&collection.name), &content)
}

fn content(
    look: Look,
    collection: &Collection,
    states: &[IndexState],
    form: &Form,
    faults: &Fields,
) -> Markup {
    let words = look.words();
    html! {
        (frame::heading(look, &collection.name, collection.is_auth(), Tab::Indexes, &html! {}))
        div.narrow {
            p.lead { (words.indexes_lead) }
            (fault::all(look, faults, |_| false))
            @if collection.indexes.is_empty() { p.gap.soft { (words.no_indexes) } }
            ul.cards.gap { @for index in &collection.indexes { li { (card(look, index, stage(index, collection, states))) } } }
            (making(look, collection, form))
        }
    }
}

/// How far an index is in the database; `None` when nobody knows.
fn stage<'a>(index: &Index, collection: &Collection, states: &'a [IndexState]) -> Option<&'a Stage> {
    let name = index::store_name(index, collection);
    states.iter().find(|state| state.name == name).map(|state| &state.stage)
}

fn card(look: Look, index: &Index, stage: Option<&Stage>) -> Markup {
    let words = look.words();
    html! {
        form.fieldcard method="post" {
            div.summary {
                span.row {
                    @for (place, column) in index.columns.iter().enumerate() {
                        @if place > 0 { span.soft { "→" } }
                        strong { (column.field) @if column.descending { " ↓" } }
                    }
                }
                @if index.is_unique { span.chip.lit { (words.index_unique) } }
                @if index.columns.iter().any(|c| c.ignores_case) { span.tag { (words.index_ignores_case) } }
                @match stage {
                    Some(Stage::Building { progress }) => span.tag { (look.lang.index_building(*progress)) },
                    Some(Stage::Failed { why }) => span.chip.lit title=(why) { (look.lang.index_failed(why)) },
                    _ => {}
                }
                @for (field, operator, value) in &index.only {
                    code.small { (words.index_condition) " " (field) " " (operator) " " (value) }
                }
                button.quiet.far type="submit" name="_do" value={ "drop." (index.name) } title=(index.name) {
                    (Icon::Trash.draw()) (words.index_drop)
                }
            }
        }
    }
}

fn making(look: Look, collection: &Collection, form: &Form) -> Markup {
    let words = look.words();
    html! {
        section.panel.gap {
            h2 { (words.index_add) }
            p.hint { (words.index_up_to) }
            form.fields #index method="post" {
                @for place in 0..COLUMNS { (column(look, collection, form, place)) }
                div.checks {
                    label.check { input #unique type="checkbox" name="unique" value="1" checked[form.has("unique")]; (words.index_unique) }
                    label.check {
                        input #ignores_case type="checkbox" name="ignores_case" value="1" checked[form.has("ignores_case")];
                        (words.index_ignores_case)
                    }
                }
                div { button type="submit" name="_do" value="make" data-key="save" { (words.index_make) } }
            }
        }
    }
}

fn column(look: Look, collection: &Collection, form: &Form, place: usize) -> Markup {
    let words = look.words();
    let (field, descending) = (format!("field.{place}"), format!("descending.{place}"));
    let id = format!("field-{place}");
    let now = form.get(&field);
    html! {
        div.row {
            label.hide for=(id) { (if place == 0 { words.index_first } else { words.index_then }) " " (place + 1) }
            select.grow id=(id) name=(field) required[place == 0] {
                option value="" { (if place == 0 { words.choose } else { words.nothing }) }
                @for field in collection.fields.iter().filter(|field| may_index(field)) {
                    option value=(field.name) selected[field.name == now] { (field.name) }
                }
            }
            label.check {
                input type="checkbox" name=(descending) value="1" checked[form.has(&descending)];
                (words.index_descending)
            }
        }
    }
}

/// Whether an index on the field makes sense: one plain value.
fn may_index(field: &Field) -> bool {
    !field.is_many()
        && !matches!(field.kind, FieldKind::Json { .. } | FieldKind::GeoPoint | FieldKind::Password { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn indexed() -> Collection {
        let mut collection = Collection::clone(&sample::collection());
        collection.indexes.push(Index::unique("idx_bills_title", "title"));
        collection
    }

    #[test]
    fn the_form_makes_the_index_that_it_says() {
        let form =
            Form::of([("field.0", "state"), ("field.2", "proposed"), ("descending.2", "1"), ("unique", "1")]);
        let index = asked(&indexed(), &form);
        assert_eq!(
            index::to_text(&index, "bills"),
            index::to_text(
                &index::parse(
                    "CREATE UNIQUE INDEX `idx_bills_state_proposed` ON `bills` (`state`, `proposed` DESC)"
                )
                .unwrap(),
                "bills"
            )
        );
    }

    #[test]
    fn a_second_index_on_the_same_field_gets_a_name_of_its_own() {
        let column = IndexColumn { field: "title".into(), descending: false, ignores_case: false };
        assert_eq!(name(&indexed(), &[column]), "idx_bills_title_2");
    }

    #[test]
    fn an_index_that_is_not_ready_says_how_far_it_is() {
        let collection = indexed();
        let name = index::store_name(&collection.indexes[0], &collection);
        let of = |stage| vec![IndexState { table: collection.table(), name: name.clone(), stage }];
        let none = (Form::default(), Fields::default());
        let building = of(Stage::Building { progress: Some(0.4) });
        let failed = of(Stage::Failed { why: sample::HOSTILE.into() });
        let show = |states: &[IndexState], look| content(look, &collection, states, &none.0, &none.1);
        for (page, look) in sample::inside("indexes", |look| show(&building, look)) {
            assert!(page.contains(&look.lang.index_building(Some(0.4))) && page.contains("40"), "{page}");
        }
        for (page, look) in sample::inside("indexes", |look| show(&failed, look)) {
            assert!(page.contains(look.lang.index_failed("").trim_end()), "{page}");
        }
        let ready = of(Stage::Ready);
        let plain = sample::inside("indexes", |look| show(&ready, look));
        assert_eq!(plain, sample::inside("indexes", |look| show(&[], look)));
    }

    #[test]
    fn indexes_are_shown_in_both_languages() {
        let faults = Fields::one("indexes", "x", sample::HOSTILE);
        for (page, look) in
            sample::inside("indexes", |look| content(look, &indexed(), &[], &Form::default(), &faults))
        {
            assert!(
                page.contains("value=\"drop.idx_bills_title\"") && page.contains(look.words().index_unique)
            );
            assert!(!page.contains("<option value=\"extra\">"), "JSON is not offered");
        }
    }
}
