//! A house in this process, on a port of its own, and its panics.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, Once};

use base::secret::Secret;
use base::time::Clock;
use identity::superusers;
use ondol::{Config, House};
use records::Records;
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use web::Stop;

use crate::ask::{Answer, Ask};

/// Panics that did not come from a test.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "warm stones 12345";

/// A house that stands until it is dropped.
pub(crate) struct Standing {
    pub(crate) address: SocketAddr,
    /// The token of a superuser.
    pub(crate) root: String,
    stop: Stop,
    run: Option<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
    folder: TempDir,
}

impl Standing {
    /// An empty house, without limits of how often somebody may ask.
    pub(crate) fn new() -> Standing {
        Standing::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Standing {
        WATCH.call_once(watch_panics);
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let mut config = Config::new(folder.path().join("data"));
        config.listen = "127.0.0.1:0".into();
        config.public = folder.path().join("public");
        config.web.rates.clear();
        change(&mut config);
        let stop = Stop::new();
        runtime.block_on(first_superuser(&config));
        let house = runtime.block_on(House::open(config)).expect("the house opens");
        let address = house.address();
        let run = runtime.spawn(house.run(stop.clone()));
        let mut standing = Standing { address, root: String::new(), stop, run: Some(run), runtime, folder };
        standing.root = standing.sign_in("_superusers", EMAIL, PASSWORD);
        standing
    }

    /// Where the data lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn sign_in(&self, collection: &str, email: &str, password: &str) -> String {
        let body = json!({ "identity": email, "password": password });
        let path = format!("/api/collections/{collection}/auth-with-password");
        let answer = self.ask(&Ask::json("POST", path, &body));
        answer.value()["token"].as_str().unwrap_or_else(|| panic!("signed in: {}", answer.text())).to_owned()
    }

    /// Asks, and is answered.
    pub(crate) fn ask(&self, ask: &Ask) -> Answer {
        ask.send(self.address).unwrap_or_else(|| panic!("the house hung up: {ask:?}"))
    }

    /// Does something as the superuser, which must succeed.
    pub(crate) fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(&Ask::json(method, path, body).of(&self.root));
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        answer.value()
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.stop.soft.cancel();
        if let Some(run) = self.run.take() {
            let _ = self.runtime.block_on(run);
        }
    }
}

async fn first_superuser(config: &Config) {
    let store = Store::open(config.store.clone(), Clock::System).await.expect("a store");
    let records = Records::open(store.clone(), Clock::System, config.records.clone()).await.expect("records");
    superusers::create(&records, EMAIL, &Secret::new(PASSWORD)).await.expect("a superuser");
    store.close().await;
}

fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| !place.file().contains("tests/hostile")) {
            PANICS.lock().expect("not poisoned").push(panic.to_string());
        }
        before(panic);
    }));
}

/// Nothing in any house has panicked so far.
pub(crate) fn no_panic(asked: &dyn std::fmt::Debug) {
    let panics = PANICS.lock().expect("not poisoned");
    assert!(panics.is_empty(), "{panics:?} before or at {asked:?}");
}
