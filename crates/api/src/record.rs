//! `/api/collections/{collection}/records`: list, view, create, update, delete.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use records::{ListQuery, Page, Shape};
use web::form::Form;
use web::request::Path;
use web::{Problem, reply};

use crate::caller::Caller;
use crate::once;
use crate::service::Inner;

type Service = State<Arc<Inner>>;

impl Caller {
    /// What of a record this caller wants.
    pub(crate) fn shape(&self) -> Shape {
        Shape { expand: self.parameter("expand").to_owned(), fields: self.parameter("fields").to_owned() }
    }
}

/// `GET …/records`: one page.
pub(crate) async fn list(
    State(service): Service,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let caller = Caller::of(&service, &head).await?;
    service.count(&collection, "list", caller.address)?;
    let query = ListQuery {
        page: caller.number("page")?,
        page_size: caller.number("perPage")?,
        sort: caller.parameter("sort").to_owned(),
        filter: caller.parameter("filter").to_owned(),
        skips_total: caller.flag("skipTotal")?,
        shape: caller.shape(),
    };
    let page = service.records.list(&caller.request, &collection, &query).await?;
    Ok(reply::json_text(page_text(&page)))
}

/// `GET …/records/{id}`.
pub(crate) async fn view(
    State(service): Service,
    Path((collection, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    view_one(&service, &collection, &id, &head).await
}

/// One record.
async fn view_one(service: &Inner, collection: &str, id: &str, head: &Parts) -> Result<Response, Problem> {
    let caller = Caller::of(service, head).await?;
    service.count(collection, "view", caller.address)?;
    let record = service.records.view(&caller.request, collection, id, &caller.shape()).await?;
    Ok(reply::json_text(record))
}

/// The route of one record.
pub(crate) const ONE: &str = "/api/collections/{collection}/records/{id}";

/// The collection and the id in the path of one record, if nothing in it has to be decoded.
fn one_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/collections/")?;
    let (collection, rest) = rest.split_at(rest.bytes().position(|b| b == b'/')?);
    let id = rest.strip_prefix("/records/")?;
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    (is_plain(collection) && is_plain(id)).then_some((collection, id))
}

impl crate::Service {
    /// The route of a request for one record that needs no router: [`Service::view`](crate::Service::view) answers it.
    pub fn view_route(&self, request: &Request<Body>) -> Option<&'static str> {
        let is_get = request.method() == Method::GET && axum::body::HttpBody::is_end_stream(request.body());
        (is_get && one_of(request.uri().path()).is_some()).then_some(ONE)
    }

    /// Answers a request for one record, by its head, as its route does.
    pub async fn view(&self, head: &Parts) -> Response {
        let viewed = match one_of(head.uri.path()) {
            Some((collection, id)) => view_one(&self.inner, collection, id, head).await,
            None => Err(Problem::missing()),
        };
        viewed.unwrap_or_else(IntoResponse::into_response)
    }
}

/// `POST …/records`.
pub(crate) async fn create(
    State(service): Service,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut caller = Caller::of(&service, &head).await?;
    service.count(&name, "create", caller.address)?;
    let collection = service.target(&caller, &name, |c| c.rules.create.is_some()).await?;
    let draft = service.draft(&mut caller, &collection, &head, body).await?;
    let shape = caller.shape();
    match service.records.create(&caller.request, &name, draft, &shape).await {
        Ok(written) => Ok(reply::json_text(written.json)),
        Err(fault) => service.again(&caller, fault, &[shape], once::one).await,
    }
}

/// `PATCH …/records/{id}`.
pub(crate) async fn update(
    State(service): Service,
    Path((name, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut caller = Caller::of(&service, &head).await?;
    service.count(&name, "update", caller.address)?;
    let collection = service.target(&caller, &name, |c| c.rules.update.is_some()).await?;
    let draft = service.draft(&mut caller, &collection, &head, body).await?;
    let shape = caller.shape();
    match service.records.update(&caller.request, &name, &id, draft, &shape).await {
        Ok(written) => Ok(reply::json_text(written.json)),
        Err(fault) => service.again(&caller, fault, &[shape], once::one).await,
    }
}

/// `DELETE …/records/{id}`.
pub(crate) async fn delete(
    State(service): Service,
    Path((collection, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let mut caller = Caller::of(&service, &head).await?;
    service.count(&collection, "delete", caller.address)?;
    caller.once(&head, &mut Form::default()).await?;
    match service.records.delete(&caller.request, &collection, &id).await {
        Ok(()) => Ok(reply::no_content()),
        Err(fault) => service.again(&caller, fault, &[caller.shape()], once::one).await,
    }
}

/// A page as the wire has it; the records' texts are taken as they are.
fn page_text(page: &Page) -> String {
    let bytes: usize = page.items.iter().map(|item| item.len() + 1).sum();
    let mut text = String::with_capacity(bytes + 100);
    let pages = page
        .total
        .map_or(-1, |total| i64::try_from(total.div_ceil(page.page_size.max(1))).unwrap_or(i64::MAX));
    let total = page.total.map_or(-1, |total| i64::try_from(total).unwrap_or(i64::MAX));
    let (number, size) = (page.page, page.page_size);
    write!(text, r#"{{"page":{number},"perPage":{size},"totalItems":{total},"totalPages":{pages},"items":["#)
        .expect("a string takes every text");
    for (place, item) in page.items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_is_for_plain_paths_of_one_record() {
        assert_eq!(one_of("/api/collections/posts/records/abc_1-2"), Some(("posts", "abc_1-2")));
        for other in ["", "/", "/a", "/records/a", "posts/records", "posts/records/", "/records/records/a/b"]
        {
            assert_eq!(one_of(&format!("/api/collections/{other}")), None, "{other}");
        }
        for other in ["a%20b", "a/b", "a/", "a.b", "%61"] {
            assert_eq!(one_of(&format!("/api/collections/posts/records/{other}")), None, "{other}");
        }
    }

    #[test]
    fn a_page_that_was_not_counted_says_so() {
        let mut page = Page { page: 2, page_size: 2, total: Some(5), items: vec!["{}".into(), "{}".into()] };
        assert_eq!(
            page_text(&page),
            r#"{"page":2,"perPage":2,"totalItems":5,"totalPages":3,"items":[{},{}]}"#
        );
        (page.total, page.items) = (None, Vec::new());
        assert_eq!(page_text(&page), r#"{"page":2,"perPage":2,"totalItems":-1,"totalPages":-1,"items":[]}"#);
    }
}
