//! The same statements through mysql_async alone, on sixteen connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Statement};
use store::dialect::mariadb as dialect;
use tokio::sync::{Mutex, MutexGuard};

use super::{Operation, body, id, newest_of_room, room, table};

/// Connections, each with its statements prepared.
pub(super) struct Clients {
    own: Vec<Mutex<Prepared>>,
    turn: AtomicUsize,
}

struct Prepared {
    conn: Conn,
    get: Statement,
    list: Statement,
    lock: Statement,
    create: Statement,
    update: Statement,
    log: Statement,
}

impl Clients {
    pub(super) async fn open(url: &str) -> Clients {
        let mut own = Vec::new();
        for _ in 0..16 {
            own.push(Mutex::new(Prepared::open(url).await));
        }
        Clients { own, turn: AtomicUsize::new(0) }
    }

    pub(super) async fn run(&self, operation: Operation, n: usize, records: usize, is_logged: bool) {
        let known = id(n * 7_919 % records);
        let mut with = self.own().await;
        let Prepared { conn, get, list, lock, create, update, log } = &mut *with;
        match operation {
            Operation::Get => {
                let row: Option<(String, i64, i64, String)> = conn.exec_first(&*get, (known,)).await.unwrap();
                row.unwrap();
            }
            Operation::List => {
                let rows: Vec<(String, i64, i64, String)> =
                    conn.exec(&*list, (room(n, records), 20_i64, 0_i64)).await.unwrap();
                assert_eq!(rows.len(), 20);
            }
            Operation::Create => {
                let (id, body) = (id(n), body(n));
                conn.query_drop("BEGIN").await.unwrap();
                conn.exec_drop(&*create, (&id, &body)).await.unwrap();
                if is_logged {
                    conn.exec_drop(&*log, (&id, "create")).await.unwrap();
                }
                conn.query_drop("COMMIT").await.unwrap();
            }
            Operation::Update => {
                let body = body(n * 7_919 % records);
                conn.query_drop("BEGIN").await.unwrap();
                let _: Vec<(String, i64, i64, String)> = conn.exec(&*lock, (&known,)).await.unwrap();
                conn.exec_drop(&*update, (&body, &known)).await.unwrap();
                if is_logged {
                    conn.exec_drop(&*log, (&known, "update")).await.unwrap();
                }
                conn.query_drop("COMMIT").await.unwrap();
            }
        }
    }

    async fn own(&self) -> MutexGuard<'_, Prepared> {
        self.own[self.turn.fetch_add(1, Ordering::Relaxed) % self.own.len()].lock().await
    }
}

impl Prepared {
    async fn open(url: &str) -> Prepared {
        let url = url.replacen("mariadb://", "mysql://", 1);
        // by the same way as the store: the driver would go on through the server's socket, which costs less
        let opts = OptsBuilder::from_opts(Opts::from_url(&url).unwrap()).prefer_socket(false);
        let mut conn = Conn::new(opts).await.unwrap();
        conn.query_drop(dialect::SESSION).await.unwrap();
        // the virtual columns of the list's index, as the store knows them
        let names: Vec<String> = conn
            .exec(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = database() \
                 AND table_name = 'r_bench' AND column_name LIKE 'v\\_%'",
                Params::Empty,
            )
            .await
            .unwrap();
        let mut columns = dialect::Columns::default();
        names.iter().for_each(|name| columns.insert(&table(), name));
        let select = dialect::select(&newest_of_room(0.0), &columns).unwrap();
        assert_eq!(select.values.len(), 3, "{}: a room, a limit and an offset", select.text);
        let record = "SELECT id,rev,shape,body FROM r_bench WHERE id=?";
        Prepared {
            get: conn.prep(record).await.unwrap(),
            list: conn.prep(select.text).await.unwrap(),
            lock: conn.prep(format!("{record} FOR UPDATE")).await.unwrap(),
            create: conn.prep("INSERT INTO r_bench(id,rev,shape,body) VALUES (?,1,1,?)").await.unwrap(),
            update: conn.prep("UPDATE r_bench SET rev=rev+1,body=? WHERE id=?").await.unwrap(),
            log: conn
                .prep(
                    "INSERT INTO \"change\"(write_id,i,epoch,tbl,record,kind,at) VALUES (uuid(),0,1,'bench',?,?,0)",
                )
                .await
                .unwrap(),
            conn,
        }
    }
}
