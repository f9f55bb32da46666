//! A small house to test in: a store on the engine of this run, a clock that stands, and short words for what tests do.

use std::sync::Arc;

use base::error::Fault;
use base::time::{Clock, Timestamp};
use records::{Draft, Error, Limits, ListQuery, Principal, Records, Request, Shape, Written};
use serde_json::{Map, Value};
use store::{Config, Engine, Store};
use testbed::Database;

pub(crate) struct House {
    pub(crate) records: Records,
    config: Config,
    _dir: tempfile::TempDir,
    _database: Option<Database>,
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

impl House {
    pub(crate) async fn new() -> House {
        House::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> House {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::parse("2026-11-22 03:00:00Z").unwrap());
        let database = testbed::chosen();
        let mut config = Config::new(dir.path());
        if let Some(database) = &database {
            config.engine = Engine::from_url(&database.url()).unwrap();
        }
        let store = Store::open(config.clone(), clock.clone()).await.unwrap();
        let records = Records::open_cached(store, clock, limits, Some(cache::Config::in_process(1 << 20)))
            .await
            .unwrap();
        House { records, config, _dir: dir, _database: database }
    }

    /// The same folder and database as another process would have them open.
    pub(crate) async fn of_another_process(&self) -> Records {
        let clock = self.records.clock().clone();
        let store = Store::open(self.config.clone(), clock.clone()).await.unwrap();
        Records::open_cached(store, clock, Limits::default(), Some(cache::Config::in_process(1 << 20)))
            .await
            .unwrap()
    }

    pub(crate) async fn collection(&self, sent: Value) {
        self.records.create_collection(&object(sent)).await.map_err(told).unwrap();
    }

    /// Everybody may do everything with a collection of these fields.
    pub(crate) async fn open_collection(&self, name: &str, fields: Value) {
        self.collection(serde_json::json!({
            "name": name, "type": "base", "fields": fields,
            "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        }))
        .await;
    }

    pub(crate) async fn create(
        &self,
        asking: &Request,
        collection: &str,
        sent: Value,
    ) -> Result<Value, Error> {
        let sent = object(sent);
        let asking = Request { body: sent.clone(), method: "POST".into(), ..asking.clone() };
        let draft = Draft { values: sent, uploads: Vec::new() };
        self.records.create(&asking, collection, draft, &Shape::default()).await.map(json)
    }

    pub(crate) async fn update(
        &self,
        asking: &Request,
        place: (&str, &str),
        sent: Value,
    ) -> Result<Value, Error> {
        let sent = object(sent);
        let asking = Request { body: sent.clone(), method: "PATCH".into(), ..asking.clone() };
        let draft = Draft { values: sent, uploads: Vec::new() };
        self.records.update(&asking, place.0, place.1, draft, &Shape::default()).await.map(json)
    }

    pub(crate) async fn view(
        &self,
        asking: &Request,
        place: (&str, &str),
        expand: &str,
    ) -> Result<Value, Error> {
        let shape = Shape { expand: expand.into(), fields: String::new() };
        let text = self.records.view(asking, place.0, place.1, &shape).await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    /// The value of one field of each listed record.
    pub(crate) async fn listed(
        &self,
        asking: &Request,
        collection: &str,
        filter: &str,
        field: &str,
    ) -> Vec<Value> {
        let query = ListQuery { filter: filter.into(), sort: "@rowid".into(), ..ListQuery::default() };
        let page = self.records.list(asking, collection, &query).await.map_err(told).unwrap();
        assert_eq!(page.total, Some(page.items.len() as u64));
        page.items.iter().map(|item| serde_json::from_str::<Value>(item).unwrap()[field].clone()).collect()
    }

    pub(crate) async fn count(&self, collection: &str) -> u64 {
        self.records
            .list(&superuser(&self.records), collection, &ListQuery::default())
            .await
            .unwrap()
            .total
            .unwrap()
    }

    /// Signs up an account of `users` and asks as it.
    pub(crate) async fn user(&self, email: &str) -> Request {
        let sent = serde_json::json!({ "email": email, "password": "correct horse", "passwordConfirm": "correct horse" });
        let made = self.create(&superuser(&self.records), "users", sent).await.map_err(told).unwrap();
        self.asking_as("users", made["id"].as_str().unwrap()).await
    }

    pub(crate) async fn asking_as(&self, collection: &str, id: &str) -> Request {
        let collection = self.records.catalog().find(collection).unwrap().clone();
        let row = self.records.find(&collection, id).await.unwrap().unwrap();
        Request { auth: Some(Arc::new(Principal { collection, row })), ..Request::default() }
    }
}

pub(crate) fn guest() -> Request {
    Request::default()
}

/// Asks as a superuser (who need not be stored for that).
pub(crate) fn superuser(records: &Records) -> Request {
    let collection = records.catalog().find("_superusers").unwrap().clone();
    let row = Arc::new(store::Row { id: "root".into(), rev: 0, shape: 0, body: "{}".into() });
    Request { auth: Some(Arc::new(Principal { collection, row })), ..Request::default() }
}

fn json(written: Written) -> Value {
    serde_json::from_str(&written.json).unwrap()
}

/// What a client would be told.
pub(crate) fn told(fault: Error) -> String {
    format!("{} {} {}", fault.kind().status(), fault.public(), Value::from(fault.data()))
}
