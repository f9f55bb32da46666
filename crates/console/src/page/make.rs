//! Making a collection.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::address;
use crate::form::Form;
use crate::frame::Said;
use crate::icon::Icon;
use crate::look::Look;
use crate::refusal::Refusal;
use crate::session::Session;

/// `GET /_/new`.
pub(crate) async fn show(session: Session) -> Response {
    page(&session, &Form::default(), &Fields::default())
}

/// `POST /_/new`: `name`, `type` (`base` or `auth`).
pub(crate) async fn submit(session: Session, form: Form) -> Result<Response, Refusal> {
    match session.shared().records.create_collection(&sent(&form)).await {
        Ok(made) => {
            let to = address::collection(&made.name, "/fields");
            Ok(web::reply::see_other(&address::with_query(&to, &[("said", Said::Made.code())])))
        }
        Err(error) if error.kind() == Kind::Invalid => {
            let reply = page(&session, &form, &Fields(error.data()));
            Ok((StatusCode::BAD_REQUEST, reply).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// A collection with the two automatic dates that nearly everybody wants.
fn sent(form: &Form) -> Map<String, Value> {
    let mut sent = Map::new();
    sent.insert("name".into(), json!(form.get("name").trim()));
    sent.insert("type".into(), json!(if form.get("type") == "auth" { "auth" } else { "base" }));
    let dates = json!([
        { "name": "created", "type": "autodate", "onCreate": true, "onUpdate": false },
        { "name": "updated", "type": "autodate", "onCreate": true, "onUpdate": true },
    ]);
    sent.insert("fields".into(), dates);
    sent
}

fn page(session: &Session, form: &Form, faults: &Fields) -> Response {
    let title = session.words().new_collection;
    session.page(title, None, &content(session.look(), form, faults))
}

fn content(look: Look, form: &Form, faults: &Fields) -> Markup {
    let words = look.words();
    let fault = faults.0.get("name").map(|fault| look.lang.fault(fault));
    let is_auth = form.get("type") == "auth";
    html! {
        div.narrow {
            p.crumbs { a href="/_/collections" { (words.collections) } }
            div.heading { h1 { (words.new_collection) } }
            form.fields method="post" action="/_/new" {
                div.field {
                    label for="name" { (words.name) }
                    input #name name="name" value=(form.get("name")) required autofocus autocomplete="off" spellcheck="false"
                        autocapitalize="off" placeholder="posts" aria-describedby="name-hint name-fault"
                        aria-invalid=[fault.is_some().then_some("true")];
                    p.hint #name-hint { (words.name_hint) }
                    p.fault #name-fault { @if let Some(fault) = &fault { (fault) } }
                }
                fieldset.field {
                    legend { (words.kind) }
                    div.choices {
                        (choice("base", Icon::Stack, words.kind_base, words.kind_base_lead, !is_auth))
                        (choice("auth", Icon::People, words.kind_auth, words.kind_auth_lead, is_auth))
                    }
                }
                (others(look, faults))
                p.hint { (words.more_later) }
                div.ends {
                    button type="submit" data-key="save" { (words.make_collection) }
                    a.button.quiet href="/_/collections" { (words.cancel) }
                }
            }
        }
    }
}

fn choice(value: &str, icon: Icon, title: &str, lead: &str, is_chosen: bool) -> Markup {
    html! {
        label.choice {
            input type="radio" name="type" value=(value) checked[is_chosen];
            strong { (icon.draw()) (title) }
            span.hint { (lead) }
        }
    }
}

/// Faults that belong to no control of this page.
fn others(look: Look, faults: &Fields) -> Markup {
    html! {
        @for (name, fault) in faults.0.iter().filter(|(name, _)| *name != "name") {
            p.fault-box role="alert" { (name) ": " (look.lang.fault(fault)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_refused_name_is_shown_again_with_its_fault() {
        let faults = Fields::one("name", "validation_match_invalid", "Must be in a valid format.");
        let form = Form::of([("name", sample::HOSTILE), ("type", "auth")]);
        for (page, look) in sample::inside("make", |look| content(look, &form, &faults)) {
            assert!(page.contains(&look.lang.fault(&faults.0["name"])));
            assert!(page.contains("name=\"type\" value=\"auth\" checked"));
        }
    }
}
