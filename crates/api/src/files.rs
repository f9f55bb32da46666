//! `/api/files/{collection}/{id}/{name}`: downloads, whole or in part, and small pictures of pictures.

mod conditions;
mod kind;
mod thumb;

use std::io::SeekFrom;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use records::Context;
use records::core::collection::Collection;
use records::core::field::{FieldKind, FileOptions};
use records::core::value::Values;
use serde_json::Value;
use store::Row;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use web::request::Path;
use web::{Problem, reply};

use crate::caller::Caller;
use crate::files::conditions::{Answer, Stamp};
use crate::service::Inner;

/// Bytes that are read of a file at once.
const CHUNK: usize = 64 << 10;
/// What a page made of a file may do: nothing.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox");

/// A file of a record that this caller may have.
struct Found {
    collection: Arc<Collection>,
    record: String,
    name: String,
    options: FileOptions,
}

/// `GET` and `HEAD`. A file that is not there, and one that may not be seen, are the same 404.
pub(crate) async fn download(
    State(service): State<Arc<Inner>>,
    Path((collection, record, name)): Path<(String, String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let mut caller = Caller::of(&service, &head).await?;
    service.count(&collection, "file", caller.address)?;
    let found = find(&service, &mut caller, &collection, &record, name).await?;
    let (files, table) = (service.records.store().files(), found.collection.table());
    let original =
        files.find(table.as_str(), &found.record, &found.name).await?.ok_or_else(Problem::missing)?;
    let thumb = match caller.parameter("thumb") {
        "" => None,
        size => thumb::path(&service, &found, &original, size).await?,
    };
    let shown = match &thumb {
        Some((_, size)) => format!("{size}_{}", found.name),
        None => found.name.clone(),
    };
    let path = thumb.map_or(original, |(path, _)| path);
    let is_attachment = caller.flag("download").unwrap_or(true);
    let mut response = send(&path, &shown, &head, is_attachment).await?;
    // for a file of a private record no cache between us and the reader may answer
    let cache = match found.options.is_protected {
        true => "private, max-age=2592000, stale-while-revalidate=86400",
        false => "max-age=2592000, stale-while-revalidate=86400",
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}

async fn find(
    service: &Inner,
    caller: &mut Caller,
    collection: &str,
    record: &str,
    name: String,
) -> Result<Found, Problem> {
    let collection = service.records.collection(collection).await?.ok_or_else(Problem::missing)?;
    let row = service.records.find(&collection, record).await?.ok_or_else(Problem::missing)?;
    let values = service.records.values(&collection, &row);
    let options = field_of(&collection, &values, &name).ok_or_else(Problem::missing)?.clone();
    if options.is_protected && !may_see(service, caller, &collection, &row).await? {
        return Err(Problem::missing());
    }
    Ok(Found { collection, record: row.id.clone(), name, options })
}

/// The file field of which the record holds a file of this name.
fn field_of<'a>(collection: &'a Collection, values: &Values, name: &str) -> Option<&'a FileOptions> {
    let holds = |value: &Value| match value {
        Value::String(text) => text == name,
        Value::Array(list) => list.iter().any(|one| one == name),
        _ => false,
    };
    collection.fields.iter().find_map(|field| match &field.kind {
        FieldKind::File(options) => values.0.get(&field.name).is_some_and(holds).then_some(options),
        _ => None,
    })
}

/// A protected file goes to whom its token says may view the record.
async fn may_see(
    service: &Inner,
    caller: &mut Caller,
    collection: &Collection,
    row: &Arc<Row>,
) -> Result<bool, Problem> {
    caller.request.auth = match caller.parameter("token") {
        "" => None,
        token => service.authenticate.file_principal(token).await?,
    };
    caller.request.context = Context::ProtectedFile;
    if collection.rules.view.is_none() && !caller.request.is_superuser() {
        return Ok(false);
    }
    Ok(service.records.may_see(&caller.request, collection, row, false, "").await?)
}

/// The answer that holds a file, or the part of it that was asked for.
async fn send(path: &FilePath, name: &str, head: &Parts, is_attachment: bool) -> Result<Response, Problem> {
    let mut file = File::open(path).await.map_err(|error| Problem::internal(&error))?;
    let about = file.metadata().await.map_err(|error| Problem::internal(&error))?;
    let modified =
        about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let stamp = Stamp { length: about.len(), modified };
    let mut begin = vec![0; kind::LOOK];
    let read = file.read(&mut begin).await.map_err(|error| Problem::internal(&error))?;
    let kind = kind::of(name, &begin[..read]);
    let answer = conditions::answer(&head.headers, &stamp);
    let body = match answer {
        Answer::Unchanged | Answer::Failed | Answer::BadRange => Body::empty(),
        Answer::Whole => body(file, 0, stamp.length).await?,
        Answer::Part { first, last } => body(file, first, last + 1 - first).await?,
    };
    let mut response = reply::no_content();
    *response.body_mut() = body;
    *response.status_mut() = match answer {
        Answer::Whole => StatusCode::OK,
        Answer::Part { .. } => StatusCode::PARTIAL_CONTENT,
        Answer::Unchanged => StatusCode::NOT_MODIFIED,
        Answer::Failed => StatusCode::PRECONDITION_FAILED,
        Answer::BadRange => StatusCode::RANGE_NOT_SATISFIABLE,
    };
    let headers = response.headers_mut();
    describe(headers, name, kind, is_attachment);
    measure(headers, answer, &stamp);
    web::reply::allow_framing(&mut response);
    Ok(response)
}

fn describe(headers: &mut HeaderMap, name: &str, kind: &'static str, is_attachment: bool) {
    let how = if is_attachment || !kind::is_shown_in_place(kind) { "attachment" } else { "inline" };
    headers.insert(header::CONTENT_DISPOSITION, disposition(how, name));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

fn measure(headers: &mut HeaderMap, answer: Answer, stamp: &Stamp) {
    let total = stamp.length;
    let (length, range) = match answer {
        Answer::Whole => (Some(total), None),
        Answer::Part { first, last } => {
            (Some(last + 1 - first), Some(format!("bytes {first}-{last}/{total}")))
        }
        Answer::BadRange => (Some(0), Some(format!("bytes */{total}"))),
        Answer::Unchanged | Answer::Failed => (None, None),
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let texts = [
        (header::CONTENT_RANGE, range),
        (header::ETAG, Some(stamp.tag())),
        (header::LAST_MODIFIED, stamp.date()),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Characters that a name in a header is written without (RFC 8187).
const PLAIN: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'%').add(b'\'').add(b'*').add(b',').add(b';').add(b'\\');

fn disposition(how: &str, name: &str) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let text = match name.chars().all(is_plain) {
        true => format!("{how}; filename={name}"),
        false => {
            let plain = name.replace(|c| !is_plain(c), "_");
            format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN))
        }
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// A part of a file, read as the client takes it.
async fn body(mut file: File, first: u64, length: u64) -> Result<Body, Problem> {
    file.seek(SeekFrom::Start(first)).await.map_err(|error| Problem::internal(&error))?;
    let chunks = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    });
    Ok(Body::from_stream(chunks))
}
