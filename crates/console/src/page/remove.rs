//! Deleting records: asked once, with what will go.

use axum::extract::Path;
use axum::response::Response;
use base::error::{Fault, Kind};
use maud::{Markup, html};
use records::core::collection::Collection;
use serde_json::Map;

use crate::address;
use crate::cell;
use crate::form::Form;
use crate::frame::Said;
use crate::look::Look;
use crate::page::collections::count;
use crate::page::record::done;
use crate::refusal::Refusal;
use crate::session::Session;

/// `POST /_/collections/NAME/delete`: `id` (several), and `sure` once it was asked.
pub(crate) async fn submit(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let ids = form.all("id");
    let grid = address::collection(&collection.name, "");
    if ids.is_empty() {
        return Ok(web::reply::see_other(&grid));
    }
    if !form.has("sure") {
        return ask(&session, &collection, &ids, None).await;
    }
    if collection.is_superusers() && count(&session, &collection.name).await? <= ids.len() as u64 {
        return ask(&session, &collection, &ids, Some(session.words().last_superuser.to_owned())).await;
    }
    let records = &session.shared().records;
    for id in &ids {
        match records.delete(&session.asks("DELETE", Map::new()), &collection.name, id).await {
            Ok(()) => {}
            // an earlier one of the list has taken it with it
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return ask(&session, &collection, &ids, Some(error.public())).await,
        }
    }
    Ok(done(&grid, Said::Deleted))
}

async fn ask(
    session: &Session,
    collection: &Collection,
    ids: &[String],
    fault: Option<String>,
) -> Result<Response, Refusal> {
    let records = &session.shared().records;
    let mut named = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = records.find(collection, id).await? {
            named.push((id.as_str(), cell::title(collection, &records.values(collection, &row).0, id)));
        }
    }
    if named.is_empty() {
        return Err(Refusal::missing());
    }
    let title = session.look().lang.delete_these(named.len());
    let content = content(session.look(), collection, &title, &named, fault.as_deref());
    Ok(session.page(&title, Some(&collection.name), &content))
}

fn content(
    look: Look,
    collection: &Collection,
    title: &str,
    named: &[(&str, String)],
    fault: Option<&str>,
) -> Markup {
    let words = look.words();
    let grid = address::collection(&collection.name, "");
    html! {
        div.narrow {
            p.crumbs { a href=(grid) { (collection.name) } }
            div.heading { h1 { (title) } }
            p.lead { (words.delete_lead) }
            form.panel.gap method="post" action=(address::collection(&collection.name, "/delete")) {
                @if let Some(fault) = fault { p.fault-box role="alert" { (fault) } }
                input type="hidden" name="sure" value="1";
                ul.named {
                    @for (id, title) in named {
                        li { input type="hidden" name="id" value=(id); (title) @if title != id { " " code.soft { (id) } } }
                    }
                }
                div.ends {
                    button.bad #sure type="submit" { (words.delete_now) }
                    a.button.quiet href=(grid) { (words.cancel) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_will_go_is_named_before_it_goes() {
        let named = [("a", sample::HOSTILE.to_owned()), ("b", "온돌".to_owned())];
        let collection = sample::collection();
        for (page, look) in
            sample::inside("remove", |look| content(look, &collection, "?", &named, Some("No.")))
        {
            assert!(page.contains(look.words().delete_lead) && page.contains("온돌"));
            assert_eq!(page.matches("name=\"id\"").count(), 2);
        }
    }
}
