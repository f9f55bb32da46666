//! One event for many listeners: rules are asked and texts are made once for all to whom they come out alike.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use records::core::collection::Collection;
use records::{Context, Principal, Records, Request, Shape};
use serde_json::Map;
use store::{Change, ChangeKind, Row};

use crate::realtime::registry::Delivery;

/// The event of one change, as it has been made so far.
pub(super) struct Share<'a> {
    records: &'a Records,
    collection: &'a Collection,
    change: &'a Change,
    row: &'a Arc<Row>,
    /// The record's text by sight; `None` where it may not be seen.
    texts: HashMap<Sight, Option<Arc<str>>>,
    /// The finished event by sight and topic.
    events: HashMap<(Sight, Arc<str>), Bytes>,
}

/// What decides how an event comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sight {
    eyes: Eyes,
    is_wide: bool,
    options: String,
}

/// Whose eyes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Eyes {
    /// Whoever it is.
    Anyone,
    /// Any superuser.
    Superuser,
    /// Nobody in particular.
    Guest,
    /// An account: its collection and id, and the version of its record.
    Account(String, String, i64),
}

impl<'a> Share<'a> {
    /// Nothing is made yet. `None` for a change whose record is gone: a truncation took it.
    pub(super) fn new(
        records: &'a Records,
        collection: &'a Collection,
        change: &'a Change,
    ) -> Option<Share<'a>> {
        let row = change.row.as_ref()?;
        Some(Share { records, collection, change, row, texts: HashMap::new(), events: HashMap::new() })
    }

    /// The event for one listener; `None` when it may not have it.
    pub(super) async fn event(&mut self, delivery: &Delivery) -> Option<Bytes> {
        let sight = self.sight(delivery)?;
        let key = (sight, delivery.topic.clone());
        if let Some(event) = self.events.get(&key) {
            return Some(event.clone());
        }
        if !self.texts.contains_key(&key.0) {
            let text = self.text(delivery).await;
            self.texts.insert(key.0.clone(), text);
        }
        let text = self.texts.get(&key.0)?.clone()?;
        let event = wire(self.change, &delivery.topic, &text);
        self.events.insert(key, event.clone());
        Some(event)
    }

    /// With whose eyes a listener sees; `None` when it sees nothing, whatever the record.
    fn sight(&self, delivery: &Delivery) -> Option<Sight> {
        let (options, auth) = (&delivery.options, delivery.auth.as_deref());
        let asks_caller = |text: &str| text.contains("@request");
        let Delivery { is_wide, .. } = *delivery;
        if auth.is_some_and(Principal::is_superuser) && !asks_caller(&options.filter) {
            return Some(Sight { eyes: Eyes::Superuser, is_wide, options: options.key_for_anyone.clone() });
        }
        let rule = if is_wide { &self.collection.rules.list } else { &self.collection.rules.view };
        let is_superuser = auth.is_some_and(Principal::is_superuser);
        let rule = match rule {
            Some(rule) => rule.as_str(),
            None if is_superuser => "",
            None => return None,
        };
        let depends = is_superuser
            || asks_caller(rule)
            || asks_caller(&options.filter)
            || !options.expand.is_empty()
            || self.collection.is_auth();
        if !depends {
            return Some(Sight { eyes: Eyes::Anyone, is_wide, options: options.key_for_anyone.clone() });
        }
        let eyes = match auth {
            None => Eyes::Guest,
            Some(auth) => Eyes::Account(auth.collection.id.clone(), auth.row.id.clone(), auth.row.rev),
        };
        Some(Sight { eyes, is_wide, options: options.key.clone() })
    }

    /// The record's text for a listener, if its rule and filter let it through. A fault counts as a no, and is logged.
    async fn text(&self, delivery: &Delivery) -> Option<Arc<str>> {
        let options = &delivery.options;
        let request = Request {
            context: Context::Realtime,
            method: "GET".into(),
            query: options.query.clone(),
            headers: options.headers.clone(),
            body: Map::new(),
            auth: delivery.auth.clone(),
            ..Request::default()
        };
        let (collection, row) = (self.collection, self.row);
        let sees = self.records.may_see(&request, collection, row, delivery.is_wide, &options.filter).await;
        match sees {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return self.unseen(&error),
        }
        let shape = Shape { expand: options.expand.clone(), fields: options.fields.clone() };
        match self.records.render(&request, collection, row, &shape).await {
            Ok(text) => Some(text.into()),
            Err(error) => self.unseen(&error),
        }
    }

    fn unseen(&self, error: &records::Error) -> Option<Arc<str>> {
        let cause = base::error::chain(error);
        tracing::debug!(collection = self.collection.name, cause, "an event was not told to a listener");
        None
    }
}

/// An event as the stream has it.
fn wire(change: &Change, topic: &str, record: &str) -> Bytes {
    let action = match change.kind {
        ChangeKind::Create => "create",
        ChangeKind::Update => "update",
        ChangeKind::Delete => "delete",
    };
    let mut text = String::with_capacity(record.len() + topic.len() + 100);
    let position = change.position.0;
    write!(text, "id:{position}\nevent:{topic}\ndata:{{\"action\":\"{action}\",\"record\":")
        .expect("a string takes every text");
    // line ends in JSON are never part of a value, but would end the event
    match record.contains(['\n', '\r']) {
        true => text.push_str(&record.replace(['\n', '\r'], " ")),
        false => text.push_str(record),
    }
    text.push_str("}\n\n");
    text.into()
}
