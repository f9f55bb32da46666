//! What a page sent: names and values as they are, and files that have arrived.
//!
//! The API's own reader makes numbers and JSON of what looks like them; here each control knows what its text means.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use web::Problem;
use web::multipart::Parts;

use crate::refusal::Refusal;
use crate::service::Shared;

/// A submitted form.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
    /// The files, in their order.
    pub(crate) uploads: Vec<records::Upload>,
}

impl Form {
    /// A form of these pairs.
    pub(crate) fn of(pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Form {
        Form { pairs: pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect(), uploads: Vec::new() }
    }

    /// The pairs of a query.
    pub(crate) fn of_query(query: Option<&str>) -> Form {
        Form::of(web::request::pairs(query.unwrap_or_default()))
    }

    /// The first value of a name; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The first value of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }

    /// Whether a name was sent.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

impl FromRequest<Shared> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Form, Refusal> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            return multipart(Parts::new(kind, body)?, shared).await;
        }
        urlencoded(body, shared.config.form_bytes_max, shared).await
    }
}

/// A form from somebody who has not signed in: small, and without files.
pub(crate) struct Outside(pub(crate) Form);

impl FromRequest<Shared> for Outside {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Outside, Refusal> {
        urlencoded(request.into_body(), shared.config.outside_bytes_max, shared).await.map(Outside)
    }
}

async fn urlencoded(body: Body, bytes_max: u64, shared: &Shared) -> Result<Form, Refusal> {
    let bytes = web::body::read(body, bytes_max).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::invalid("The form is no UTF-8."))?;
    if bytes.iter().filter(|byte| **byte == b'&').count() >= shared.config.form_parts_max {
        return Err(Problem::invalid("The form has too many parts.").into());
    }
    Ok(Form::of(web::request::pairs(text).map(|(name, value)| (name.into_owned(), lines(&value)))))
}

async fn multipart(mut parts: Parts, shared: &Shared) -> Result<Form, Refusal> {
    let mut form = Form::default();
    let mut left = shared.config.form_bytes_max;
    while let Some(part) = parts.next().await? {
        if form.pairs.len() + form.uploads.len() >= shared.config.form_parts_max {
            return Err(Problem::invalid("The form has too many parts.").into());
        }
        match part.file_name {
            None => {
                let text = text(&mut parts, &mut left, shared).await?;
                form.pairs.push((part.name, lines(&text)));
            }
            Some(name) => {
                if let Some(file) = file(&mut parts, &name, shared).await? {
                    form.uploads.push(records::Upload { key: part.name, name, file });
                }
            }
        }
    }
    Ok(form)
}

async fn text(parts: &mut Parts, left: &mut u64, shared: &Shared) -> Result<String, Refusal> {
    let mut text = Vec::new();
    while let Some(chunk) = parts.chunk().await? {
        let too_large = || Problem::too_large("The form", shared.config.form_bytes_max);
        *left = left.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
        text.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(text).map_err(|_| Problem::invalid("The form is no UTF-8."))?)
}

/// A file's bytes; `None` for the nameless one that an empty control sends.
async fn file(
    parts: &mut Parts,
    name: &str,
    shared: &Shared,
) -> Result<Option<store::files::Arrived>, Refusal> {
    let mut file = shared.records.store().files().begin().await?;
    let mut size: u64 = 0;
    while let Some(chunk) = parts.chunk().await? {
        size += chunk.len() as u64;
        if size > shared.config.file_bytes_max {
            return Err(Problem::too_large("The file", shared.config.file_bytes_max).into());
        }
        file.write(&chunk).await?;
    }
    Ok((!name.is_empty() || size > 0).then_some(file))
}

/// Browsers send line ends as CR LF; texts are kept with LF.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
