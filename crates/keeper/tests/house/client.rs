//! A client that writes without a pause to whoever is primary, and remembers what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::play::{Database, SECRET};

/// A write that is not answered in this time is given up: whether it is there is not known.
const ANSWER_MAX: Duration = Duration::from_millis(1500);
const TABLE: &str = "CREATE TABLE IF NOT EXISTS bill (id integer PRIMARY KEY)";

/// What a client was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) acknowledged: BTreeSet<i32>,
    /// The longest time between two acknowledgements.
    pub(crate) pause_max: Duration,
    last: Option<Instant>,
}

/// A client that writes.
pub(crate) struct Writer {
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    database: Database,
    ports: Vec<u16>,
}

impl Writer {
    pub(crate) fn new(database: Database, ports: &[u16]) -> Writer {
        let (told, stop) = (Arc::new(Mutex::new(Told::default())), Arc::new(AtomicBool::new(false)));
        let (inner, ended, ports) = (told.clone(), stop.clone(), ports.to_vec());
        let all = ports.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(write(database, &all, &inner, &ended));
        });
        let writer = Writer { told, stop, thread: Some(thread), database, ports };
        writer.wait_acknowledged(5);
        writer
    }

    /// How many were acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.told.lock().unwrap().acknowledged.len()
    }

    /// Waits until so many more were acknowledged.
    #[track_caller]
    pub(crate) fn wait_acknowledged(&self, more: usize) {
        let (begin, count) = (Instant::now(), self.count() + more);
        while self.count() < count {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing is acknowledged");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// From here on pauses count.
    pub(crate) fn forget_pauses(&self) {
        let mut told = self.told.lock().unwrap();
        (told.pause_max, told.last) = (Duration::ZERO, Some(Instant::now()));
    }

    /// The longest since then.
    pub(crate) fn pause_max(&self) -> Duration {
        self.told.lock().unwrap().pause_max
    }

    /// Ends it; everything that was acknowledged must be on host `primary`.
    #[track_caller]
    pub(crate) fn end(mut self, primary: usize) -> Told {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        let told = self.told.lock().unwrap().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let there: BTreeSet<i32> = runtime
            .block_on(async { Line::open(self.database, self.ports[primary]).await.unwrap().bills().await });
        let lost: Vec<&i32> = told.acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        told
    }
}

async fn write(database: Database, ports: &[u16], told: &Mutex<Told>, stop: &AtomicBool) {
    let (mut id, mut at, mut client) = (0, 0, None::<Line>);
    while !stop.load(Ordering::SeqCst) {
        let Some(connected) = &mut client else {
            at = (at + 1) % ports.len();
            client = timeout(ANSWER_MAX, Line::open(database, ports[at])).await.ok().flatten();
            if let Some(connected) = &mut client
                && !matches!(timeout(ANSWER_MAX, connected.run(TABLE)).await, Ok(true))
            {
                client = None;
            }
            if client.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            continue;
        };
        id += 1;
        let insert = format!("INSERT INTO bill VALUES ({id})");
        if matches!(timeout(ANSWER_MAX, connected.run(&insert)).await, Ok(true)) {
            let mut told = told.lock().unwrap();
            let now = Instant::now();
            if let Some(last) = told.last.replace(now) {
                told.pause_max = told.pause_max.max(now - last);
            }
            told.acknowledged.insert(id);
        } else {
            client = None;
        }
    }
}

/// A connection to a database.
enum Line {
    Postgres(Client),
    MariaDb(Conn),
}

impl Line {
    async fn open(database: Database, port: u16) -> Option<Line> {
        match database {
            Database::Postgres => connect(port).await.ok().map(Line::Postgres),
            Database::MariaDb => {
                let options = OptsBuilder::default()
                    .ip_or_hostname("127.0.0.1")
                    .tcp_port(port)
                    .user(Some("ondol"))
                    .pass(Some(SECRET))
                    .db_name(Some("ondol"))
                    .prefer_socket(false);
                Conn::new(options).await.ok().map(Line::MariaDb)
            }
        }
    }

    /// Whether it was answered with a yes.
    async fn run(&mut self, text: &str) -> bool {
        match self {
            Line::Postgres(client) => client.batch_execute(text).await.is_ok(),
            Line::MariaDb(conn) => conn.query_drop(text).await.is_ok(),
        }
    }

    async fn bills(&mut self) -> BTreeSet<i32> {
        let text = "SELECT id FROM bill";
        match self {
            Line::Postgres(client) => {
                client.query(text, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
            Line::MariaDb(conn) => conn.query::<i32, _>(text).await.unwrap().into_iter().collect(),
        }
    }
}

async fn connect(port: u16) -> Result<Client, tokio_postgres::Error> {
    let mut settings = tokio_postgres::Config::new();
    settings.host("127.0.0.1").port(port).user("ondol").dbname("ondol").password(SECRET);
    settings.connect_timeout(Duration::from_millis(500));
    let (client, driver) = settings.connect(NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(async move { driver.await.unwrap_or_default() });
    Ok(client)
}
