//! The same rows on SQLite, PostgreSQL and MariaDB, and one question to all of them.

use mysql_async::prelude::Queryable;
use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};
use store::dialect::mariadb::Columns;
use store::dialect::{Sql, Unsupported, mariadb, postgres, sqlite};
use store::query::{Select, Value};
use tokio_postgres::types::ToSql;

/// Table, id and body of each row, in the order of their insertion.
pub(crate) type Rows = &'static [(&'static str, &'static str, &'static str)];

/// Three databases with the same rows.
pub(crate) struct World {
    pub(crate) sqlite: Connection,
    pub(crate) postgres: tokio_postgres::Client,
    pub(crate) mariadb: mysql_async::Conn,
    pub(crate) columns: Columns,
    _databases: [testbed::Database; 2],
}

/// What a selection finds: ids in their order, how many there are, whether there is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) ids: Vec<String>,
    pub(crate) count: i64,
    pub(crate) exists: i64,
}

impl World {
    pub(crate) async fn new(tables: &[&str], rows: Rows) -> World {
        let databases = [testbed::postgres().database(), testbed::mariadb().database()];
        let (postgres, connection) =
            tokio_postgres::connect(&databases[0].url(), tokio_postgres::NoTls).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(connection);
        let url = databases[1].url().replacen("mariadb://", "mysql://", 1);
        let mut mariadb = mysql_async::Conn::from_url(&url).await.unwrap();
        mariadb.query_drop(mariadb::SESSION).await.unwrap();
        let sqlite = Connection::open_in_memory().unwrap();
        sqlite::prepare_connection(&sqlite).unwrap();
        sqlite.execute_batch("PRAGMA automatic_index = OFF").unwrap();
        let mut world =
            World { sqlite, postgres, mariadb, columns: Columns::default(), _databases: databases };
        for table in tables {
            world.create_table(table).await;
        }
        for (table, id, body) in rows {
            world.insert(table, id, body).await;
        }
        world
    }

    pub(crate) async fn create_table(&mut self, table: &str) {
        let sqlite = format!(
            "CREATE TABLE r_{table}(id TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, shape INTEGER NOT NULL, \
             body TEXT NOT NULL) STRICT"
        );
        self.sqlite.execute_batch(&sqlite).unwrap();
        let postgres = format!(
            "CREATE TABLE r_{table}(id text COLLATE \"C\" PRIMARY KEY, rev bigint NOT NULL, shape bigint NOT NULL, \
             n bigint GENERATED ALWAYS AS IDENTITY, body json NOT NULL)"
        );
        self.postgres.batch_execute(&postgres).await.unwrap();
        let mariadb = format!(
            "CREATE TABLE r_{table}(id varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY, \
             rev bigint NOT NULL, shape bigint NOT NULL, n bigint AUTO_INCREMENT UNIQUE, \
             body longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL)"
        );
        self.mariadb.query_drop(mariadb).await.unwrap();
    }

    pub(crate) async fn insert(&mut self, table: &str, id: &str, body: &str) {
        self.sqlite.execute(&format!("INSERT INTO r_{table} VALUES (?,1,1,?)"), [id, body]).unwrap();
        let sql = format!("INSERT INTO r_{table}(id,rev,shape,body) VALUES ($1,1,1,$2::text::json)");
        self.postgres.execute(&sql, &[&id, &body]).await.unwrap();
        let sql = format!("INSERT INTO r_{table}(id,rev,shape,body) VALUES (?,1,1,?)");
        self.mariadb.exec_drop(sql, (id, body)).await.unwrap();
    }

    /// Runs statements on one engine each.
    pub(crate) async fn postgres_runs(&self, sql: &str) {
        self.postgres.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }

    pub(crate) async fn mariadb_runs(&mut self, sql: &str) {
        self.mariadb.query_drop(sql).await.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }

    /// What each engine answers, or that it can't be asked.
    pub(crate) async fn ask(&mut self, asked: &Select) -> [Result<Answer, Unsupported>; 3] {
        [Ok(self.ask_sqlite(asked)), self.ask_postgres(asked).await, self.ask_mariadb(asked).await]
    }

    /// The ids that all engines find alike, in their order if there is one.
    pub(crate) async fn same(&mut self, asked: &Select) -> String {
        let [sqlite, postgres, mariadb] = self.ask(asked).await.map(|answer| sorted(answer.unwrap(), asked));
        assert_eq!(
            postgres,
            sqlite,
            "PostgreSQL (left) and SQLite\n{asked:?}\n{}",
            postgres::select(asked).unwrap().text
        );
        let text = mariadb::select(asked, &self.columns).unwrap().text;
        assert_eq!(mariadb, sqlite, "MariaDB (left) and SQLite\n{asked:?}\n{text}");
        sqlite.ids.join(" ")
    }

    fn ask_sqlite(&self, asked: &Select) -> Answer {
        let rows = |sql: &Sql| -> Vec<Bound> {
            let mut statement = self.sqlite.prepare(&sql.text).expect(&sql.text);
            let rows = statement.query_map(params_from_iter(sqlite_values(sql)), |row| row.get(0)).unwrap();
            rows.map(|row| row.unwrap_or_else(|error| panic!("{error}: {sql:?}"))).collect()
        };
        let text = |bound: &Bound| match bound {
            Bound::Text(text) => text.clone(),
            other => panic!("{other:?} is no id"),
        };
        let number = |bound: &Bound| match bound {
            Bound::Integer(whole) => *whole,
            other => panic!("{other:?} is no count"),
        };
        Answer {
            ids: rows(&sqlite::select(asked)).iter().map(text).collect(),
            count: number(&rows(&sqlite::count(asked))[0]),
            exists: number(&rows(&sqlite::exists(asked))[0]),
        }
    }

    async fn ask_postgres(&self, asked: &Select) -> Result<Answer, Unsupported> {
        let rows = self.postgres_rows(&postgres::select(asked)?).await;
        Ok(Answer {
            ids: rows.iter().map(|row| row.get(0)).collect(),
            count: self.postgres_rows(&postgres::count(asked)?).await[0].get(0),
            exists: self.postgres_rows(&postgres::exists(asked)?).await[0].get(0),
        })
    }

    pub(crate) async fn postgres_rows(&self, sql: &Sql) -> Vec<tokio_postgres::Row> {
        let values: Vec<Box<dyn ToSql + Sync>> = sql.values.iter().map(postgres_value).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value).collect();
        let rows = self.postgres.query(&sql.text, &values).await;
        rows.unwrap_or_else(|error| panic!("PostgreSQL: {error:?}\n{}\n{:?}", sql.text, sql.values))
    }

    async fn ask_mariadb(&mut self, asked: &Select) -> Result<Answer, Unsupported> {
        let (select, count, exists) = (
            mariadb::select(asked, &self.columns)?,
            mariadb::count(asked, &self.columns)?,
            mariadb::exists(asked, &self.columns)?,
        );
        let rows = self.mariadb_rows(&select).await;
        let number = |rows: Vec<mysql_async::Row>| rows[0].get::<i64, _>(0).unwrap();
        Ok(Answer {
            ids: rows.iter().map(|row| row.get(0).unwrap()).collect(),
            count: number(self.mariadb_rows(&count).await),
            exists: number(self.mariadb_rows(&exists).await),
        })
    }

    pub(crate) async fn mariadb_rows(&mut self, sql: &Sql) -> Vec<mysql_async::Row> {
        let values: Vec<mysql_async::Value> = sql.values.iter().map(mariadb_value).collect();
        let params = if values.is_empty() {
            mysql_async::Params::Empty
        } else {
            mysql_async::Params::Positional(values)
        };
        let rows = self.mariadb.exec(&sql.text, params).await;
        rows.unwrap_or_else(|error| panic!("MariaDB: {error:?}\n{}\n{:?}", sql.text, sql.values))
    }
}

fn sorted(mut answer: Answer, asked: &Select) -> Answer {
    if asked.order.is_empty() && asked.limit.is_none() && asked.offset == 0 {
        answer.ids.sort_unstable();
    }
    answer
}

fn sqlite_values(sql: &Sql) -> Vec<Bound> {
    let bound = |value: &Value| match value {
        Value::Null => Bound::Null,
        Value::Bool(is_true) => Bound::Integer(i64::from(*is_true)),
        Value::Int(whole) => Bound::Integer(*whole),
        Value::Real(number) => Bound::Real(*number),
        Value::Text(text) => Bound::Text(text.to_string()),
    };
    sql.values.iter().map(bound).collect()
}

fn postgres_value(value: &Value) -> Box<dyn ToSql + Sync> {
    match value {
        Value::Int(whole) => Box::new(*whole),
        Value::Real(number) => Box::new(*number),
        Value::Text(text) => Box::new(text.to_string()),
        Value::Null | Value::Bool(_) => panic!("{value:?} is never bound"),
    }
}

fn mariadb_value(value: &Value) -> mysql_async::Value {
    match value {
        Value::Int(whole) => (*whole).into(),
        Value::Real(number) => (*number).into(),
        Value::Text(text) => text.as_bytes().into(),
        Value::Null | Value::Bool(_) => panic!("{value:?} is never bound"),
    }
}
