//! The same statements through tokio-postgres alone: reads on two connections that all share, writes on sixteen.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use store::dialect::postgres as dialect;

use super::{Operation, body, id, newest_of_room, room};

/// Connections, each with its statements prepared.
pub(super) struct Clients {
    shared: Vec<Prepared>,
    own: Vec<Mutex<Prepared>>,
    turn: AtomicUsize,
}

struct Prepared {
    client: Client,
    get: Statement,
    list: Statement,
    lock: Statement,
    create: Statement,
    create_logged: Statement,
    update: Statement,
    update_logged: Statement,
}

impl Clients {
    pub(super) async fn open(url: &str) -> Clients {
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            shared.push(Prepared::open(url).await);
        }
        for _ in 0..16 {
            own.push(Mutex::new(Prepared::open(url).await));
        }
        Clients { shared, own, turn: AtomicUsize::new(0) }
    }

    pub(super) async fn run(&self, operation: Operation, n: usize, records: usize, is_logged: bool) {
        let known = id(n * 7_919 % records);
        match operation {
            Operation::Get => {
                let with = self.shared();
                decoded(&with.client.query_one(&with.get, &[&known]).await.unwrap());
            }
            Operation::List => {
                let with = self.own().await;
                let room = room(n, records);
                let found = with.client.query(&with.list, &[&room, &20_i64, &0_i64]).await.unwrap();
                assert_eq!(found.iter().map(decoded).count(), 20);
            }
            Operation::Create => {
                let with = self.own().await;
                let (id, body) = (id(n), body(n));
                let sql = if is_logged { &with.create_logged } else { &with.create };
                let values: [&(dyn ToSql + Sync); 2] = [&id, &body];
                let (begun, made) =
                    tokio::join!(with.client.batch_execute("BEGIN"), with.client.execute(sql, &values));
                begun.unwrap();
                made.unwrap();
                with.client.batch_execute("COMMIT").await.unwrap();
            }
            Operation::Update => {
                let with = self.own().await;
                let body = body(n * 7_919 % records);
                let sql = if is_logged { &with.update_logged } else { &with.update };
                let values: [&(dyn ToSql + Sync); 1] = [&known];
                let (begun, locked) =
                    tokio::join!(with.client.batch_execute("BEGIN"), with.client.query(&with.lock, &values));
                begun.unwrap();
                locked.unwrap();
                with.client.execute(sql, &[&known, &body]).await.unwrap();
                with.client.batch_execute("COMMIT").await.unwrap();
            }
        }
    }

    fn shared(&self) -> &Prepared {
        &self.shared[self.turn.fetch_add(1, Ordering::Relaxed) % self.shared.len()]
    }

    async fn own(&self) -> MutexGuard<'_, Prepared> {
        self.own[self.turn.fetch_add(1, Ordering::Relaxed) % self.own.len()].lock().await
    }
}

/// A record out of its row, as whoever asks for one wants it.
fn decoded(row: &Row) -> (String, i64, i64, String) {
    std::hint::black_box((row.get(0), row.get(1), row.get(2), row.get(3)))
}

impl Prepared {
    async fn open(url: &str) -> Prepared {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "a measurement needs no tracker")]
        tokio::spawn(driver);
        let insert = "INSERT INTO r_bench(id,rev,shape,body) VALUES ($1,1,1,$2::text::json)";
        let update = "UPDATE r_bench SET rev=rev+1,body=$2::text::json WHERE id=$1";
        let log = |kind: &str| {
            format!(
                "INSERT INTO change(write_id,i,epoch,tbl,record,kind,at) \
                 SELECT gen_random_uuid()::text,0,1,'bench',id,'{kind}',0 FROM r"
            )
        };
        let prepare = async |sql: &str| client.prepare(sql).await.unwrap();
        Prepared {
            get: prepare("SELECT id,rev,shape,body::text FROM r_bench WHERE id=$1").await,
            list: prepare(&dialect::select(&newest_of_room(0.0)).unwrap().text).await,
            lock: prepare("SELECT id,rev,shape,body::text FROM r_bench WHERE id=$1 FOR NO KEY UPDATE").await,
            create: prepare(insert).await,
            create_logged: prepare(&format!("WITH r AS ({insert} RETURNING id) {}", log("create"))).await,
            update: prepare(update).await,
            update_logged: prepare(&format!("WITH r AS ({update} RETURNING id) {}", log("update"))).await,
            client,
        }
    }
}
