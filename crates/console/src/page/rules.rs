//! The API rules of a collection: who may do what, each with its fault beside it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, json};

use crate::address;
use crate::fault;
use crate::form::Form;
use crate::frame::{self, Said, Tab};
use crate::look::Look;
use crate::page::fields::or_whole;
use crate::page::record::done;
use crate::refusal::Refusal;
use crate::session::Session;

/// Names of fields that are offered for rules.
const NAMES_MAX: usize = 24;

/// A rule as it stands in the form.
struct Line {
    key: &'static str,
    /// `None`: superusers only.
    text: Option<String>,
}

/// `GET /_/collections/NAME/rules`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    Ok(page(&session, &collection, &lines(&collection), &Fields::default()))
}

/// `POST /_/collections/NAME/rules`: `listRule`, `viewRule`, …; `listRule.locked` for superusers only.
pub(crate) async fn submit(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let mut now = lines(&collection);
    let mut sent = Map::new();
    for line in &mut now {
        let is_locked = form.has(&format!("{}.locked", line.key));
        line.text = (!is_locked).then(|| form.get(line.key).trim().to_owned());
        sent.insert(line.key.to_owned(), json!(line.text));
    }
    match session.shared().records.update_collection(&collection.id, &sent).await {
        Ok(_) => Ok(done(&address::collection(&collection.name, "/rules"), Said::Saved)),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            Ok((StatusCode::BAD_REQUEST, page(&session, &collection, &now, &or_whole(&error)))
                .into_response())
        }
        Err(error) => Err(error.into()),
    }
}

fn lines(collection: &Collection) -> Vec<Line> {
    let rules = &collection.rules;
    let mut lines = vec![
        ("listRule", &rules.list),
        ("viewRule", &rules.view),
        ("createRule", &rules.create),
        ("updateRule", &rules.update),
        ("deleteRule", &rules.delete),
    ];
    if collection.is_auth() {
        lines.extend([("authRule", &rules.auth), ("manageRule", &rules.manage)]);
    }
    lines.into_iter().map(|(key, text)| Line { key, text: text.clone() }).collect()
}

fn page(session: &Session, collection: &Collection, lines: &[Line], faults: &Fields) -> Response {
    let content = content(session.look(), collection, lines, faults);
    session.page(&collection.name, Some(&collection.name), &content)
}

fn content(look: Look, collection: &Collection, lines: &[Line], faults: &Fields) -> Markup {
    let words = look.words();
    let has_line =
        |key: &str| lines.iter().any(|line| line.key == key) && fault::told(look, faults, &[key]).is_some();
    html! {
        (frame::heading(look, &collection.name, collection.is_auth(), Tab::Rules, &html! {}))
        div.narrow {
            p.lead { (words.rules_lead) }
            (help(look, collection))
            form.fields.gap #rules method="post" data-guarded data-changed[!faults.is_empty()] {
                (fault::all(look, faults, has_line))
                @for line in lines { (line.draw(look, faults)) }
                div.ends.sticky { button type="submit" data-key="save" { (words.rules_save) } }
            }
        }
    }
}

impl Line {
    fn draw(&self, look: Look, faults: &Fields) -> Markup {
        let words = look.words();
        let (key, text) = (self.key, self.text.as_deref());
        let (title, lead) = title(look, key);
        let is_wrong = fault::told(look, faults, &[key]).is_some();
        html! {
            fieldset.panel.rule {
                legend.hide { (title) }
                div.head {
                    h2 { (title) }
                    label.check {
                        input type="checkbox" name={ (key) ".locked" } value="1" checked[text.is_none()];
                        (words.rule_locked)
                    }
                }
                p.hint { (lead) }
                label.hide for=(key) { (title) }
                textarea id=(key) name=(key) rows="2" spellcheck="false" autocapitalize="off"
                    placeholder=(words.rule_everybody) aria-invalid=[is_wrong.then_some("true")]
                    aria-describedby={ (key) "-fault" } { "\n" (text.unwrap_or_default()) }
                (fault::line(look, faults, &[key], key))
            }
        }
    }
}

fn title(look: Look, key: &str) -> (&'static str, &'static str) {
    let words = look.words();
    match key {
        "listRule" => (words.rule_list, words.rule_list_lead),
        "viewRule" => (words.rule_view, words.rule_view_lead),
        "createRule" => (words.rule_create, words.rule_create_lead),
        "updateRule" => (words.rule_update, words.rule_update_lead),
        "deleteRule" => (words.rule_delete, words.rule_delete_lead),
        "authRule" => (words.rule_auth, words.rule_auth_lead),
        _ => (words.rule_manage, words.rule_manage_lead),
    }
}

/// The names that a rule may hold, and two examples that nearly everybody needs.
fn help(look: Look, collection: &Collection) -> Markup {
    let words = look.words();
    let names =
        collection.fields.iter().filter(|f| !matches!(f.kind, FieldKind::Password { .. })).take(NAMES_MAX);
    let own = collection.fields.iter().find(|f| matches!(f.kind, FieldKind::Relation { .. })).map(own);
    let own = own.or_else(|| collection.is_auth().then(|| "id = @request.auth.id".to_owned()));
    html! {
        details.gap {
            summary { (words.rules_names) }
            p.names.gap {
                @for field in names { code { (field.name) } }
                @for name in ["@request.auth.id", "@request.auth.verified", "@request.body.*", "@request.query.*", "@collection.*", "@now"] {
                    code { (name) }
                }
            }
            p.examples.gap {
                span { code { "@request.auth.id != \"\"" } " " (words.rule_example_signed_in) }
                @if let Some(own) = own { span { code { (own) } " " (words.rule_example_own) } }
            }
        }
    }
}

/// "The record is related to whoever asks."
fn own(field: &Field) -> String {
    format!("{} {} @request.auth.id", field.name, if field.is_many() { "?=" } else { "=" })
}

/// Who may do a thing, in words: for the API page.
pub(crate) fn who(look: Look, rule: Option<&str>) -> Markup {
    let words = look.words();
    html! {
        @match rule {
            None => (words.rule_locked),
            Some("") => (words.reads_all),
            Some(rule) => code { (rule) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_fault_stands_at_its_own_rule() {
        let collection = sample::collection();
        let mut now = lines(&collection);
        now[1].text = Some(sample::HOSTILE.into());
        let faults = Fields::one("viewRule", "validation_invalid_rule", "Invalid rule: unknown field \"x\".");
        for (page, look) in sample::inside("rules", |look| content(look, &collection, &now, &faults)) {
            let told = page.split("id=\"viewRule-fault\">").nth(1).expect("a line");
            assert!(told.starts_with(&look.lang.fault(&faults.0["viewRule"]).replace('"', "&quot;")));
            assert!(page.contains("name=\"listRule.locked\" value=\"1\" checked"));
            assert!(page.contains(look.words().rule_view_lead) && !page.contains("authRule"));
        }
    }
}
