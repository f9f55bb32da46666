//! `/api/batch`: many writes, all or none.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base::error::Fields;
use percent_encoding::percent_decode_str;
use records::{Act, Draft, Shape, Step, Upload, Written};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use web::form::Form;
use web::{Problem, reply, request};

use crate::caller::Caller;
use crate::draft::upload;
use crate::service::Inner;

/// What a client asks in one request of a batch.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    body: Option<Map<String, Value>>,
}

/// `POST /api/batch`: JSON `{"requests": […]}`, or multipart with that under `@jsonPayload` and files under
/// `requests.N.FIELD`.
pub(crate) async fn run(
    State(service): State<Arc<Inner>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut caller = Caller::of(&service, &head).await?;
    service.limiter.check_action("*", "batch", caller.address)?;
    let limit = service.config.batch_files_bytes_max.0;
    let limits = service.form_limits(limit, limit);
    let mut form = Form::read(&head.headers, body, &limits, service.records.store().files()).await?;
    caller.once(&head, &mut form).await?;
    let asked = asked(form.values.remove("requests"), service.records.limits().batch_requests_max)?;
    let mut uploads = sorted(form.uploads)?;
    let mut steps = Vec::with_capacity(asked.len());
    for (place, asked) in asked.into_iter().enumerate() {
        let uploads = uploads.remove(&place).unwrap_or_default();
        let step = step(asked, uploads).and_then(|step| {
            service.count(&step.collection, action(&step.act), caller.address).map(|()| step)
        });
        match step {
            Ok(step) => steps.push(step),
            Err(fault) if fault.status == StatusCode::TOO_MANY_REQUESTS => return Err(fault),
            Err(fault) => return Err(failed(place, &fault)),
        }
    }
    let of_repeat = steps.iter().filter(|_| caller.request.once.is_some());
    let shapes: Vec<Shape> = of_repeat.map(|step| step.shape.clone()).collect();
    match service.records.batch(&caller.request, steps).await {
        Ok(done) => Ok(reply::json_text(answers(&done))),
        Err(fault) => service.again(&caller, fault, &shapes, |done| reply::json_text(answers(&done))).await,
    }
}

fn asked(sent: Option<Value>, requests_max: usize) -> Result<Vec<Asked>, Problem> {
    let refuse = |code: &str, message: &str| {
        Err(Problem::invalid("Invalid batch request data.").with(Fields::one("requests", code, message)))
    };
    match sent {
        None | Some(Value::Null) => refuse("validation_required", "Cannot be blank."),
        Some(Value::Array(list)) if list.is_empty() => refuse("validation_required", "Cannot be blank."),
        Some(Value::Array(list)) if list.len() > requests_max => {
            refuse("validation_length_too_long", &format!("The length must be no more than {requests_max}."))
        }
        Some(list) => serde_json::from_value(list)
            .map_err(|_| Problem::invalid("Failed to read the submitted batch data.")),
    }
}

/// The files by the request that they are for: `requests.0.photo` or `requests[0].photo`.
fn sorted(uploads: Vec<web::form::Upload>) -> Result<HashMap<usize, Vec<Upload>>, Problem> {
    let mut by_place: HashMap<usize, Vec<Upload>> = HashMap::new();
    for mut sent in uploads {
        let (place, key) = file_key(&sent.key)
            .ok_or_else(|| Problem::invalid("A file of a batch is named requests.N.FIELD."))?;
        sent.key = key.to_owned();
        by_place.entry(place).or_default().push(upload(sent));
    }
    Ok(by_place)
}

fn file_key(key: &str) -> Option<(usize, &str)> {
    let rest = key.strip_prefix("requests")?;
    let (place, field) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("].")?,
        None => rest.strip_prefix('.')?.split_once('.')?,
    };
    Some((place.parse().ok()?, field))
}

/// What one request of a batch means.
fn step(asked: Asked, uploads: Vec<Upload>) -> Result<Step, Problem> {
    let unknown = || Problem::invalid("Unknown batch request action.");
    let (path, query) = asked.url.split_once('?').unwrap_or((&asked.url, ""));
    let path = path.strip_prefix("/api/collections/").ok_or_else(unknown)?;
    let parts: Vec<String> =
        path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    if parts.iter().any(String::is_empty) {
        return Err(unknown());
    }
    let query = request::query(Some(query));
    let parameter = |name| query.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let shape = Shape { expand: parameter("expand"), fields: parameter("fields") };
    let draft = Draft { values: asked.body.unwrap_or_default(), uploads };
    let (collection, act) = match (asked.method.to_ascii_uppercase().as_str(), &parts[..]) {
        ("POST", [collection, records]) if records == "records" => (collection, Act::Create(draft)),
        ("PUT", [collection, records]) if records == "records" => (collection, Act::Upsert(draft)),
        ("PATCH", [collection, records, id]) if records == "records" => {
            (collection, Act::Update(id.clone(), draft))
        }
        ("DELETE", [collection, records, id]) if records == "records" => {
            (collection, Act::Delete(id.clone()))
        }
        _ => return Err(unknown()),
    };
    Ok(Step { collection: collection.clone(), act, shape, asker: None })
}

/// What a request of a batch counts as: the same as by itself.
fn action(act: &Act) -> &'static str {
    match act {
        Act::Create(_) | Act::Upsert(_) => "create",
        Act::Update(..) => "update",
        Act::Delete(_) => "delete",
    }
}

/// The failure of one request, in the form that the client finds it.
fn failed(place: usize, fault: &Problem) -> Problem {
    let mut requests = Fields::default();
    let failure = json!({
        "code": "batch_request_failed", "message": "Batch request failed.", "response": fault.to_json(),
    });
    requests.0.insert("requests".into(), json!({ place.to_string(): failure }));
    Problem::invalid("Batch transaction failed.").with(requests)
}

fn answers(done: &[Option<Written>]) -> String {
    let mut text = String::from("[");
    for (place, answer) in done.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        match answer {
            Some(written) => {
                text.push_str(r#"{"status":200,"body":"#);
                text.push_str(&written.json);
                text.push('}');
            }
            None => text.push_str(r#"{"status":204,"body":null}"#),
        }
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(method: &str, url: &str) -> String {
        let asked = Asked { method: method.into(), url: url.into(), body: None };
        match step(asked, Vec::new()) {
            Ok(Step { collection, act, shape, .. }) => match act {
                Act::Create(_) => format!("create in {collection} {}", shape.expand),
                Act::Upsert(_) => format!("upsert in {collection}"),
                Act::Update(id, _) => format!("update {id} of {collection}"),
                Act::Delete(id) => format!("delete {id} of {collection}"),
            },
            Err(problem) => problem.message,
        }
    }

    #[test]
    fn requests_of_a_batch_are_writes_of_records_and_nothing_else() {
        for (method, url, means) in [
            ("post", "/api/collections/posts/records?expand=author", "create in posts author"),
            ("PUT", "/api/collections/posts/records", "upsert in posts"),
            ("PATCH", "/api/collections/p%20q/records/%EC%98%A8", "update 온 of p q"),
            ("DELETE", "/api/collections/posts/records/a", "delete a of posts"),
            ("GET", "/api/collections/posts/records/a", "Unknown batch request action."),
            ("POST", "/api/collections/posts/records/", "Unknown batch request action."),
            ("POST", "/api/batch", "Unknown batch request action."),
            ("DELETE", "/api/collections/posts", "Unknown batch request action."),
            ("POST", "http://elsewhere/api/collections/posts/records", "Unknown batch request action."),
        ] {
            assert_eq!(meaning(method, url), means, "{method} {url}");
        }
    }

    #[test]
    fn files_name_the_request_that_they_are_for() {
        assert_eq!(file_key("requests.12.photo+"), Some((12, "photo+")));
        assert_eq!(file_key("requests[0].photo"), Some((0, "photo")));
        assert_eq!(file_key("photo"), None);
    }
}
