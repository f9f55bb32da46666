//! All records that a grid's filter finds, as a file of JSON lines, read and sent page by page.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use futures_util::stream;
use records::{Error, ListQuery, Records, Request};
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::search;

/// Records that are read at once: few, so that large ones stay within the limit of a page's bytes.
const PAGE: u64 = 100;
use crate::session::Session;

/// Where the export stands.
struct Export {
    records: Records,
    request: Request,
    collection: String,
    filter: String,
    /// The last id that was sent; records follow in the order of their ids.
    after: Option<String>,
    is_done: bool,
}

/// `GET /_/collections/NAME/export?filter=…`.
pub(crate) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Refusal> {
    let collection = session.collection(&name)?;
    let mut export = Export {
        records: session.shared().records.clone(),
        request: session.asks("GET", Map::new()),
        collection: collection.name.clone(),
        filter: search::filter(&collection, session.visitor.query.get("filter")),
        after: None,
        is_done: false,
    };
    // the first page is read before anything is answered, so that a wrong filter is told as such
    let first = export.next().await?;
    let pages = stream::try_unfold((Some(first), export), |(ready, mut export)| async move {
        let page = match ready {
            Some(page) => page,
            None => export.next().await?,
        };
        Ok::<_, Error>(page.map(|text| (text, (None, export))))
    });
    let mut response = Response::new(Body::from_stream(pages));
    let name = format!("attachment; filename=\"{}.jsonl\"", collection.name);
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl; charset=utf-8"));
    Ok(response)
}

impl Export {
    /// The next records, one a line; `None` after the last.
    async fn next(&mut self) -> Result<Option<String>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let page_size = PAGE.min(self.records.limits().page_size_max);
        let query = ListQuery {
            page_size,
            sort: "id".to_owned(),
            filter: self.rest(),
            skips_total: true,
            ..Default::default()
        };
        let page = self.records.list(&self.request, &self.collection, &query).await?;
        self.is_done = (page.items.len() as u64) < page_size;
        self.after = page.items.last().and_then(|item| id(item)).or(self.after.take());
        let lines: String = page.items.iter().flat_map(|item| [item.as_str(), "\n"]).collect();
        Ok((!lines.is_empty()).then_some(lines))
    }

    /// The filter for what was not sent yet.
    fn rest(&self) -> String {
        match &self.after {
            None => self.filter.clone(),
            Some(after) if self.filter.is_empty() => format!("id > {}", search::quoted(after)),
            Some(after) => format!("({}) && id > {}", self.filter, search::quoted(after)),
        }
    }
}

fn id(item: &str) -> Option<String> {
    let record: Value = serde_json::from_str(item).ok()?;
    Some(record.get("id")?.as_str()?.to_owned())
}
