//! The fields of a collection: added, renamed, ordered, removed, with their options. The form carries the whole state
//! until it is saved, so that every button works without scripts.

mod line;
mod option;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use records::core::collection::Collection;
use serde_json::{Map, Value};

use crate::address;
use crate::fault;
use crate::form::Form;
use crate::frame::{self, Said, Tab};
use crate::icon::Icon;
use crate::look::Look;
use crate::page::record::done;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::words::ADDABLE;
use line::{Line, Others, lines};

/// Fields that a form may hold.
const FIELDS_MAX: usize = 500;

/// `GET /_/collections/NAME/fields`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    Ok(page(&session, &collection, &lines(&collection), &Fields::default(), false))
}

/// `POST /_/collections/NAME/fields`: `field.N.KEY` for each field, and `_do`: `save`, `add` (with `add_type`), `up.N`,
/// `down.N`, `remove.N`, `keep.N`. Only `save` saves.
pub(crate) async fn submit(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let kept = lines(&collection);
    let mut now: Vec<Line> = Vec::new();
    while now.len() < FIELDS_MAX && form.has(&format!("field.{}.type", now.len())) {
        now.push(Line::read(&form, now.len(), &kept));
    }
    let action = form.get("_do");
    if action != "save" {
        change(&mut now, action, form.get("add_type"));
        return Ok(page(&session, &collection, &now, &Fields::default(), true));
    }
    match session.shared().records.update_collection(&collection.id, &sent(&now)).await {
        Ok(saved) => Ok(done(&address::collection(&saved.name, "/fields"), Said::Saved)),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            let faults = or_whole(&error);
            Ok((StatusCode::BAD_REQUEST, page(&session, &collection, &now, &faults, true)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The faults of an error; one without details counts as one of the whole form.
pub(crate) fn or_whole(error: &records::Error) -> Fields {
    let faults = Fields(error.data());
    if faults.is_empty() { Fields::one("–", "console_whole", &error.public()) } else { faults }
}

fn sent(now: &[Line]) -> Map<String, Value> {
    let fields = now.iter().filter(|line| !line.is_removed).map(|line| Value::Object(line.wire.clone()));
    [("fields".to_owned(), fields.collect::<Vec<_>>().into())].into_iter().collect()
}

/// Does what a button asks for, in the form only.
fn change(lines: &mut Vec<Line>, action: &str, kind: &str) {
    let (action, place) = action.split_once('.').unwrap_or((action, ""));
    let place = place.parse::<usize>().ok().filter(|place| *place < lines.len());
    match (action, place) {
        ("add", _) if ADDABLE.contains(&kind) => {
            // new fields come before the automatic dates that close most collections
            let is_date = |line: &Line| line.wire.get("type").is_some_and(|kind| kind == "autodate");
            let end = lines.iter().rposition(|line| !is_date(line)).map_or(lines.len(), |last| last + 1);
            lines.insert(if kind == "autodate" { lines.len() } else { end }, Line::fresh(kind));
        }
        ("up", Some(place)) if place > 0 => {
            lines[place].is_open = true;
            lines.swap(place - 1, place);
        }
        ("down", Some(place)) if place + 1 < lines.len() => {
            lines[place].is_open = true;
            lines.swap(place, place + 1);
        }
        ("remove", Some(place)) if lines[place].wire.get("id").is_none() => drop(lines.remove(place)),
        ("remove", Some(place)) => lines[place].is_removed = true,
        ("keep", Some(place)) => lines[place].is_removed = false,
        _ => {}
    }
}

fn page(
    session: &Session,
    collection: &Collection,
    now: &[Line],
    faults: &Fields,
    is_changed: bool,
) -> Response {
    let catalog = session.shared().records.catalog();
    let targets: Vec<(String, String)> =
        catalog.all().iter().map(|c| (c.id.clone(), c.name.clone())).collect();
    let others = Others { targets: &targets, count: now.len() };
    let content = content(session.look(), collection, now, faults, &others, is_changed);
    session.page(&collection.name, Some(&collection.name), &content)
}

fn content(
    look: Look,
    collection: &Collection,
    now: &[Line],
    faults: &Fields,
    others: &Others<'_>,
    is_changed: bool,
) -> Markup {
    let words = look.words();
    let is_told_elsewhere = |key: &str| key == "fields" && fault::told(look, faults, &["fields"]).is_none();
    html! {
        (frame::heading(look, &collection.name, collection.is_auth(), Tab::Fields, &html! {}))
        div.narrow {
            p.lead { (words.fields_lead) }
            form.gap #fields method="post" data-guarded data-changed[is_changed] {
                button.hide type="submit" name="_do" value="save" tabindex="-1" aria-hidden="true" { (words.fields_save) }
                @if !faults.is_empty() { p.fault-box role="alert" { (words.see_form) } }
                (fault::all(look, faults, is_told_elsewhere))
                ul.cards { (cards(look, now, faults, others)) }
                div.panel.gap { (adding(look)) }
                div.ends.sticky {
                    button type="submit" name="_do" value="save" data-key="save" { (words.fields_save) }
                    @if is_changed {
                        a.button.quiet href=(address::collection(&collection.name, "/fields")) { (words.cancel) }
                        span.soft.small { (words.not_saved_yet) }
                    }
                }
            }
        }
    }
}

fn cards(look: Look, now: &[Line], faults: &Fields, others: &Others<'_>) -> Markup {
    let mut sent = 0;
    html! {
        @for (place, line) in now.iter().enumerate() {
            (line.draw(look, place, sent, faults, others))
            @if !line.is_removed { (tally(&mut sent)) }
        }
    }
}

fn tally(count: &mut usize) -> &'static str {
    *count += 1;
    ""
}

fn adding(look: Look) -> Markup {
    let words = look.words();
    html! {
        div.field {
            label for="add_type" { (words.add_field) }
            div.row {
                select #add_type.grow name="add_type" {
                    @for kind in ADDABLE { option value=(kind) { (look.lang.field_kind(kind)) } }
                }
                button.secondary type="submit" name="_do" value="add" data-key="n" formnovalidate {
                    (Icon::Plus.draw()) (words.add)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    fn names(lines: &[Line]) -> Vec<&str> {
        lines.iter().filter_map(|line| line.wire.get("name")?.as_str()).collect()
    }

    #[test]
    fn every_kind_can_be_edited_in_both_languages() {
        let collection = sample::collection();
        let mut now = lines(&collection);
        now[2].is_removed = true;
        let wire = json!({"fields": {"1": {"name": {"code": "validation_required", "message": "Cannot be blank."}}}});
        let faults = Fields(wire.as_object().cloned().unwrap_or_default());
        change(&mut now, "add", "geoPoint");
        let targets = [("people".to_owned(), sample::HOSTILE.to_owned())];
        for (page, look) in sample::inside("fields", |look| {
            let others = Others { targets: &targets, count: now.len() };
            content(look, &collection, &now, &faults, &others, true)
        }) {
            assert!(page.contains(&look.lang.fault(&faults.0["fields"]["1"]["name"])));
            assert!(page.contains("name=\"field.8.values\"") && page.contains("가결"));
            assert!(page.contains(look.words().removed_on_save));
        }
    }

    #[test]
    fn a_form_that_was_read_again_says_the_same() {
        let kept = lines(&sample::collection());
        let form = Form::of([
            ("field.0.id", kept[1].wire["id"].as_str().unwrap_or_default()),
            ("field.0.type", "text"),
            ("field.0.name", " subject "),
            ("field.0.max", "80"),
            ("field.1.type", "select"),
            ("field.1.name", "state"),
            ("field.1.values", "접수\n심사"),
        ]);
        let (known, new) = (Line::read(&form, 0, &kept), Line::read(&form, 1, &kept));
        assert_eq!((&known.wire["name"], &known.wire["max"]), (&json!("subject"), &json!(80)));
        assert_eq!(known.wire["id"], kept[1].wire["id"]);
        assert_eq!((new.wire.get("id"), &new.wire["values"]), (None, &json!(["접수", "심사"])));
    }

    #[test]
    fn buttons_change_the_order_and_nothing_else() {
        let mut now = lines(&sample::collection());
        let before = names(&now).join(" ");
        change(&mut now, "down.1", "");
        change(&mut now, "up.2", "");
        assert_eq!(names(&now).join(" "), before);
        change(&mut now, "up.0", "");
        change(&mut now, "down.99", "");
        change(&mut now, "add", "nonsense");
        assert_eq!(names(&now).join(" "), before);
    }
}
