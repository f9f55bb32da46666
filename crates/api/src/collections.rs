//! `/api/collections`: for superusers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use base::chance;
use base::error::Fields;
use records::core::catalog::Catalog;
use records::core::change;
use records::core::collection::Collection;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use web::request::Path;
use web::{Problem, body, reply};

use crate::caller::Caller;
use crate::service::Inner;

mod choose;

type Service = State<Arc<Inner>>;

/// `GET /api/collections`: one page, with a simple `filter` and `sort` over name, type, system and dates.
pub(crate) async fn list(State(service): Service, request: Request<Body>) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let caller = Caller::superuser(&service, &head).await?;
    let limits = service.records.limits();
    let size = match caller.number("perPage")? {
        0 => limits.page_size_default,
        size => size.min(limits.page_size_max),
    };
    let page = caller.number("page")?.max(1);
    let chosen =
        choose::choose(&service.records.catalog(), caller.parameter("filter"), caller.parameter("sort"))
            .map_err(Problem::invalid)?;
    let total = chosen.len() as u64;
    let begin = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let items: Vec<_> = chosen
        .iter()
        .skip(begin)
        .take(usize::try_from(size).unwrap_or(usize::MAX))
        .map(|collection| change::to_wire(collection))
        .collect();
    let pages = total.div_ceil(size);
    reply::json(
        &json!({ "page": page, "perPage": size, "totalItems": total, "totalPages": pages, "items": items }),
    )
}

/// `GET /api/collections/{collection}`.
pub(crate) async fn view(
    State(service): Service,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    Caller::superuser(&service, &head).await?;
    wire(&*service.records.collection(&name).await?.ok_or_else(Problem::missing)?)
}

/// `POST /api/collections`.
pub(crate) async fn create(State(service): Service, request: Request<Body>) -> Result<Response, Problem> {
    let sent = object(&service, request).await?;
    wire(&*service.records.create_collection(&sent).await?)
}

/// `PATCH /api/collections/{collection}`.
pub(crate) async fn update(
    State(service): Service,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let sent = object(&service, request).await?;
    wire(&*service.records.update_collection(&name, &sent).await?)
}

/// `DELETE /api/collections/{collection}`: with its records and files.
pub(crate) async fn delete(
    State(service): Service,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    Caller::superuser(&service, &head).await?;
    service.records.delete_collection(&name).await?;
    Ok(reply::no_content())
}

/// `DELETE /api/collections/{collection}/truncate`: all its records.
pub(crate) async fn truncate(
    State(service): Service,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    Caller::superuser(&service, &head).await?;
    service.records.truncate_collection(&name).await?;
    Ok(reply::no_content())
}

#[derive(Deserialize)]
struct Import {
    #[serde(default)]
    collections: Vec<Map<String, Value>>,
    #[serde(default, rename = "deleteMissing")]
    deletes_missing: bool,
}

/// `PUT /api/collections/import`: makes and changes many at once.
pub(crate) async fn import(State(service): Service, request: Request<Body>) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    Caller::superuser(&service, &head).await?;
    let sent: Import = body::json(body, service.config.values_bytes_max.0).await?;
    if sent.collections.is_empty() {
        let blank = Fields::one("collections", "validation_required", "Cannot be blank.");
        return Err(Problem::invalid("An error occurred while validating the submitted data.").with(blank));
    }
    service.records.import_collections(&sent.collections, sent.deletes_missing).await?;
    Ok(reply::no_content())
}

/// `GET /api/collections/meta/scaffolds`: what a new collection of each type begins with.
pub(crate) async fn scaffolds(State(service): Service, request: Request<Body>) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    Caller::superuser(&service, &head).await?;
    let now = service.records.clock().now().to_string();
    let mut scaffolds = BTreeMap::new();
    for kind in ["base", "auth"] {
        scaffolds.insert(kind, scaffold(kind, &now)?);
    }
    reply::json(&scaffolds)
}

fn scaffold(kind: &str, now: &str) -> Result<Map<String, Value>, Problem> {
    // a new collection needs a name; it is taken out again
    let name = format!("scaffold_{}", chance::word(8));
    let sent = Map::from_iter([("name".to_owned(), json!(name)), ("type".to_owned(), json!(kind))]);
    let collection = change::plan(&Catalog::default(), None, &sent, now, &mut || chance::word(10))
        .map_err(|faults| Problem::invalid("").with(faults))?;
    let mut scaffold = change::to_wire(&collection);
    for key in ["id", "name", "created", "updated"] {
        scaffold.insert(key.into(), json!(""));
    }
    // those that a collection must have name it; they come by themselves
    scaffold.insert("indexes".into(), json!([]));
    Ok(scaffold)
}

/// The JSON object that a superuser sent.
async fn object(service: &Inner, request: Request<Body>) -> Result<Map<String, Value>, Problem> {
    let (head, body) = request.into_parts();
    Caller::superuser(service, &head).await?;
    body::json(body, service.config.values_bytes_max.0).await
}

fn wire(collection: &Collection) -> Result<Response, Problem> {
    reply::json(&change::to_wire(collection))
}
