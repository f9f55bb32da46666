//! What filters, rules and sorts find, on a database.
//!
//! `language/table.json` holds records, questions and what PocketBase 0.39 answers to them; where ours differs by intent,
//! the row says how (`ours`) and `why`. Rows of ours lack values that are empty, as rows of an older shape do.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::sync::Arc;

use base::time::{Clock, Timestamp};
use records::core::catalog::Catalog;
use records::core::collection::{Collection, CollectionKind, SUPERUSERS};
use records::core::field::{Field, FieldKind, TextOptions};
use records::core::index::Index;
use records::core::language::{Fault, Query, Scope};
use records::{Limits, Principal, Request};
use serde_json::{Map, Value};
use store::query::{Select, Source};
use store::{Config, Engine, Row, Store};

#[path = "language/soup.rs"]
mod soup;

fn text(name: &str) -> Field {
    Field::new(name, FieldKind::Text(TextOptions::default()))
}

fn number(name: &str) -> Field {
    Field::new(name, FieldKind::Number { min: None, max: None, is_whole: false })
}

fn flag(name: &str) -> Field {
    Field::new(name, FieldKind::Bool)
}

fn words(name: &str, max: u64) -> Field {
    Field::new(name, FieldKind::Select { values: Vec::new(), max })
}

fn relation(name: &str, collection: &str, max: u64) -> Field {
    Field::new(name, FieldKind::Relation { collection: collection.to_owned(), cascades: false, min: 0, max })
}

fn collection(name: &str, list: Option<&str>, fields: Vec<Field>) -> Collection {
    let id = Field::new("id", FieldKind::Text(TextOptions { is_primary: true, ..TextOptions::default() }));
    let is_auth = name == "users" || name == SUPERUSERS;
    let kind = if is_auth { CollectionKind::Auth } else { CollectionKind::Base };
    let mut collection = Collection::new(name, name, kind, [vec![id], fields].concat());
    collection.rules.list = list.map(str::to_owned);
    collection
}

fn catalog() -> Catalog {
    let email = FieldKind::Email { except_domains: Vec::new(), only_domains: Vec::new() };
    let account = || {
        vec![
            text("password").hidden(),
            text("tokenKey").hidden(),
            Field::new("email", email.clone()),
            flag("emailVisibility"),
            flag("verified"),
        ]
    };
    let users = vec![text("name"), relation("team", "teams", 1), words("roles", 2)];
    let posts = vec![
        text("title"),
        number("room"),
        flag("done"),
        relation("author", "users", 1),
        relation("editors", "users", 9),
        words("tags", 3),
        words("kind", 1),
        Field::new("meta", FieldKind::Json { max_bytes: 0 }),
        Field::new("spot", FieldKind::GeoPoint),
        Field::new("at", FieldKind::Date { min: String::new(), max: String::new() }),
        text("secret").hidden(),
    ];
    let mut notes = collection(
        "notes",
        Some(""),
        vec![relation("post", "posts", 1), text("text"), relation("likes", "users", 9)],
    );
    notes.indexes.push(Index::unique("one", "post"));
    let comments =
        vec![relation("post", "posts", 1), text("text"), number("score"), relation("by", "users", 1)];
    let members = vec![relation("user", "users", 1), relation("team", "teams", 1), number("level")];
    let teams = vec![text("name"), relation("owner", "users", 1)];
    Catalog::new(
        [
            collection("users", Some(""), [account(), users].concat()),
            collection("teams", Some("owner = @request.auth.id"), teams),
            collection("posts", Some(""), posts),
            collection("members", None, members),
            notes,
            collection("comments", Some(""), comments),
            collection(SUPERUSERS, None, account()),
        ]
        .map(Arc::new)
        .to_vec(),
    )
}

/// The stored body: without the id, without what is empty, and with some single choices and lists in the form of an
/// older shape.
fn body(record: &Map<String, Value>) -> String {
    let older = |key: &str, value: &Value| match value {
        Value::String(text) if key == "author" || key == "team" => Value::from(vec!["older", text]),
        Value::Array(all) if (key == "tags" || key == "likes") && all.len() == 1 => all[0].clone(),
        other => other.clone(),
    };
    let is_empty =
        |value: &Value| *value == "" || *value == 0 || *value == false || *value == Value::Array(vec![]);
    let kept = record.iter().filter(|(key, value)| *key != "id" && !is_empty(value));
    Value::Object(kept.map(|(key, value)| (key.clone(), older(key, value))).collect()).to_string()
}

struct World {
    table: Value,
    catalog: Catalog,
    store: Store,
    _dir: tempfile::TempDir,
    _database: Option<testbed::Database>,
}

impl World {
    async fn new() -> World {
        let table: Value = serde_json::from_str(include_str!("language/table.json")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let database = testbed::chosen();
        let mut config = Config::new(dir.path());
        if let Some(database) = &database {
            config.engine = Engine::from_url(&database.url()).unwrap();
        }
        let store = Store::open(config, Clock::System).await.unwrap();
        let catalog = catalog();
        for collection in catalog.all() {
            let (place, rows) = (collection.table(), table["records"][&collection.name].as_array());
            let rows: Vec<(String, String)> = rows
                .into_iter()
                .flatten()
                .map(|row| (row["id"].as_str().unwrap().to_owned(), body(row.as_object().unwrap())))
                .collect();
            let filled = store.write(move |tx| {
                Box::pin(async move {
                    tx.create_table(&place).await?;
                    for (id, body) in rows {
                        tx.insert(&place, &id, 1, body).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            });
            filled.await.unwrap();
        }
        World { table, catalog, store, _dir: dir, _database: database }
    }

    /// Who asks: nobody for `guest`.
    fn request(&self, who: &str) -> Request {
        let part = |name: &str| self.table[name].as_object().unwrap().clone();
        let users = self.table["records"]["users"].as_array().unwrap();
        let row = users.iter().find(|row| row["id"].as_str().unwrap().starts_with(who));
        let auth = row.map(|row| {
            let id = row["id"].as_str().unwrap().to_owned();
            let row = Row { id, rev: 1, shape: 1, body: body(row.as_object().unwrap()) };
            Arc::new(Principal {
                collection: self.catalog.find("users").unwrap().clone(),
                row: Arc::new(row),
            })
        });
        Request {
            method: "GET".to_owned(),
            query: part("query"),
            headers: part("headers"),
            body: part("body"),
            auth,
            ..Request::default()
        }
    }

    fn select(&self, asked: &Value) -> Result<Select, Fault> {
        let who = asked["as"].as_str().unwrap();
        let request = self.request(who);
        let collection = self.catalog.find("posts").unwrap();
        let now = Timestamp::parse("2026-11-22 03:04:05Z").unwrap();
        let limits = Limits::default();
        let sees_hidden = who == "root";
        let scope = Scope {
            catalog: &self.catalog,
            collection,
            request: &request,
            now,
            limits: &limits,
            sees_hidden,
        };
        let mut query = Query::new(scope, Source::Table(collection.table()));
        asked["rule"].as_str().map_or(Ok(()), |rule| query.filter(rule, true))?;
        asked["filter"].as_str().map_or(Ok(()), |filter| query.filter(filter, false))?;
        asked["sort"].as_str().map_or(Ok(()), |sort| query.sort(sort))?;
        Ok(query.finish())
    }

    /// The ids that a question finds, without their padding; in their order only where it asks for one.
    async fn found(&self, asked: &Value) -> String {
        let Ok(select) = self.select(asked) else { return "fault".to_owned() };
        let mut reader = self.store.reader().await.unwrap();
        let rows = reader.select(&select).await.unwrap();
        assert_eq!(reader.count(&select).await.unwrap(), rows.len() as u64, "{asked}");
        assert_eq!(reader.exists(&select).await.unwrap(), !rows.is_empty(), "{asked}");
        let mut ids: Vec<&str> = rows.iter().map(|row| row.id.trim_end_matches('0')).collect();
        if asked["sort"].is_null() {
            ids.sort_unstable();
        }
        ids.join(" ")
    }
}

#[tokio::test]
async fn questions_find_what_they_find_elsewhere() {
    let world = World::new().await;
    let mut wrong = String::new();
    for asked in world.table["asked"].as_array().unwrap() {
        let found = world.found(asked).await;
        let expected = asked["ours"].as_str().or(asked["found"].as_str()).unwrap();
        if found != expected {
            wrong.push_str(&format!("{asked}\n  finds {found:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn a_given_row_is_found_as_the_stored_one_is() {
    let world = World::new().await;
    let posts = world.catalog.find("posts").unwrap().table();
    let mut reader = world.store.reader().await.unwrap();
    let rows = reader.select(&Select::table(&posts)).await.unwrap();
    for asked in world.table["asked"].as_array().unwrap() {
        let Ok(select) = world.select(asked) else { continue };
        let stored = reader.select(&select).await.unwrap();
        for row in &rows {
            let given = Select { from: Source::Given(Arc::new(row.clone())), ..select.clone() };
            let is_stored = stored.iter().any(|found| found.id == row.id);
            assert_eq!(reader.exists(&given).await.unwrap(), is_stored, "{} of {asked}", row.id);
        }
    }
}
