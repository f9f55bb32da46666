//! The API of a collection, ready to paste: curl and the JavaScript client, with the collection's real fields.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value, json};

use crate::frame::{self, Tab};
use crate::look::Look;
use crate::page::rules::who;
use crate::refusal::Refusal;
use crate::session::Session;

/// Fields that an example body holds.
const FIELDS_MAX: usize = 8;

/// One thing that the API does.
struct Deed<'a> {
    title: &'static str,
    method: &'static str,
    path: String,
    /// Who may; `None` where no rule is asked.
    rule: Option<Option<&'a str>>,
    curl: String,
    javascript: String,
}

/// `GET /_/collections/NAME/api`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let content = content(session.look(), &collection, &session.visitor.origin);
    Ok(session.page(&collection.name, Some(&collection.name), &content))
}

fn content(look: Look, collection: &Collection, origin: &str) -> Markup {
    let words = look.words();
    let client = format!("import PocketBase from 'pocketbase';\n\nconst pb = new PocketBase('{origin}');");
    html! {
        (frame::heading(look, &collection.name, collection.is_auth(), Tab::Api, &html! {}))
        div.narrow {
            p.lead { (words.api_lead) }
            section.panel.gap {
                h2 { (words.api_setup) }
                pre.snippet tabindex="0" { (client) }
            }
            @for deed in deeds(look, collection, origin) { (section(look, &deed)) }
        }
    }
}

fn section(look: Look, deed: &Deed<'_>) -> Markup {
    let words = look.words();
    html! {
        section.panel {
            h2 { (deed.title) }
            p.row.small {
                span.method { (deed.method) } code { (deed.path) }
                @if let Some(rule) = deed.rule { span.soft { (words.api_who) " " (who(look, rule)) } }
            }
            div.gap {
                h3.small { (words.api_javascript) }
                pre.snippet tabindex="0" { (deed.javascript) }
                @if !deed.curl.is_empty() {
                    h3.small { (words.api_curl) }
                    pre.snippet tabindex="0" { (deed.curl) }
                }
            }
        }
    }
}

fn deeds<'a>(look: Look, collection: &'a Collection, origin: &str) -> Vec<Deed<'a>> {
    let mut deeds = Vec::new();
    if collection.is_auth() {
        deeds.push(signing_in(look, collection, origin));
    }
    deeds.extend(reading(look, collection, origin));
    deeds.extend(writing(look, collection, origin));
    deeds.push(following(look, collection));
    if let Some(field) = collection.fields.iter().find(|field| matches!(field.kind, FieldKind::File(_))) {
        deeds.push(files(look, collection, field, origin));
    }
    deeds
}

fn reading<'a>(look: Look, collection: &'a Collection, origin: &str) -> [Deed<'a>; 2] {
    let (name, rules, filter) = (&collection.name, &collection.rules, filter(collection));
    let path = format!("/api/collections/{name}/records");
    let one = format!("{path}/ID");
    let list = Deed {
        title: look.words().api_list,
        method: "GET",
        rule: Some(rules.list.as_deref()),
        curl: format!(
            "curl -G {origin}{path} \\\n  --data-urlencode 'filter={filter}' \\\n  -d sort=-id -d perPage=20"
        ),
        javascript: format!(
            "const page = await pb.collection('{name}').getList(1, 20, {{\n  filter: '{filter}',\n  sort: '-id',{}\n}});",
            expand(collection)
        ),
        path,
    };
    let view = Deed {
        title: look.words().api_view,
        method: "GET",
        rule: Some(rules.view.as_deref()),
        curl: format!("curl {origin}{one}"),
        javascript: format!("const record = await pb.collection('{name}').getOne('ID');"),
        path: one,
    };
    [list, view]
}

fn writing<'a>(look: Look, collection: &'a Collection, origin: &str) -> [Deed<'a>; 3] {
    let (words, name, rules) = (look.words(), &collection.name, &collection.rules);
    let path = format!("/api/collections/{name}/records");
    let one = format!("{path}/ID");
    let body = pretty(&example(collection));
    let sent = compact(&example(collection)).replace('\'', "'\\''");
    let deed = |title, method, path: &str, rule: &'a Option<String>, javascript: String| {
        let data = format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{sent}'");
        let data = if method == "DELETE" { "" } else { &data };
        let curl = format!("curl -X {method} {origin}{path} \\\n  -H 'Authorization: TOKEN'{data}");
        Deed { title, method, path: path.to_owned(), rule: Some(rule.as_deref()), curl, javascript }
    };
    let (create, update, delete) = (
        format!("const record = await pb.collection('{name}').create({body});"),
        format!("const record = await pb.collection('{name}').update('ID', {body});"),
        format!("await pb.collection('{name}').delete('ID');"),
    );
    [
        deed(words.api_create, "POST", &path, &rules.create, create),
        deed(words.api_update, "PATCH", &one, &rules.update, update),
        deed(words.api_delete, "DELETE", &one, &rules.delete, delete),
    ]
}

fn following(look: Look, collection: &Collection) -> Deed<'_> {
    Deed {
        title: look.words().api_realtime,
        method: "GET",
        path: "/api/realtime".to_owned(),
        rule: Some(collection.rules.list.as_deref()),
        curl: String::new(),
        javascript: format!(
            "const stop = await pb.collection('{}').subscribe('*', (event) => {{\n  console.log(event.action, event.record);\n}});",
            collection.name
        ),
    }
}

fn signing_in<'a>(look: Look, collection: &'a Collection, origin: &str) -> Deed<'a> {
    let path = format!("/api/collections/{}/auth-with-password", collection.name);
    let body = r#"{"identity":"you@example.com","password":"…"}"#;
    Deed {
        title: look.words().api_sign_in,
        method: "POST",
        rule: Some(collection.rules.auth.as_deref()),
        curl: format!(
            "curl -X POST {origin}{path} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
        ),
        javascript: format!(
            "const {{ token, record }} = await pb.collection('{}')\n  .authWithPassword('you@example.com', '…');",
            collection.name
        ),
        path,
    }
}

fn files<'a>(look: Look, collection: &'a Collection, field: &Field, origin: &str) -> Deed<'a> {
    let path = format!("/api/files/{}/ID/NAME", collection.name);
    let name = &field.name;
    let chosen = if field.is_many() { format!("record.{name}[0]") } else { format!("record.{name}") };
    Deed {
        title: look.words().api_files,
        method: "GET",
        rule: None,
        curl: format!("curl -O '{origin}{path}?thumb=100x100'"),
        javascript: format!("const url = pb.files.getURL(record, {chosen}, {{ thumb: '100x100' }});"),
        path,
    }
}

/// A body with a likely value for each field.
fn example(collection: &Collection) -> Map<String, Value> {
    let fields = collection.fields.iter().filter(|f| !f.is_id() && f.name != "tokenKey");
    let mut body = Map::new();
    for field in fields.take(FIELDS_MAX + 2) {
        let Some(value) = likely(field) else { continue };
        body.insert(field.name.clone(), if field.is_many() { json!([value]) } else { value });
        if matches!(field.kind, FieldKind::Password { .. }) && collection.is_auth() {
            body.insert("passwordConfirm".into(), json!("…"));
        }
    }
    body
}

/// A likely value; `None` for what the server sets, and for files, which go as form data.
fn likely(field: &Field) -> Option<Value> {
    Some(match &field.kind {
        FieldKind::Text(_) => json!("온돌"),
        FieldKind::Editor { .. } => json!("<p>온돌</p>"),
        FieldKind::Number { .. } => json!(12),
        FieldKind::Bool => json!(true),
        FieldKind::Email { .. } => json!("you@example.com"),
        FieldKind::Url { .. } => json!("https://example.com"),
        FieldKind::Date { .. } => json!("2026-11-22 09:00:00.000Z"),
        FieldKind::Select { values, .. } => json!(values.first().map_or("", String::as_str)),
        FieldKind::Relation { .. } => json!("RECORD_ID"),
        FieldKind::Json { .. } => json!({ "a": 1 }),
        FieldKind::Password { .. } => json!("…"),
        FieldKind::GeoPoint => json!({ "lon": 126.978, "lat": 37.5665 }),
        FieldKind::Autodate { .. } | FieldKind::File(_) => return None,
    })
}

/// A filter on the first field that has a telling value.
fn filter(collection: &Collection) -> String {
    let found =
        collection.fields.iter().filter(|f| !f.is_id() && !f.is_hidden).find_map(|field| match &field.kind {
            FieldKind::Text(_) | FieldKind::Editor { .. } | FieldKind::Url { .. } => {
                Some(format!("{} ~ \"온돌\"", field.name))
            }
            FieldKind::Email { .. } => Some(format!("{} ~ \"example.com\"", field.name)),
            FieldKind::Number { .. } => Some(format!("{} > 0", field.name)),
            FieldKind::Bool => Some(format!("{} = true", field.name)),
            _ => None,
        });
    found.unwrap_or_else(|| "id != \"\"".to_owned())
}

fn expand(collection: &Collection) -> String {
    let related = collection.fields.iter().find(|f| matches!(f.kind, FieldKind::Relation { .. }));
    related.map(|field| format!("\n  expand: '{}',", field.name)).unwrap_or_default()
}

fn pretty(body: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

fn compact(body: &Map<String, Value>) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_examples_hold_the_real_fields() {
        let collection = sample::collection();
        for (page, look) in sample::inside("api", |look| content(look, &collection, "http://127.0.0.1:8090"))
        {
            assert!(page.contains("pb.collection('bills').getList(1, 20"));
            assert!(page.contains("http://127.0.0.1:8090/api/collections/bills/records"));
            assert!(
                page.contains("&quot;state&quot;:&quot;접수&quot;")
                    && page.contains(look.words().api_realtime)
            );
            assert!(page.contains("pb.files.getURL(record, record.picture"));
        }
    }
}
