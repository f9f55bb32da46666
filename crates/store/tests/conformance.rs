//! What every engine must do alike: each function takes an opened store, and the list at the end runs them on SQLite,
//! PostgreSQL and MariaDB.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::sync::Arc;

use base::time::{Clock, Timestamp};
use store::query::{
    Column, Compare, Expr, Index, IndexColumn, MAIN, Order, Scalar, Select, Source, Value, View,
};
use store::{Change, ChangeKind, Config, Engine, Error, Position, Row, Store, Table, Tx};

fn notes() -> Table {
    Table::new("notes")
}

/// A body that holds one text.
fn body(text: &str) -> String {
    format!("{{\"t\":\"{text}\"}}")
}

async fn make_notes(store: &Store) {
    store.write(|tx| Box::pin(async move { tx.create_table(&notes()).await })).await.unwrap();
}

async fn insert(store: &Store, id: &str, text: &str) -> Result<Arc<Row>, Error> {
    let (id, body) = (id.to_owned(), body(text));
    store.write(|tx| Box::pin(async move { tx.insert(&notes(), &id, 1, body).await })).await
}

async fn update(store: &Store, id: &str, text: &str) -> Result<Option<Arc<Row>>, Error> {
    let (id, body) = (id.to_owned(), body(text));
    store.write(|tx| Box::pin(async move { tx.update(&notes(), &id, 2, body).await })).await
}

async fn delete(store: &Store, id: &str) -> Result<Option<Arc<Row>>, Error> {
    let id = id.to_owned();
    store.write(|tx| Box::pin(async move { tx.delete(&notes(), &id).await })).await
}

async fn get(store: &Store, id: &str) -> Option<Row> {
    store.reader().await.unwrap().get(&notes(), id).await.unwrap()
}

async fn changes(store: &Store, after: i64) -> Vec<Change> {
    store.newest().await.unwrap();
    store.reader().await.unwrap().changes(Position(after), 1_000).await.unwrap()
}

async fn a_record_reads_as_it_was_written(store: Store) {
    make_notes(&store).await;
    let made = insert(&store, "a", "안녕").await.unwrap();
    assert_eq!((made.shape, made.body.as_str()), (1, "{\"t\":\"안녕\"}"));
    assert_eq!(get(&store, "a").await.as_ref(), Some(&*made));
    let changed = update(&store, "a", "둘").await.unwrap().unwrap();
    assert_eq!(changed.shape, 2);
    assert!(changed.rev > made.rev, "a version grows");
    assert_eq!(get(&store, "a").await.as_ref(), Some(&*changed));
    assert_eq!(delete(&store, "a").await.unwrap(), Some(changed));
    assert_eq!(get(&store, "a").await, None);
}

async fn what_is_not_there_is_neither_changed_nor_deleted(store: Store) {
    make_notes(&store).await;
    assert_eq!(update(&store, "a", "x").await.unwrap(), None);
    assert_eq!(delete(&store, "a").await.unwrap(), None);
    assert!(changes(&store, 0).await.is_empty());
    assert_eq!(store.position(), Position(0));
}

async fn an_id_is_taken_once(store: Store) {
    make_notes(&store).await;
    insert(&store, "a", "one").await.unwrap();
    let refused = insert(&store, "a", "two").await;
    assert!(matches!(&refused, Err(Error::Unique { index }) if index == "id"), "{refused:?}");
    assert_eq!(get(&store, "a").await.unwrap().body, body("one"));
    assert_eq!(changes(&store, 0).await.len(), 1);
}

async fn a_write_sees_what_it_wrote_and_leaves_nothing_when_it_fails(store: Store) {
    make_notes(&store).await;
    let failed: Result<(), Error> = store
        .write(|tx: &mut Tx| {
            Box::pin(async move {
                tx.insert(&notes(), "a", 1, body("x")).await?;
                assert!(tx.get(&notes(), "a").await?.is_some());
                tx.insert(&notes(), "b", 1, body("x")).await?;
                Err(Error::Gone)
            })
        })
        .await;
    assert!(matches!(failed, Err(Error::Gone)));
    assert_eq!((get(&store, "a").await, get(&store, "b").await), (None, None));
    assert!(changes(&store, 0).await.is_empty());
}

async fn the_changes_of_a_write_share_its_id_and_time(store: Store) {
    make_notes(&store).await;
    store
        .write(|tx: &mut Tx| {
            Box::pin(async move {
                tx.insert(&notes(), "a", 1, body("x")).await?;
                tx.update(&notes(), "a", 1, body("y")).await?;
                tx.delete(&notes(), "a").await
            })
        })
        .await
        .unwrap();
    insert(&store, "b", "z").await.unwrap();
    let log = changes(&store, 0).await;
    let kinds: Vec<_> = log.iter().map(|change| (change.position.0, change.kind)).collect();
    assert_eq!(
        kinds,
        [(1, ChangeKind::Create), (2, ChangeKind::Update), (3, ChangeKind::Delete), (4, ChangeKind::Create)]
    );
    assert!(log[0].write == log[1].write && log[1].write == log[2].write && log[2].write != log[3].write);
    assert!(log.iter().all(|change| change.at == NOW && change.epoch == 1 && &*change.table == "notes"));
}

async fn a_change_carries_the_record_as_it_is_now_or_as_it_last_was(store: Store) {
    make_notes(&store).await;
    insert(&store, "a", "one").await.unwrap();
    update(&store, "a", "two").await.unwrap();
    let last = insert(&store, "b", "last").await.unwrap();
    delete(&store, "b").await.unwrap();
    let log = changes(&store, 0).await;
    let texts: Vec<_> = log.iter().map(|change| change.row.as_ref().unwrap().body.clone()).collect();
    assert_eq!(texts, [body("two"), body("two"), body("last"), body("last")]);
    assert_eq!(log[3].row.as_ref(), Some(&last), "the deleted record in its own version");
    store.write(|tx| Box::pin(async move { tx.drop_table(&notes()).await })).await.unwrap();
    assert!(changes(&store, 0).await.iter().all(|change| change.row.is_none()));
}

async fn a_truncated_table_is_empty_and_takes_new_records(store: Store) {
    make_notes(&store).await;
    insert(&store, "a", "one").await.unwrap();
    store.write(|tx| Box::pin(async move { tx.truncate_table(&notes()).await })).await.unwrap();
    assert_eq!(get(&store, "a").await, None);
    insert(&store, "a", "two").await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap().body, body("two"));
}

async fn a_setting_reads_as_it_was_last_set(store: Store) {
    assert_eq!(store.reader().await.unwrap().setting("secret").await.unwrap(), None);
    for value in ["one", "two"] {
        store.write(move |tx| Box::pin(async move { tx.set_setting("secret", value).await })).await.unwrap();
        assert_eq!(store.reader().await.unwrap().setting("secret").await.unwrap().as_deref(), Some(value));
    }
}

async fn a_tail_gives_each_change_once_and_in_order_while_many_write(store: Store) {
    make_notes(&store).await;
    insert(&store, "before", "x").await.unwrap();
    let mut tail = store.tail(Position(0));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = store.clone();
            async move {
                for n in 0..25 {
                    insert(&store, &format!("{writer}_{n}"), "x").await.unwrap();
                }
            }
        })
        .collect();
    let follow = async {
        let mut seen = Vec::new();
        while seen.len() < 201 {
            seen.extend(tail.next().await.unwrap().iter().map(|change| change.position.0));
        }
        seen
    };
    let (seen, _) = tokio::join!(follow, futures_util::future::join_all(writers));
    assert_eq!(seen, (1..=201).collect::<Vec<_>>());
}

async fn a_tail_beyond_the_log_must_begin_anew(store: Store) {
    let ended = store.tail(Position(5)).next().await;
    assert!(matches!(ended, Err(Error::Gone)), "{ended:?}");
}

async fn a_closed_store_refuses_and_ends_its_tails(store: Store) {
    make_notes(&store).await;
    let mut tail = store.tail(Position(0));
    let (ended, ()) = tokio::join!(tail.next(), store.close());
    assert!(matches!(ended, Err(Error::Busy)), "{ended:?}");
    assert!(matches!(insert(&store, "a", "x").await, Err(Error::Busy)));
    assert!(store.reader().await.unwrap().get(&notes(), "a").await.is_err());
}

/// The text field of the bodies here.
fn text() -> Column {
    Column::Field("t".into(), Scalar::Text)
}

fn text_is(compare: Compare, value: &str) -> Expr {
    let value = Expr::Value(Value::Text(value.into()));
    Expr::Compare(Box::new(Expr::Column(MAIN, text())), compare, Box::new(value))
}

async fn a_selection_filters_orders_pages_and_counts(store: Store) {
    make_notes(&store).await;
    for (id, text) in [("a", "나"), ("b", "가"), ("c", "다"), ("d", "가")] {
        insert(&store, id, text).await.unwrap();
    }
    let mut select = Select::table(&notes());
    select.filter = Some(text_is(Compare::Ne, "다"));
    select.order = vec![Order { by: Expr::Column(MAIN, text()), descending: false }];
    let mut conn = store.reader().await.unwrap();
    let ids = |rows: Vec<Row>| rows.into_iter().map(|row| row.id).collect::<String>();
    assert_eq!(ids(conn.select(&select).await.unwrap()), "bda", "ties keep the order of insertion");
    (select.limit, select.offset) = (Some(1), 1);
    assert_eq!(ids(conn.select(&select).await.unwrap()), "d");
    assert_eq!(conn.count(&select).await.unwrap(), 3);
    assert!(conn.exists(&select).await.unwrap());
    select.filter = Some(text_is(Compare::Eq, "라"));
    assert_eq!((conn.count(&select).await.unwrap(), conn.exists(&select).await.unwrap()), (0, false));
}

async fn a_row_that_is_given_can_be_asked_as_if_it_were_stored(store: Store) {
    let row = Row { id: "x".into(), rev: 0, shape: 1, body: body("가") };
    let mut select = Select::all(Source::Given(Arc::new(row)));
    let mut conn = store.reader().await.unwrap();
    for (value, fits) in [("가", true), ("나", false)] {
        select.filter = Some(text_is(Compare::Eq, value));
        assert_eq!(conn.exists(&select).await.unwrap(), fits, "{value}");
    }
}

fn index(name: &str, unique: bool) -> Index {
    let column = IndexColumn { column: text(), descending: false, ignores_case: false };
    Index { name: name.into(), unique, columns: vec![column], only: None }
}

async fn set_indexes(store: &Store, indexes: Vec<Index>) -> Result<(), Error> {
    store.write(|tx| Box::pin(async move { tx.set_indexes(&notes(), &indexes).await })).await?;
    let settled = store.settle(&notes()).await;
    if settled.is_err() {
        // whoever wanted it takes it back
        store.write(|tx| Box::pin(async move { tx.set_indexes(&notes(), &[]).await })).await?;
        store.settle(&notes()).await?;
    }
    settled
}

async fn a_unique_index_refuses_by_its_name_until_it_is_dropped(store: Store) {
    make_notes(&store).await;
    set_indexes(&store, vec![index("i_one", true), index("i_two", false)]).await.unwrap();
    insert(&store, "a", "x").await.unwrap();
    insert(&store, "b", "y").await.unwrap();
    for refused in [insert(&store, "c", "x").await.map(Some), update(&store, "b", "x").await] {
        assert!(matches!(&refused, Err(Error::Unique { index }) if index == "i_one"), "{refused:?}");
    }
    set_indexes(&store, vec![index("i_two", false)]).await.unwrap();
    insert(&store, "c", "x").await.unwrap();
}

async fn what_a_write_made_that_was_undone_can_be_made_again(store: Store) {
    for (is_unique, is_undone) in [(true, true), (false, false)] {
        let made: Result<(), Error> = store
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    tx.create_table(&notes()).await?;
                    tx.set_indexes(&notes(), &[index("i_one", is_unique)]).await?;
                    if is_undone { Err(Error::Gone) } else { Ok(()) }
                })
            })
            .await;
        assert_eq!(made.is_err(), is_undone, "{made:?}");
    }
    store.settle(&notes()).await.unwrap();
    insert(&store, "a", "x").await.unwrap();
    insert(&store, "b", "x").await.expect("the index is the one that was declared last");
}

async fn a_unique_index_that_the_data_do_not_fit_is_not_made(store: Store) {
    make_notes(&store).await;
    insert(&store, "a", "x").await.unwrap();
    insert(&store, "b", "x").await.unwrap();
    let refused = set_indexes(&store, vec![index("i_two", false), index("i_one", true)]).await;
    assert!(matches!(&refused, Err(Error::Unique { index }) if index == "i_one"), "{refused:?}");
    // the name is still free: nothing of the write was left
    set_indexes(&store, vec![index("i_two", true)]).await.unwrap_err();
    set_indexes(&store, vec![index("i_one", false), index("i_two", false)]).await.unwrap();
}

async fn set_view(store: &Store, table: Table, name: Option<&str>) {
    let view = name.map(|name| View { name: name.into(), columns: vec![("제목".into(), text())] });
    store.write(|tx| Box::pin(async move { tx.set_view(&table, view.as_ref()).await })).await.unwrap();
}

async fn a_view_may_be_made_renamed_dropped_and_have_any_name(store: Store) {
    make_notes(&store).await;
    for name in ["notes", "notes", "글 \"목록\"", "change", "r_notes", "sqlite_master"] {
        set_view(&store, notes(), Some(name)).await;
    }
    let other = Table::new("other");
    let made = other.clone();
    store.write(|tx| Box::pin(async move { tx.create_table(&made).await })).await.unwrap();
    set_view(&store, notes(), Some("same")).await;
    set_view(&store, other.clone(), Some("SAME")).await;
    set_view(&store, notes(), None).await;
    store.write(|tx| Box::pin(async move { tx.drop_table(&other).await })).await.unwrap();
    insert(&store, "a", "x").await.unwrap();
}

async fn a_query_goes_on_while_tables_and_indexes_come_and_go(store: Store) {
    make_notes(&store).await;
    let mut conn = store.reader().await.unwrap();
    let select = Select::table(&notes());
    for n in 0..5 {
        insert(&store, &n.to_string(), "x").await.unwrap();
        set_indexes(&store, if n % 2 == 0 { vec![index("i_two", false)] } else { vec![] }).await.unwrap();
        assert_eq!(conn.count(&select).await.unwrap(), n + 1);
    }
    store
        .write(|tx: &mut Tx| {
            Box::pin(async move {
                assert_eq!(tx.count(&Select::table(&notes())).await?, 5);
                tx.drop_table(&notes()).await?;
                tx.create_table(&notes()).await
            })
        })
        .await
        .unwrap();
    assert_eq!(conn.count(&select).await.unwrap(), 0);
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Runs each function on a store of its own, on each engine.
macro_rules! on_every_engine {
    ($($name:ident)*) => {
        on_every_engine! { sqlite, None::<testbed::Database>; $($name)* }
        on_every_engine! { postgres, Some(testbed::postgres().database()); $($name)* }
        on_every_engine! { mariadb, Some(testbed::mariadb().database()); $($name)* }
    };
    ($engine:ident, $database:expr; $($name:ident)*) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let (dir, database) = (tempfile::tempdir().unwrap(), $database);
                    let url = database.as_ref().map(|database: &testbed::Database| database.url());
                    let engine = url.map_or(super::Engine::Sqlite, |url| super::Engine::from_url(&url).unwrap());
                    let config = super::Config { engine, ..super::Config::new(dir.path()) };
                    let store = super::Store::open(config, super::Clock::manual(super::NOW)).await.unwrap();
                    super::$name(store.clone()).await;
                    store.close().await;
                }
            )*
        }
    };
}

on_every_engine! {
    a_record_reads_as_it_was_written
    what_is_not_there_is_neither_changed_nor_deleted
    an_id_is_taken_once
    a_write_sees_what_it_wrote_and_leaves_nothing_when_it_fails
    the_changes_of_a_write_share_its_id_and_time
    a_change_carries_the_record_as_it_is_now_or_as_it_last_was
    a_truncated_table_is_empty_and_takes_new_records
    a_setting_reads_as_it_was_last_set
    a_tail_gives_each_change_once_and_in_order_while_many_write
    a_tail_beyond_the_log_must_begin_anew
    a_closed_store_refuses_and_ends_its_tails
    a_selection_filters_orders_pages_and_counts
    a_row_that_is_given_can_be_asked_as_if_it_were_stored
    a_unique_index_refuses_by_its_name_until_it_is_dropped
    what_a_write_made_that_was_undone_can_be_made_again
    a_unique_index_that_the_data_do_not_fit_is_not_made
    a_view_may_be_made_renamed_dropped_and_have_any_name
    a_query_goes_on_while_tables_and_indexes_come_and_go
}
