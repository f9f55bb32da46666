//! Declared indexes: that they are made, serve, and refuse what is there already.

use base::time::Clock;
use store::dialect::postgres::Making;
use store::dialect::{mariadb, postgres, sqlite};
use store::query::{Column, Compare, Expr, Func, Index, IndexColumn, Scalar, Select, View};
use store::{Config, Engine, Store, Table};
use testbed::{MariaDb, Options};

use super::world::World;
use super::*;

fn column(key: &str, scalar: Scalar, descending: bool) -> IndexColumn {
    IndexColumn { column: Column::Field(Arc::from(key), scalar), descending, ignores_case: false }
}

fn index(name: &str, columns: Vec<IndexColumn>) -> Index {
    Index { name: name.into(), unique: false, columns, only: None }
}

async fn make(world: &mut World, table: &str, index: &Index) {
    let table = Table::new(table);
    world.sqlite.execute_batch(&sqlite::create_index(&table, index)).unwrap();
    world.postgres_runs(&postgres::create_index(&table, index, Making::Concurrently).unwrap()).await;
    for column in mariadb::columns_of(index).unwrap() {
        world.mariadb_runs(&mariadb::add_column(&table, &column)).await;
        world.columns.insert(&table, &column.name);
    }
    world.mariadb_runs(&mariadb::create_index(&table, index)).await;
}

/// Many rows, so that reading an index is worth it.
async fn crowd(world: &mut World) {
    for at in 0..300 {
        let body = format!(
            "{{\"title\":\"T{at}\",\"room\":{},\"at\":\"2026-01-{:02}\",\"author\":\"u{}\",\"tags\":[\"t{}\"],\"meta\":{}}}",
            at % 40,
            at % 28 + 1,
            at % 50,
            at % 7,
            at % 30
        );
        world.insert("posts", &format!("x{at:03}"), &body).await;
    }
    world.postgres_runs("ANALYZE").await;
    world.mariadb_runs("ANALYZE TABLE r_posts").await;
}

async fn plans(world: &mut World, asked: &Select) -> [String; 2] {
    let mut sql = postgres::select(asked).unwrap();
    sql.text = format!("EXPLAIN {}", sql.text);
    world.postgres_runs("SET enable_seqscan = off; SET enable_bitmapscan = off").await;
    let rows = world.postgres_rows(&sql).await;
    let postgres: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut sql = mariadb::select(asked, &world.columns).unwrap();
    sql.text = format!("EXPLAIN FORMAT=JSON {}", sql.text);
    let rows = world.mariadb_rows(&sql).await;
    [postgres.join("\n"), rows[0].get(0).unwrap()]
}

#[tokio::test]
async fn an_index_serves_the_filter_and_the_order() {
    let mut world = world().await;
    let by_room =
        index("i_room", vec![column("room", Scalar::Number, false), column("at", Scalar::Text, true)]);
    make(&mut world, "posts", &by_room).await;
    crowd(&mut world).await;
    let asked = Select {
        order: vec![by(field(MAIN, "at", Scalar::Text), true)],
        limit: Some(5),
        ..where_(equal(room(), real(7.0)))
    };
    world.same(&asked).await;
    let [postgres, mariadb] = plans(&mut world, &asked).await;
    assert!(postgres.contains("Index Scan using i_room"), "{postgres}");
    // the order of insertion is added to what the index gives
    assert!(postgres.contains("Incremental Sort"), "{postgres}");
    assert!(mariadb.contains("\"key\": \"i_room\"") && !mariadb.contains("filesort"), "{mariadb}");
}

#[tokio::test]
async fn indexes_on_texts_choices_and_json_serve() {
    let mut world = world().await;
    let indexes = [
        (index("i_title", vec![column("title", Scalar::Text, false)]), equal(title(), text("T7"))),
        (
            index("i_author", vec![column("author", Scalar::One, false)]),
            equal(field(MAIN, "author", Scalar::One), text("u7")),
        ),
        (
            index("i_tags", vec![column("tags", Scalar::List, false)]),
            equal(field(MAIN, "tags", Scalar::List), text("[\"t3\"]")),
        ),
        (index("i_meta", vec![column("meta", Scalar::Json, false)]), equal(meta(), real(7.0))),
    ];
    for (index, _) in &indexes {
        make(&mut world, "posts", index).await;
    }
    crowd(&mut world).await;
    for (index, filter) in indexes {
        let asked = where_(filter);
        assert_ne!(world.same(&asked).await, "");
        let [postgres, mariadb] = plans(&mut world, &asked).await;
        assert!(
            postgres.contains(&format!("on {}", index.name))
                || postgres.contains(&format!("using {}", index.name)),
            "{postgres}"
        );
        assert!(mariadb.contains(&format!("\"key\": \"{}\"", index.name)), "{mariadb}");
    }
}

#[tokio::test]
async fn an_index_of_a_joined_table_serves() {
    let mut world = world().await;
    make(&mut world, "posts", &index("i_author", vec![column("author", Scalar::One, false)])).await;
    crowd(&mut world).await;
    let pointing = Join {
        alias: OTHER,
        source: Source::Table(Table::new("posts")),
        on: equal(field(OTHER, "author", Scalar::One), Expr::Column(MAIN, Column::Id)),
    };
    let asked = Select {
        joins: vec![pointing],
        filter: Some(compare(field(OTHER, "title", Scalar::Text), Compare::Ne, text(""))),
        ..Select::table(&Table::new("users"))
    };
    assert_eq!(world.same(&asked).await, "kim lee park");
    let [postgres, mariadb] = plans(&mut world, &asked).await;
    assert!(postgres.contains("i_author"), "{postgres}");
    assert!(mariadb.contains("\"key\": \"i_author\""), "{mariadb}");
}

#[tokio::test]
async fn a_unique_index_counts_where_its_condition_holds() {
    let mut world = world().await;
    let unique = Index {
        unique: true,
        only: Some(Expr::And(vec![compare(field(MAIN, "mail", Scalar::Text), Compare::Ne, text(""))])),
        ..index("i_mail", vec![IndexColumn { ignores_case: true, ..column("mail", Scalar::Text, false) }])
    };
    make(&mut world, "users", &unique).await;
    for (id, mail, is_taken) in [
        ("n1", "", false),
        ("n2", "a@É.kr", false),
        ("n3", "A@É.KR", true),
        ("n4", "a@é.kr", false),
        ("n5", "a@É.kr ", false),
        ("n6", "한@글", false),
        ("n7", "한@글", true),
    ] {
        let body = with_mail(mail);
        let sqlite = world.sqlite.execute("INSERT INTO r_users VALUES (?,1,1,?)", [id, &body]);
        let sql = "INSERT INTO r_users(id,rev,shape,body) VALUES ($1,1,1,$2::text::json)";
        let postgres = world.postgres.execute(sql, &[&id, &body]).await;
        let mariadb = mysql_async::prelude::Queryable::exec_drop(
            &mut world.mariadb,
            "INSERT INTO r_users(id,rev,shape,body) VALUES (?,1,1,?)",
            (id, &body),
        );
        let mariadb = mariadb.await;
        assert_eq!(
            [sqlite.is_err(), postgres.is_err(), mariadb.is_err()],
            [is_taken; 3],
            "{mail}: {mariadb:?}"
        );
        if is_taken {
            assert_eq!(postgres.unwrap_err().code().unwrap().code(), "23505");
            assert_eq!(number(&mariadb.unwrap_err()), 1062);
        }
    }
    let asked = equal(Expr::Call(Func::Lower, vec![field(MAIN, "mail", Scalar::Text)]), text("a@É.kr"));
    let users = Select { filter: Some(asked), ..Select::table(&Table::new("users")) };
    assert_eq!(world.same(&users).await, "n2");
}

fn with_mail(mail: &str) -> String {
    format!("{{\"mail\":\"{mail}\"}}")
}

fn number(error: &mysql_async::Error) -> u16 {
    match error {
        mysql_async::Error::Server(error) => error.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_text_too_long_for_an_index_refuses_the_write() {
    let mut world = world().await;
    make(&mut world, "posts", &index("i_title", vec![column("title", Scalar::Text, false)])).await;
    // such that it can't be compressed
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from_u32(0xac00 + u32::try_from(state >> 40).unwrap() % 11_000).unwrap()
    };
    let mut body =
        |length: usize| format!("{{\"title\":\"{}\"}}", (0..length).map(|_| noise()).collect::<String>());
    world.insert("posts", "fits", &body(mariadb::TEXT_MAX)).await;
    let (long, longer) = (body(mariadb::TEXT_MAX + 1), body(1100));
    let sql = "INSERT INTO r_posts(id,rev,shape,body) VALUES ('y',1,1,$1::text::json)";
    let refused = world.postgres.execute(sql, &[&longer]).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "54000");
    let sql = "INSERT INTO r_posts(id,rev,shape,body) VALUES ('y',1,1,?)";
    let refused =
        mysql_async::prelude::Queryable::exec_drop(&mut world.mariadb, sql, (long,)).await.unwrap_err();
    assert_eq!(number(&refused), 1406);
}

#[tokio::test]
async fn indexes_of_every_form_are_made_and_change_no_answer() {
    let mut world = world().await;
    let every: Vec<IndexColumn> = [Scalar::Text, Scalar::One, Scalar::List, Scalar::Number, Scalar::Bool]
        .into_iter()
        .zip(["title", "author", "tags", "room", "done"])
        .map(|(scalar, key)| column(key, scalar, key == "room"))
        .collect();
    let hostile = compare(title(), Compare::Ne, text("'); DROP TABLE r_posts; -- \\"));
    let id = IndexColumn { column: Column::Id, descending: true, ignores_case: true };
    let indexes = [
        Index { only: Some(hostile.clone()), ..index("i_every", every.clone()) },
        Index { unique: true, only: Some(hostile), ..index("odd\"name", [vec![id], every].concat()) },
        index("i_json", vec![column("meta", Scalar::Json, true), column("room", Scalar::Number, false)]),
        index("i_Case", vec![column("Title", Scalar::Text, false), column("title", Scalar::Text, false)]),
    ];
    for one in &indexes {
        make(&mut world, "posts", one).await;
    }
    for seed in 1..=100 {
        let asked = generator::Generator::new(seed).select();
        // SQLite reads ties in the order of an index
        let order = [asked.order.clone(), vec![by(Expr::Column(MAIN, Column::Rowid), false)]].concat();
        world.same(&Select { order, ..asked }).await;
    }
}

#[tokio::test]
async fn a_view_shows_columns_by_name() {
    let mut world = world().await;
    let scalars = [Scalar::Text, Scalar::Number, Scalar::Bool, Scalar::Json, Scalar::One, Scalar::List];
    let keys = ["title", "room", "done", "meta", "author", "tags"];
    let mut columns = vec![("id".to_owned(), Column::Id)];
    columns.extend(
        keys.iter()
            .zip(scalars)
            .map(|(key, scalar)| (format!("the \"{key}\" 글"), Column::Field(Arc::from(*key), scalar))),
    );
    let view = View { name: "글".into(), columns };
    let posts = Table::new("posts");
    world.sqlite.execute_batch(&sqlite::create_view(&posts, &view)).unwrap();
    world.postgres_runs(&postgres::create_view(&posts, &view).unwrap()).await;
    world.mariadb_runs(&mariadb::create_view(&posts, &view).unwrap()).await;
    let sql = "SELECT id,\"the \"\"title\"\" 글\",\"the \"\"meta\"\" 글\",\"the \"\"author\"\" 글\" FROM \"글\" WHERE id='p04'";
    let text =
        |id: String, title: String, meta: String, author: String| format!("{id} {title} {meta} {author}");
    let expected = "p04 50% off_now [1,\"two\",null] park";
    let shown =
        world.sqlite.query_row(sql, [], |row| Ok(text(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    assert_eq!(shown.unwrap(), expected);
    let row = world.postgres.query_one(sql, &[]).await.unwrap();
    assert_eq!(text(row.get(0), row.get(1), row.get(2), row.get(3)), expected);
    let row: Option<(String, String, String, String)> =
        mysql_async::prelude::Queryable::query_first(&mut world.mariadb, sql).await.unwrap();
    let (id, title, meta, author) = row.unwrap();
    assert_eq!(text(id, title, meta, author), expected);
}

/// By the server's own word: it writes into its log when the index is begun, and again when it is done.
#[tokio::test]
async fn replicas_of_mariadb_are_told_of_an_index_when_it_is_begun_and_when_it_is_done() {
    let server = MariaDb::leading("primary", &Options::default());
    let database = server.database();
    let set = database.sql("SELECT @@global.binlog_alter_two_phase");
    assert_eq!(set.lines().last(), Some("0"), "the server does so by itself");
    let config =
        Config { engine: Engine::from_url(&database.url()).unwrap(), ..Config::new(std::env::temp_dir()) };
    let store = Store::open(config, Clock::System).await.unwrap();
    let posts = Table::new("posts");
    let by_room = index("i_room", vec![column("room", Scalar::Number, false)]);
    let made = posts.clone();
    store.write(move |tx| Box::pin(async move { tx.create_table(&made).await })).await.unwrap();
    let wanted = posts.clone();
    store.write(move |tx| Box::pin(async move { tx.set_indexes(&wanted, &[by_room]).await })).await.unwrap();
    store.settle(&posts).await.unwrap();
    store.close().await;
    let log = database.sql("SHOW BINLOG EVENTS");
    let events: Vec<&str> = log.lines().collect();
    let of_index =
        |word: &str| events.windows(2).position(|pair| pair[0].contains(word) && pair[1].contains("i_room"));
    let (begun, done) = (of_index("START ALTER"), of_index("COMMIT ALTER"));
    assert!(begun.is_some() && begun < done, "{log}");
}
