//! The settings of a collection: its name, signing in, and what can't be taken back, with the name typed to confirm.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::{Fault, Fields, Kind};
use maud::{Markup, html};
use records::core::collection::{AuthOptions, Collection};
use records::core::field::FieldKind;
use serde_json::{Map, Value, json};

use crate::address;
use crate::fault;
use crate::form::Form;
use crate::frame::{self, Said, Tab};
use crate::look::Look;
use crate::page::fields::or_whole;
use crate::page::record::done;
use crate::refusal::Refusal;
use crate::session::Session;

/// `GET /_/collections/NAME/settings`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    Ok(page(&session, &collection, &Form::default(), &Fields::default()))
}

/// `POST /_/collections/NAME/settings`: `_do` is `rename` (`name`), `auth` (`has_password`, `identity`, `token_seconds`),
/// `empty` or `drop` (`confirm`: the collection's name).
pub(crate) async fn submit(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let action = form.get("_do");
    if matches!(action, "empty" | "drop") && form.get("confirm").trim() != collection.name {
        let faults = Fields::one(action, "console_type_wrong", session.words().type_wrong);
        return Ok(again(&session, &collection, &form, &faults));
    }
    match act(&session, &collection, &form).await {
        Ok(reply) => Ok(reply),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            Ok(again(&session, &collection, &form, &or_whole(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn act(session: &Session, collection: &Collection, form: &Form) -> Result<Response, records::Error> {
    let records = &session.shared().records;
    match form.get("_do") {
        "empty" => {
            records.truncate_collection(&collection.id).await?;
            Ok(done(&address::collection(&collection.name, ""), Said::Emptied))
        }
        "drop" => {
            records.delete_collection(&collection.id).await?;
            Ok(done("/_/collections", Said::Deleted))
        }
        action => {
            let sent = if action == "auth" { signing_in(form) } else { named(form) };
            let saved = records.update_collection(&collection.id, &sent).await?;
            Ok(done(&address::collection(&saved.name, "/settings"), Said::Saved))
        }
    }
}

fn named(form: &Form) -> Map<String, Value> {
    [("name".to_owned(), json!(form.get("name").trim()))].into_iter().collect()
}

fn signing_in(form: &Form) -> Map<String, Value> {
    let seconds = form.get("token_seconds").trim();
    let seconds = seconds.parse::<u64>().map_or_else(|_| json!(seconds), Value::from);
    let password = json!({ "enabled": form.has("has_password"), "identityFields": form.all("identity") });
    let pairs =
        [("passwordAuth".to_owned(), password), ("authToken".to_owned(), json!({ "duration": seconds }))];
    pairs.into_iter().collect()
}

fn again(session: &Session, collection: &Collection, form: &Form, faults: &Fields) -> Response {
    (StatusCode::BAD_REQUEST, page(session, collection, form, faults)).into_response()
}

fn page(session: &Session, collection: &Collection, form: &Form, faults: &Fields) -> Response {
    let providers = session.shared().identity.provider_names(collection);
    let content = content(session.look(), collection, &providers, form, faults);
    session.page(&collection.name, Some(&collection.name), &content)
}

fn content(
    look: Look,
    collection: &Collection,
    providers: &[String],
    form: &Form,
    faults: &Fields,
) -> Markup {
    let words = look.words();
    let has_line =
        |key: &str| matches!(key, "name" | "empty" | "drop") && fault::told(look, faults, &[key]).is_some();
    html! {
        (frame::heading(look, &collection.name, collection.is_auth(), Tab::Settings, &html! {}))
        div.narrow {
            (fault::all(look, faults, has_line))
            @if collection.is_system { p.note { (words.system_collection) } }
            @else { (renaming(look, collection, form, faults)) }
            @if let Some(auth) = &collection.auth { (auth_panel(look, collection, auth)) }
            @if !providers.is_empty() { (providers_panel(look, collection, providers)) }
            @if !collection.is_superusers() { (danger(look, collection, faults)) }
        }
    }
}

fn renaming(look: Look, collection: &Collection, form: &Form, faults: &Fields) -> Markup {
    let words = look.words();
    html! {
        section.panel {
            h2 { (words.settings_name) }
            p.hint { (words.rename_lead) }
            form.fields #rename method="post" {
                div.field {
                    label.hide for="name" { (words.settings_name) }
                    input #name name="name" value=(form.find("name").unwrap_or(&collection.name)) required autocomplete="off"
                        spellcheck="false" autocapitalize="off" aria-describedby="name-fault";
                    (fault::line(look, faults, &["name"], "name"))
                }
                div { button type="submit" name="_do" value="rename" data-key="save" { (words.rename) } }
            }
        }
    }
}

fn auth_panel(look: Look, collection: &Collection, auth: &AuthOptions) -> Markup {
    let words = look.words();
    let names =
        collection.fields.iter().filter(|f| matches!(f.kind, FieldKind::Text(_) | FieldKind::Email { .. }));
    let names = names.filter(|f| !f.is_hidden && !f.is_id());
    html! {
        section.panel {
            h2 { (words.settings_auth) }
            form.fields #auth method="post" {
                label.check {
                    input type="checkbox" name="has_password" value="1" checked[auth.has_password];
                    (words.auth_password)
                }
                fieldset.field {
                    legend { (words.auth_identity) }
                    div.checks {
                        @for field in names {
                            label.check {
                                input type="checkbox" name="identity" value=(field.name)
                                    checked[auth.identity_fields.contains(&field.name)];
                                (field.name)
                            }
                        }
                    }
                    p.hint { (words.auth_identity_hint) }
                }
                div.field {
                    label for="token_seconds" { (words.auth_token_seconds) }
                    input #token_seconds name="token_seconds" type="number" min="1" step="1" value=(auth.token_seconds);
                }
                div { button type="submit" name="_do" value="auth" { (words.save) } }
            }
        }
    }
}

/// The providers that the collection names, each with the page on which it is tried.
fn providers_panel(look: Look, collection: &Collection, providers: &[String]) -> Markup {
    let words = look.words();
    let page = |name: &str| {
        let path = format!("/auth/try/{}", address::escaped(name));
        address::with_query(&path, &[("collection", &collection.name)])
    };
    html! {
        section.panel {
            h2 { (words.providers) }
            p.hint { (words.providers_lead) }
            ul { @for name in providers { li.row { code.grow { (name) } a href=(page(name)) { (words.try_it) } } } }
        }
    }
}

fn danger(look: Look, collection: &Collection, faults: &Fields) -> Markup {
    let words = look.words();
    html! {
        section.panel.danger {
            h2 { (words.danger) }
            (confirmed(look, faults, "empty", words.empty_collection, words.empty_lead, &collection.name))
            @if !collection.is_system {
                hr;
                (confirmed(look, faults, "drop", words.drop_collection, words.drop_lead, &collection.name))
            }
        }
    }
}

/// A deed that needs the collection's name typed.
fn confirmed(look: Look, faults: &Fields, action: &str, title: &str, lead: &str, name: &str) -> Markup {
    let words = look.words();
    let id = format!("{action}-confirm");
    html! {
        form.field id=(action) method="post" {
            label for=(id) { (title) }
            p.hint { (lead) " " (words.type_name) ": " code { (name) } }
            div.row {
                input.grow id=(id) name="confirm" autocomplete="off" spellcheck="false" autocapitalize="off" required
                    aria-describedby={ (action) "-fault" };
                button.bad type="submit" name="_do" value=(action) { (title) }
            }
            (fault::line(look, faults, &[action], action))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_can_not_be_taken_back_asks_for_the_name() {
        let collection = sample::collection();
        let faults = Fields::one("drop", "console_type_wrong", "That is not the name.");
        let (form, providers) = (Form::of([("name", sample::HOSTILE)]), ["a b".to_owned()]);
        for (page, look) in
            sample::inside("settings", |look| content(look, &collection, &providers, &form, &faults))
        {
            assert!(page.contains("href=\"/auth/try/a%20b?collection="));
            assert!(page.contains("id=\"drop-confirm\"") && page.contains("id=\"empty-confirm\""));
            assert!(page.contains(look.words().drop_lead) && page.contains("That is not the name."));
        }
    }
}
