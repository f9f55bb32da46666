//! A draft made ready before its transaction: passwords hashed, files named and laid down.
//!
//! What takes long happens here, so that the writer is never kept waiting by it. What depends on the record as it is
//! happens in `write`, inside the transaction.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::core::value::{self, NewFile, Values};
use crate::error::Error;
use crate::records::turn::Turn;
use crate::records::{Draft, Upload};
use crate::request::Request;

/// A draft that only needs its transaction.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) collection: Arc<Collection>,
    pub(super) request: Request,
    pub(super) id: String,
    /// What was sent, uploads as their stored names.
    pub(super) sent: Map<String, Value>,
    /// The new hashes of password fields, by field name.
    pub(super) hashes: Vec<(String, String)>,
    /// The stored hash that the given old password fits.
    pub(super) proven: Option<String>,
    /// Files laid down for the record.
    pub(super) files: Vec<NewFile>,
    /// Dates that the server usually sets are taken from what was sent (an import).
    pub(super) keeps_dates: bool,
}

impl Turn {
    /// Makes a draft ready. The id must be one that the collection accepts: files are laid under it.
    pub(super) async fn ready(
        &self,
        request: &Request,
        collection: &Arc<Collection>,
        id: &str,
        draft: Draft,
    ) -> Result<Ready, Error> {
        let mut sent = draft.values;
        let request = request.with_body(sent.clone());
        let hashes = self.hash(collection, &sent).await?;
        let proven = self.prove(collection, id, &sent).await?;
        let named = name(collection, &mut sent, draft.uploads);
        let mut ready = Ready {
            collection: collection.clone(),
            request,
            id: id.to_owned(),
            sent,
            hashes,
            proven,
            files: Vec::new(),
            keeps_dates: false,
        };
        let (files, table) = (self.records.store().files(), collection.table());
        for (file, upload) in named {
            let kept = files.keep(upload.file, table.as_str(), id, &file.name).await;
            ready.files.push(file);
            if let Err(fault) = kept {
                self.discard(&ready).await;
                return Err(fault.into());
            }
        }
        Ok(ready)
    }

    /// Takes back the files of a draft whose transaction did not happen.
    pub(super) async fn discard(&self, ready: &Ready) {
        let table = ready.collection.table();
        for file in &ready.files {
            if let Err(fault) =
                self.records.store().files().remove(table.as_str(), &ready.id, &file.name).await
            {
                tracing::warn!(error = base::error::chain(&fault), "a file of a refused record stays behind");
            }
        }
    }

    /// Hashes the new passwords that were sent. Whether they may be set is judged in the transaction.
    async fn hash(
        &self,
        collection: &Collection,
        sent: &Map<String, Value>,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut hashes = Vec::new();
        for field in collection.fields.iter().filter(|f| matches!(f.kind, FieldKind::Password { .. })) {
            let plain = sent.get(&field.name).map(value::text).unwrap_or_default();
            if plain.is_empty() {
                continue;
            }
            if !value::check_password(field, &plain).is_empty() {
                // told in the transaction, beside the other faults
                continue;
            }
            hashes.push((field.name.clone(), self.records.inner.passwords.hash(&plain).await?));
        }
        Ok(hashes)
    }

    /// The stored hash that the request's old password fits.
    async fn prove(
        &self,
        collection: &Collection,
        id: &str,
        sent: &Map<String, Value>,
    ) -> Result<Option<String>, Error> {
        let Some(old) = sent.get("oldPassword").and_then(Value::as_str).filter(|_| collection.is_auth())
        else {
            return Ok(None);
        };
        let row = self.records.find(collection, id).await?;
        let hash = row.map(|row| password_hash(&value::read(collection, &row.id, &row.body)));
        let fits = self.records.inner.passwords.verify(old, hash.as_deref()).await?;
        Ok(hash.filter(|_| fits))
    }
}

/// The password hash of an account's values.
pub(super) fn password_hash(values: &Values) -> String {
    values.text("password").to_owned()
}

/// Gives each upload its stored name and puts the names among what was sent. Keys that are no file fields are passed over.
fn name(
    collection: &Collection,
    sent: &mut Map<String, Value>,
    uploads: Vec<Upload>,
) -> Vec<(NewFile, Upload)> {
    let mut named = Vec::with_capacity(uploads.len());
    for upload in uploads {
        let Some(field) = collection.field(upload.key.trim_matches('+')) else { continue };
        if !matches!(field.kind, FieldKind::File(_)) {
            continue;
        }
        let media = value::media(upload.file.head(), &upload.name);
        let file = NewFile {
            field: field.name.clone(),
            name: value::file_name(&upload.name, media.extension, &base::chance::word(10)),
            sent_name: upload.name.clone(),
            bytes: upload.file.size(),
            media_type: media.media_type.to_owned(),
        };
        add(sent, &upload.key, &file.name);
        named.push((file, upload));
    }
    named
}

/// Adds a name to the list under a key.
fn add(sent: &mut Map<String, Value>, key: &str, name: &str) {
    let names = sent.entry(key).or_insert_with(|| json!([]));
    if !names.is_array() {
        let one = names.take();
        let is_nothing = one.is_null() || one.as_str() == Some("");
        *names = if is_nothing { json!([]) } else { json!([one]) };
    }
    names.as_array_mut().expect("it was made a list above").push(Value::from(name));
}
