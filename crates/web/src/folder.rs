//! The team's own pages: a folder of files, at every path that no room has.
//!
//! Bytes, kinds, ranges and dates are tower-http's matter. What is ours: names that begin with a dot are never served,
//! and without a page at `/` a visitor is led to the console.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tower_http::services::ServeDir;
use tower_service::Service;

use crate::problem::Problem;
use crate::reply;

/// A folder of files. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    files: ServeDir,
    home: PathBuf,
}

impl Folder {
    /// The folder need not be there: then there are no files.
    pub(crate) fn new(path: &Path) -> Folder {
        Folder { files: ServeDir::new(path), home: path.join("index.html") }
    }

    /// The file at a request's path.
    pub(crate) async fn answer(mut self, request: Request<Body>) -> Response {
        let path = request.uri().path().to_owned();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || is_ours(&path) || is_hidden(&path) {
            return Problem::missing().into_response();
        }
        if path == "/" && !tokio::fs::try_exists(&self.home).await.unwrap_or(false) {
            return reply::see_other("/_/");
        }
        match self.files.call(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => Problem::missing().into_response(),
            Ok(response) => as_utf8(response.map(Body::new)),
            Err(never) => match never {},
        }
    }
}

/// Texts are UTF-8: said here, because a page that doesn't say so itself would show other letters than were written.
fn as_utf8(mut response: Response) -> Response {
    if let Some(kind) = response.headers_mut().get_mut(header::CONTENT_TYPE)
        && let Ok(text) = kind.to_str()
        && text.starts_with("text/")
        && !text.contains("charset")
    {
        *kind = HeaderValue::try_from(format!("{text}; charset=utf-8")).unwrap_or_else(|_| kind.clone());
    }
    response
}

/// Paths that belong to rooms: unknown ones are answered in the API's form.
fn is_ours(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/_/")
}

/// A part of the path begins with a dot, written plainly or encoded: `.git`, `.env`.
fn is_hidden(path: &str) -> bool {
    let plain = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    plain.split('/').any(|part| part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn ask(dir: &Path, method: Method, path: &str) -> (u16, String, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = Folder::new(dir).answer(request).await;
        let kind = response.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), kind.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.html"), "<h1>온돌</h1>").unwrap();
        std::fs::write(dir.path().join(".env"), "secret").unwrap();
        std::fs::create_dir(dir.path().join("css")).unwrap();
        std::fs::write(dir.path().join("css/a.css"), "a{}").unwrap();
        dir
    }

    #[tokio::test]
    async fn files_are_served_by_their_kind_and_a_folder_by_its_index() {
        let dir = folder();
        let page = (200, "text/html; charset=utf-8".to_owned(), "<h1>온돌</h1>".to_owned());
        assert_eq!(ask(dir.path(), Method::GET, "/").await, page);
        assert_eq!(
            ask(dir.path(), Method::GET, "/css/a.css").await,
            (200, "text/css; charset=utf-8".into(), "a{}".into())
        );
    }

    #[tokio::test]
    async fn what_is_hidden_outside_or_not_there_is_a_404() {
        let dir = folder();
        for path in
            ["/.env", "/%2eenv", "/../secret", "/..%2f..%2fetc%2fpasswd", "/none", "/api/none", "/css/none"]
        {
            assert_eq!(ask(dir.path(), Method::GET, path).await.0, 404, "{path}");
        }
        assert_eq!(ask(dir.path(), Method::POST, "/").await.0, 404);
    }

    #[tokio::test]
    async fn without_a_page_of_the_team_the_console_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ask(dir.path(), Method::GET, "/").await.0, 303);
    }
}
