//! A record: the form that makes one and the form that changes one, drawn from the collection's fields.

mod picks;

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use records::Shape;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};

use crate::address;
use crate::cell;
use crate::control::{self, Controls};
use crate::fault;
use crate::form::Form;
use crate::frame::Said;
use crate::icon::Icon;
use crate::look::Look;
use crate::page::collections::moment;
use crate::page::grid::has_protected;
use crate::refusal::Refusal;
use crate::session::Session;

pub(crate) use picks::pick;

/// What the form shows.
struct View {
    collection: Arc<Collection>,
    /// Empty for a new record.
    record: Map<String, Value>,
    /// The version that is shown; 0 for a new record.
    rev: i64,
    form: Option<Form>,
    faults: Fields,
    /// A fault of the whole form.
    fault: Option<String>,
}

/// `GET /_/collections/NAME/new`.
pub(crate) async fn new(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let view = View::new(session.collection(&name)?);
    view.page(&session).await
}

/// `GET /_/collections/NAME/records/ID`.
pub(crate) async fn show(
    session: Session,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let view = View::of(&session, session.collection(&name)?, &id).await?;
    view.page(&session).await
}

/// `POST /_/collections/NAME/new`: `f.FIELD` for each field.
pub(crate) async fn create(
    session: Session,
    Path(name): Path<String>,
    mut form: Form,
) -> Result<Response, Refusal> {
    let mut view = View::new(session.collection(&name)?);
    let uploads = std::mem::take(&mut form.uploads);
    let sent = control::read(&view.collection, &form, uploads, true);
    view.form = Some(form);
    if view.is_finding() || !sent.faults.is_empty() {
        return view.again(&session, sent.faults).await;
    }
    let request = session.asks("POST", sent.draft.values.clone());
    match session
        .shared()
        .records
        .create(&request, &view.collection.name, sent.draft, &Shape::default())
        .await
    {
        Ok(_) => Ok(done(&address::collection(&view.collection.name, ""), Said::Made)),
        Err(error) => view.refused(&session, error).await,
    }
}

/// `POST /_/collections/NAME/records/ID`: `f.FIELD` for each field, `_rev` for the version that was shown.
pub(crate) async fn update(
    session: Session,
    Path((name, id)): Path<(String, String)>,
    mut form: Form,
) -> Result<Response, Refusal> {
    let mut view = View::of(&session, session.collection(&name)?, &id).await?;
    let uploads = std::mem::take(&mut form.uploads);
    let sent = control::read(&view.collection, &form, uploads, false);
    let is_stale = form.get("_rev") != view.rev.to_string();
    view.form = Some(form);
    if is_stale {
        view.fault = Some(session.words().changed_meanwhile.to_owned());
    }
    if view.is_finding() || is_stale || !sent.faults.is_empty() {
        return view.again(&session, sent.faults).await;
    }
    let request = session.asks("PATCH", sent.draft.values.clone());
    let (records, name) = (&session.shared().records, &view.collection.name);
    match records.update(&request, name, &id, sent.draft, &Shape::default()).await {
        Ok(_) => Ok(done(&address::record(name, &id), Said::Saved)),
        Err(error) => view.refused(&session, error).await,
    }
}

/// Where a field stands in the form: how an account signs in first, what is rarely touched last.
fn rank(field: &Field) -> u8 {
    match &field.kind {
        _ if field.is_id() => 5,
        FieldKind::Email { .. } if field.is_system => 0,
        FieldKind::Password { .. } if field.is_system => 1,
        FieldKind::Bool if field.is_system => 4,
        _ => 3,
    }
}

/// Look there next, and be told what was done.
pub(crate) fn done(to: &str, said: Said) -> Response {
    web::reply::see_other(&address::with_query(to, &[("said", said.code())]))
}

impl View {
    fn new(collection: Arc<Collection>) -> View {
        View { collection, record: Map::new(), rev: 0, form: None, faults: Fields::default(), fault: None }
    }

    async fn of(session: &Session, collection: Arc<Collection>, id: &str) -> Result<View, Refusal> {
        let records = &session.shared().records;
        let row = records.find(&collection, id).await?.ok_or_else(Refusal::missing)?;
        let request = session.asks("GET", Map::new());
        let text = records.render(&request, &collection, &row, &Shape::default()).await?;
        let record = serde_json::from_str(&text).map_err(|error| web::Problem::internal(&error))?;
        Ok(View { record, rev: row.rev, ..View::new(collection) })
    }

    fn is_new(&self) -> bool {
        self.record.is_empty()
    }

    /// Whether a picker's search was sent, not the form itself.
    fn is_finding(&self) -> bool {
        self.form.as_ref().is_some_and(|form| form.get("_do") == "find")
    }

    async fn refused(self, session: &Session, error: records::Error) -> Result<Response, Refusal> {
        match error.kind() {
            Kind::Invalid | Kind::TooLarge | Kind::Conflict => {
                let faults = Fields(error.data());
                let fault = faults.is_empty().then(|| error.public());
                View { fault, ..self }.again(session, faults).await
            }
            _ => Err(error.into()),
        }
    }

    /// The form once more, as it was sent, with what is wrong.
    async fn again(mut self, session: &Session, faults: Fields) -> Result<Response, Refusal> {
        if self.is_finding() {
            return self.page(session).await;
        }
        if !faults.is_empty() {
            self.fault = Some(session.words().see_form.to_owned());
        }
        self.faults = faults;
        Ok((StatusCode::BAD_REQUEST, self.page(session).await?).into_response())
    }

    async fn page(&self, session: &Session) -> Result<Response, Refusal> {
        let picks = picks::gather(session, &self.collection, &self.record, self.form.as_ref()).await?;
        let file_token = if has_protected(&self.collection) { session.file_token()? } else { String::new() };
        let controls = Controls {
            look: session.look(),
            collection: &self.collection,
            record: &self.record,
            form: self.form.as_ref(),
            faults: &self.faults,
            picks: &picks,
            file_token: &file_token,
        };
        let title = self.title(session.look());
        Ok(session.page(
            &title,
            Some(&self.collection.name),
            &self.content(session.look(), &title, &controls),
        ))
    }

    fn title(&self, look: Look) -> String {
        if self.is_new() {
            return look.lang.new_record_in(&self.collection.name);
        }
        cell::title(&self.collection, &self.record, self.id())
    }

    fn id(&self) -> &str {
        self.record.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    fn content(&self, look: Look, title: &str, controls: &Controls<'_>) -> Markup {
        let words = look.words();
        let name = &self.collection.name;
        html! {
            div.narrow {
                p.crumbs { a href=(address::collection(name, "")) { (name) } }
                div.heading { h1 { (title) } }
                @if !self.is_new() { (self.meta(look)) }
                form.fields #record method="post" enctype="multipart/form-data" data-guarded
                    data-changed[self.form.is_some()] novalidate {
                    button.hide type="submit" tabindex="-1" aria-hidden="true" { (words.save) }
                    @if let Some(fault) = &self.fault { p.fault-box role="alert" { (fault) } }
                    (fault::all(look, &self.faults, |name| self.has_control(name)))
                    @if !self.is_new() { input type="hidden" name="_rev" value=(self.rev); }
                    (self.controls(controls))
                    div.ends.sticky {
                        button type="submit" data-key="save" { (words.save) }
                        a.button.quiet href=(address::collection(name, "")) { (words.cancel) }
                        @if !self.is_new() {
                            button.bad.far type="submit" form="delete" { (Icon::Trash.draw()) (words.delete) }
                        }
                    }
                }
                @if !self.is_new() {
                    form #delete method="post" action=(address::collection(name, "/delete")) {
                        input type="hidden" name="id" value=(self.id());
                    }
                }
            }
        }
    }

    /// Whether a fault of this name stands beside a control.
    fn has_control(&self, name: &str) -> bool {
        let field = self.collection.field(name);
        name == "passwordConfirm"
            || field.is_some_and(|f| control::is_editable(f) && (self.is_new() || !f.is_id()))
    }

    fn controls(&self, controls: &Controls<'_>) -> Markup {
        let mut fields: Vec<&Field> =
            self.collection.fields.iter().filter(|f| control::is_editable(f)).collect();
        fields.retain(|field| self.is_new() || !field.is_id());
        fields.sort_by_key(|field| rank(field));
        html! { @for field in fields { (controls.draw(field)) } }
    }

    /// The id and the times that the server set.
    fn meta(&self, look: Look) -> Markup {
        let words = look.words();
        let dates = self.collection.fields.iter().filter(|f| matches!(f.kind, FieldKind::Autodate { .. }));
        html! {
            p.meta {
                span { (words.record_id) " " code { (self.id()) } }
                @for field in dates {
                    span {
                        (match field.name.as_str() {
                            "created" => words.created,
                            "updated" => words.updated,
                            other => other,
                        })
                        " " b { (moment(self.record.get(&field.name).and_then(Value::as_str).unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Pick;
    use crate::sample;

    fn form(view: &View, look: Look) -> Markup {
        let picks = [("author".to_owned(), vec![Pick { id: "p1".into(), title: "이하늘".into() }])].into();
        let controls = Controls {
            look,
            collection: &view.collection,
            record: &view.record,
            form: view.form.as_ref(),
            faults: &view.faults,
            picks: &picks,
            file_token: "",
        };
        view.content(look, &view.title(look), &controls)
    }

    #[test]
    fn each_kind_of_field_gets_its_control() {
        let record = sample::record("온돌 난방 지원법");
        let view = View { record, rev: 3, ..View::new(sample::collection()) };
        for (page, _) in sample::inside("record", |look| form(&view, look)) {
            for part in [
                "<textarea id=\"f-title\"",
                "type=\"number\" step=\"1\" min=\"0\" value=\"2104\"",
                "name=\"f.passed\" type=\"checkbox\" value=\"true\" checked",
                "type=\"datetime-local\" step=\"any\" value=\"2026-11-20T03:04:05\"",
                "<option value=\"심사\" selected>",
                "name=\"f.papers.remove\" value=\"draft.pdf\"",
                "type=\"radio\" name=\"f.author\" value=\"p1\" checked",
                "name=\"f.place.lon\" type=\"number\" step=\"any\" value=\"126.978\"",
                "name=\"_rev\" value=\"3\"",
            ] {
                assert!(page.contains(part), "{part}");
            }
            assert!(!page.contains("name=\"f.created\""), "what the server sets has no control");
        }
    }

    #[test]
    fn what_was_sent_is_shown_again_with_its_faults() {
        let faults = Fields::one("title", "validation_required", "Cannot be blank.");
        let sent = Form::of([("f.title", sample::HOSTILE), ("f.extra", "{oops"), ("f.number", "12x")]);
        let view = View { form: Some(sent), faults, ..View::new(sample::collection()) };
        for (page, look) in sample::inside("record-faults", |look| form(&view, look)) {
            let fault = if look.lang == crate::words::Lang::Ko {
                "꼭 입력해 주세요."
            } else {
                "Cannot be blank."
            };
            assert!(page.contains(fault) && page.contains("{oops") && page.contains("12x"));
            assert!(page.contains("aria-invalid=\"true\" aria-describedby=\"f-title-fault\""));
        }
    }
}
