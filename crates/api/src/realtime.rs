//! `/api/realtime`: what happens to records, as it happens, by server-sent events.
//!
//! A client opens the stream with GET and is told its id (`PB_CONNECT`); with POST it says which topics it wants, and
//! its token there says who it is. Each event's id is its position in the change log, so that a client whose connection
//! broke asks for what it missed by `Last-Event-ID`: a position, or the id of its former connection.

mod hub;
mod listener;
mod registry;
mod replay;
mod share;
mod topic;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base::chance;
use base::error::Fields;
use serde_json::Value;
use store::Position;
use web::form::Form;
use web::{Problem, reply, request};

use crate::caller::Caller;
use crate::realtime::listener::Events;
use crate::realtime::topic::Topic;
use crate::service::Inner;

pub(crate) use hub::Hub;

/// Characters of the part of a client id that nobody can guess.
const SECRET_LENGTH: usize = 25;

/// `GET /api/realtime`: opens the stream.
pub(crate) async fn connect(
    State(service): State<Arc<Inner>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let since = since(&head.headers, head.uri.query())?;
    // a client notes this id too: one that breaks again before it was told what it missed still asks for all of it
    let from = since.unwrap_or_else(|| service.records.store().position());
    let id = format!("{}-{}", chance::word(SECRET_LENGTH), from.0);
    let events: Events = service.hub.open(&id, since)?;
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // proxies that gather answers would hold events back
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// After which position the client wants to be told what it missed: from the header or the parameter.
fn since(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Position>, Problem> {
    let query = request::query(query);
    let sent = match headers.get("last-event-id") {
        Some(value) => value.to_str().unwrap_or("?"),
        None => query.get("lastEventId").and_then(Value::as_str).unwrap_or_default(),
    };
    if sent.is_empty() {
        return Ok(None);
    }
    let position = sent.rsplit_once('-').map_or(sent, |(_, position)| position);
    match position.parse() {
        Ok(position) if position >= 0 => Ok(Some(Position(position))),
        _ => Err(Problem::invalid("The last event's id is none of ours.")),
    }
}

/// `POST /api/realtime`: says which topics a client wants; those of before are forgotten.
pub(crate) async fn subscribe(
    State(service): State<Arc<Inner>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(&service, &head).await?;
    let form =
        Form::read(&head.headers, body, &service.form_limits(0, 0), service.records.store().files()).await?;
    let client = form.values.get("clientId").and_then(Value::as_str).unwrap_or_default();
    if client.is_empty() {
        return Err(Problem::invalid("").with(Fields::one(
            "clientId",
            "validation_required",
            "Cannot be blank.",
        )));
    }
    let topics = topics(&service, form.values.get("subscriptions"))?;
    let token = request::token(&head.headers).filter(|_| caller.request.auth.is_some());
    let now = service.records.store().newest().await.map_err(records::Error::Store)?;
    service.hub.subscribe(client, caller.request.auth.clone(), token, topics, now)?;
    Ok(reply::no_content())
}

fn topics(service: &Inner, sent: Option<&Value>) -> Result<Vec<Topic>, Problem> {
    let refuse = |message: String| {
        Problem::invalid("").with(Fields::one("subscriptions", "validation_invalid", &message))
    };
    let one;
    let sent = match sent {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(list)) => list,
        Some(text) => {
            one = [text.clone()];
            &one
        }
    };
    let (count_max, bytes_max) = (service.config.subscriptions_max, service.config.topic_bytes_max);
    if sent.len() > count_max {
        return Err(refuse(format!("The length must be no more than {count_max}.")));
    }
    let mut topics = Vec::with_capacity(sent.len());
    for topic in sent {
        let text = topic.as_str().ok_or_else(|| refuse("A topic is a text.".into()))?;
        if text.len() > bytes_max {
            return Err(refuse(format!("A topic has at most {bytes_max} bytes.")));
        }
        if !text.is_empty() {
            topics.push(Topic::parse(text).map_err(refuse)?);
        }
    }
    Ok(topics)
}

/// The client is not there (any more).
fn no_client() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Missing or invalid client id.")
}

/// All places are taken, or the service is about to stop.
fn no_place() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "No more realtime connections can be taken now.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_is_named_by_position_or_by_the_former_client() {
        for (header, query, position) in [
            (None, None, Some(None)),
            (Some("17"), None, Some(Some(17))),
            (Some("abc-42"), Some("lastEventId=1"), Some(Some(42))),
            (None, Some("lastEventId=abc-42"), Some(Some(42))),
            (Some("abc"), None, None),
            (Some("abc-"), None, None),
            (Some("99999999999999999999"), None, None),
        ] {
            let headers: HeaderMap = header
                .map(|h: &str| ("last-event-id".parse().unwrap(), h.parse().unwrap()))
                .into_iter()
                .collect();
            let found = since(&headers, query).ok().map(|p| p.map(|p| p.0));
            assert_eq!(found, position, "{header:?} {query:?}");
        }
    }
}
