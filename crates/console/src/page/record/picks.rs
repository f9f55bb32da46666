//! What the pickers of relations offer: the records that are chosen now, and those that a search finds.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::Response;
use records::ListQuery;
use records::core::collection::Collection;
use records::core::field::{Field, FieldKind};
use serde_json::{Map, Value};

use crate::cell;
use crate::control::{self, Pick};
use crate::form::Form;
use crate::refusal::Refusal;
use crate::search;
use crate::session::Session;

/// `GET /_/collections/NAME/pick/FIELD?q=…`: what a search offers, for the script that searches as one types.
pub(crate) async fn pick(
    session: Session,
    Path((name, field)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let field = collection.field(&field).ok_or_else(Refusal::missing)?;
    let FieldKind::Relation { collection: target, .. } = &field.kind else {
        return Err(Refusal::missing());
    };
    let target = session.collection(target)?;
    let found = found(&session, &target, session.visitor.query.get("q")).await?;
    Ok(web::reply::html(control::options(session.look(), field, &found, &[]).into_string()))
}

/// The offers of all pickers of a form.
pub(super) async fn gather(
    session: &Session,
    collection: &Collection,
    record: &Map<String, Value>,
    form: Option<&Form>,
) -> Result<HashMap<String, Vec<Pick>>, Refusal> {
    let mut picks = HashMap::new();
    for field in &collection.fields {
        let FieldKind::Relation { collection: target, .. } = &field.kind else { continue };
        let Ok(target) = session.collection(target) else { continue };
        let mut offered = chosen(session, &target, &ids(field, record, form)).await?;
        let text = form.map(|form| form.get(&format!("_find.{}", field.name))).unwrap_or_default();
        for pick in found(session, &target, text).await? {
            if !offered.iter().any(|there| there.id == pick.id) {
                offered.push(pick);
            }
        }
        picks.insert(field.name.clone(), offered);
    }
    Ok(picks)
}

/// The ids that are chosen now.
fn ids(field: &Field, record: &Map<String, Value>, form: Option<&Form>) -> Vec<String> {
    match form {
        Some(form) => form.all(&control::name(field)).into_iter().filter(|id| !id.is_empty()).collect(),
        None => cell::list(record.get(&field.name).unwrap_or(&Value::Null))
            .into_iter()
            .map(str::to_owned)
            .collect(),
    }
}

/// The chosen records; one that is gone is offered by its id, so that saving changes nothing by itself.
async fn chosen(session: &Session, target: &Collection, ids: &[String]) -> Result<Vec<Pick>, Refusal> {
    let records = &session.shared().records;
    let mut picks = Vec::with_capacity(ids.len());
    for id in ids {
        let row = records.find(target, id).await?;
        let title = row.map(|row| cell::title(target, &records.values(target, &row).0, id));
        picks.push(Pick { id: id.clone(), title: title.unwrap_or_else(|| id.clone()) });
    }
    Ok(picks)
}

/// The newest records that hold the words.
async fn found(session: &Session, target: &Collection, text: &str) -> Result<Vec<Pick>, Refusal> {
    let shared = session.shared();
    let query = ListQuery {
        page_size: shared.config.picks_max,
        sort: "-id".to_owned(),
        filter: search::words(target, text),
        skips_total: true,
        ..Default::default()
    };
    let page = shared.records.list(&session.asks("GET", Map::new()), &target.name, &query).await?;
    let read = |item: &String| {
        let record: Map<String, Value> = serde_json::from_str(item).ok()?;
        let id = record.get("id")?.as_str()?.to_owned();
        Some(Pick { title: cell::title(target, &record, &id), id })
    };
    Ok(page.items.iter().filter_map(read).collect())
}
