//! What a client sent, whether as JSON, as a form or as multipart: values, and files that have arrived on disk.

use std::collections::HashSet;
use std::str;

use axum::body::Body;
use bytes::Bytes;
use hyper::header::{self, HeaderMap};
use serde_json::{Map, Number, Value};
use store::files::{Arrived, Files};

use crate::body;
use crate::multipart::{Part, Parts};
use crate::problem::Problem;
use crate::request;

/// What a client sent.
#[derive(Debug, Default)]
pub struct Form {
    /// The values by name.
    pub values: Map<String, Value>,
    /// The files.
    pub uploads: Vec<Upload>,
}

/// A file that came with a form.
#[derive(Debug)]
pub struct Upload {
    /// The field's name.
    pub key: String,
    /// The file's name as sent.
    pub name: String,
    /// Its bytes, on disk.
    pub file: Arrived,
}

/// How much a form may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of JSON, or of all plain values together.
    pub values_bytes_max: u64,
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Bytes of all files together.
    pub files_bytes_max: u64,
    /// Parts of a multipart request.
    pub parts_max: usize,
}

/// The part of a multipart request that holds JSON, to be laid over the plain values.
const JSON_PART: &str = "@jsonPayload";

impl Form {
    /// Reads a request's body. Files are written to `files` as they arrive; they vanish unless somebody keeps them.
    pub async fn read(
        headers: &HeaderMap,
        body: Body,
        limits: &Limits,
        files: &Files,
    ) -> Result<Form, Problem> {
        let content_type = headers.get(header::CONTENT_TYPE).map_or(Ok(""), |v| v.to_str()).unwrap_or("?");
        match media_type(content_type).as_str() {
            "" | "application/json" => json(&body::read(body, limits.values_bytes_max).await?),
            "application/x-www-form-urlencoded" => {
                urlencoded(&body::read(body, limits.values_bytes_max).await?)
            }
            "multipart/form-data" => multipart(Parts::new(content_type, body)?, limits, files).await,
            _ => Err(Problem::invalid(
                "The request's content type must be application/json, multipart/form-data or \
                 application/x-www-form-urlencoded.",
            )),
        }
    }
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json(bytes: &Bytes) -> Result<Form, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Form::default());
    }
    match body::parse(bytes)? {
        Value::Object(values) => Ok(Form { values, uploads: Vec::new() }),
        Value::Null => Ok(Form::default()),
        _ => Err(Problem::invalid("The request's JSON must be an object.")),
    }
}

fn urlencoded(bytes: &Bytes) -> Result<Form, Problem> {
    let text = str::from_utf8(bytes).map_err(|_| Problem::invalid("The request's form is no UTF-8."))?;
    let mut values = Values::default();
    for (count, (name, value)) in request::pairs(text).enumerate() {
        if count >= body::VALUES_MAX {
            return Err(body::too_many());
        }
        values.add(name.into_owned(), value.into_owned());
    }
    Ok(Form { values: values.finish()?, uploads: Vec::new() })
}

async fn multipart(mut parts: Parts, limits: &Limits, files: &Files) -> Result<Form, Problem> {
    let (mut values, mut uploads) = (Values::default(), Vec::new());
    let (mut values_left, mut files_left) = (limits.values_bytes_max, limits.files_bytes_max);
    let mut count = 0;
    while let Some(part) = parts.next().await? {
        count += 1;
        if count > limits.parts_max {
            return Err(Problem::invalid(format!("The request has more than {} parts.", limits.parts_max)));
        }
        match part {
            Part { name, file_name: None } => {
                let text = text(&mut parts, &mut values_left, limits).await?;
                values.add(name, text);
            }
            Part { name: key, file_name: Some(name) } => {
                let file = file(&mut parts, &mut files_left, limits, files).await?;
                // a form's empty file input comes as a nameless file without bytes
                if !(name.is_empty() && file.size() == 0) {
                    uploads.push(Upload { key, name, file });
                }
            }
        }
    }
    Ok(Form { values: values.finish()?, uploads })
}

async fn text(parts: &mut Parts, left: &mut u64, limits: &Limits) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(chunk) = parts.chunk().await? {
        *left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| Problem::too_large("The request", limits.values_bytes_max))?;
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| Problem::invalid("A value of the multipart request is no UTF-8."))
}

async fn file(parts: &mut Parts, left: &mut u64, limits: &Limits, files: &Files) -> Result<Arrived, Problem> {
    let mut file = files.begin().await?;
    while let Some(chunk) = parts.chunk().await? {
        *left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| Problem::too_large("The request", limits.files_bytes_max))?;
        if file.size() + chunk.len() as u64 > limits.file_bytes_max {
            return Err(Problem::too_large("A file of the request", limits.file_bytes_max));
        }
        file.write(&chunk).await?;
    }
    Ok(file)
}

/// Plain values as they come: a name that comes again makes a list.
#[derive(Default)]
struct Values {
    plain: Map<String, Value>,
    repeated: HashSet<String>,
    json: Vec<String>,
}

impl Values {
    fn add(&mut self, name: String, text: String) {
        if name == JSON_PART {
            self.json.push(text);
            return;
        }
        let value = infer(text);
        match self.plain.get_mut(&name) {
            None => {
                self.plain.insert(name, value);
            }
            Some(Value::Array(list)) if self.repeated.contains(&name) => list.push(value),
            Some(one) => {
                *one = Value::Array(vec![one.take(), value]);
                self.repeated.insert(name);
            }
        }
    }

    fn finish(self) -> Result<Map<String, Value>, Problem> {
        let mut values = self.plain;
        for text in self.json {
            let Value::Object(payload) = body::parse(text.as_bytes())? else {
                return Err(Problem::invalid("The request's @jsonPayload must be an object."));
            };
            values.extend(payload);
        }
        Ok(values)
    }
}

/// Forms know only texts: `true`, `false` and numbers in their shortest form are taken as what they look like.
fn infer(text: String) -> Value {
    match text.as_str() {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if text.is_empty()
        || text.len() > 24
        || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    {
        return Value::String(text);
    }
    match text.parse::<i64>() {
        Ok(whole) if whole.to_string() == text => return Value::Number(whole.into()),
        _ => {}
    }
    match text.parse::<f64>() {
        Ok(real) if real.to_string() == text => {
            Number::from_f64(real).map_or(Value::String(text), Value::Number)
        }
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_forms_become_what_they_look_like() {
        let form = urlencoded(&Bytes::from_static(
            b"a=1&b=true&c=1.50&d=-2.5&e=007&tags=x&tags=y&tags=3&f=&@jsonPayload=%7B%22a%22%3A%22one%22%7D",
        ));
        assert_eq!(
            Value::Object(form.expect("reads").values),
            serde_json::json!({
                "a": "one", "b": true, "c": "1.50", "d": -2.5, "e": "007", "tags": ["x", "y", 3], "f": ""
            })
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        assert!(json(&Bytes::from_static(b"[1]")).is_err());
        assert!(json(&Bytes::from_static(b" ")).expect("nothing sent").values.is_empty());
    }
}
