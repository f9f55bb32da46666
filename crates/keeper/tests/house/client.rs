//! A client that writes without a pause to whoever is primary, and remembers what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::play::SECRET;

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
    ports: Vec<u16>,
}

impl Writer {
    pub(crate) fn new(ports: &[u16]) -> Writer {
        let (told, stop) = (Arc::new(Mutex::new(Told::default())), Arc::new(AtomicBool::new(false)));
        let (inner, ended, ports) = (told.clone(), stop.clone(), ports.to_vec());
        let all = ports.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(write(&all, &inner, &ended));
        });
        let writer = Writer { told, stop, thread: Some(thread), ports };
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
        let there: BTreeSet<i32> = runtime.block_on(async {
            let client = connect(self.ports[primary]).await.unwrap();
            let rows = client.query("SELECT id FROM bill", &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        });
        let lost: Vec<&i32> = told.acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        told
    }
}

async fn write(ports: &[u16], told: &Mutex<Told>, stop: &AtomicBool) {
    let (mut id, mut at, mut client) = (0, 0, None::<Client>);
    while !stop.load(Ordering::SeqCst) {
        let Some(connected) = &client else {
            at = (at + 1) % ports.len();
            client = timeout(ANSWER_MAX, connect(ports[at])).await.ok().and_then(Result::ok);
            if let Some(connected) = &client
                && !matches!(timeout(ANSWER_MAX, connected.batch_execute(TABLE)).await, Ok(Ok(())))
            {
                client = None;
            }
            if client.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            continue;
        };
        id += 1;
        let done = timeout(ANSWER_MAX, connected.execute("INSERT INTO bill VALUES ($1)", &[&id])).await;
        if matches!(done, Ok(Ok(_))) {
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

async fn connect(port: u16) -> Result<Client, tokio_postgres::Error> {
    let mut settings = tokio_postgres::Config::new();
    settings.host("127.0.0.1").port(port).user("ondol").dbname("ondol").password(SECRET);
    settings.connect_timeout(Duration::from_millis(500));
    let (client, driver) = settings.connect(NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(async move { driver.await.unwrap_or_default() });
    Ok(client)
}
