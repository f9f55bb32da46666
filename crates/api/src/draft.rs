//! What a client sent, as a record's draft: within the limits of the collection's fields.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use records::core::collection::Collection;
use records::core::field::FieldKind;
use records::{Draft, Upload};
use web::Problem;
use web::form::{Form, Limits};

use crate::caller::Caller;
use crate::service::Inner;

/// A file field's limit when it names none.
const FILE_BYTES_DEFAULT: u64 = 5 << 20;

impl Inner {
    /// The collection of a path, if there is one whose rule lets this caller try; before any body is read.
    pub(crate) async fn target(
        &self,
        caller: &Caller,
        name: &str,
        rule: impl Fn(&Collection) -> bool,
    ) -> Result<Arc<Collection>, Problem> {
        let collection = self.records.collection(name).await?.ok_or_else(no_collection)?;
        if rule(&collection) || caller.request.is_superuser() {
            return Ok(collection);
        }
        Err(Problem::forbidden("Only superusers can perform this action."))
    }

    /// Reads a record's draft and lets the request's rules know its values.
    pub(crate) async fn draft(
        &self,
        caller: &mut Caller,
        collection: &Collection,
        head: &Parts,
        body: Body,
    ) -> Result<Draft, Problem> {
        let (limits, files) = (self.limits_of(collection), self.records.store().files());
        let mut form = Form::read(&head.headers, body, &limits, files).await?;
        caller.once(head, &mut form).await?;
        caller.request.body = form.values.clone();
        Ok(Draft { values: form.values, uploads: form.uploads.into_iter().map(upload).collect() })
    }

    fn limits_of(&self, collection: &Collection) -> Limits {
        let (mut largest, mut all) = (0, 0u64);
        for field in &collection.fields {
            if let FieldKind::File(options) = &field.kind {
                let bytes = if options.max_bytes == 0 { FILE_BYTES_DEFAULT } else { options.max_bytes };
                largest = largest.max(bytes);
                all = all.saturating_add(bytes.saturating_mul(options.max.max(1)));
            }
        }
        self.form_limits(largest, all)
    }

    /// Limits of a form with files; a little more than a field takes, so that the field itself can tell its limit.
    pub(crate) fn form_limits(&self, file_bytes: u64, files_bytes: u64) -> Limits {
        const SLACK: u64 = 1 << 20;
        Limits {
            values_bytes_max: self.config.values_bytes_max.0,
            file_bytes_max: file_bytes.saturating_add(SLACK),
            files_bytes_max: files_bytes.saturating_add(SLACK),
            parts_max: self.config.parts_max,
        }
    }
}

/// The collection of a path is not there.
pub(crate) fn no_collection() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Missing collection context.")
}

/// A file as records take it.
pub(crate) fn upload(upload: web::form::Upload) -> Upload {
    Upload { key: upload.key, name: upload.name, file: upload.file }
}
