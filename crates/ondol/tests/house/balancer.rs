//! A balancer as a process of its own, and people who ask it without a pause, counting every answer.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Client;

/// How long a state may take to come about on a busy machine.
const STATE_TIME_MAX: Duration = Duration::from_secs(60);

/// A balancer that runs; killed when dropped.
pub(crate) struct Balancer {
    child: Child,
    folder: TempDir,
    pub(crate) address: String,
}

impl Balancer {
    pub(crate) fn start(backends: &[String], settings: &str) -> Balancer {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder, backends, settings);
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_ondol"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        lines.read_line(&mut line).expect("a line");
        // read on, or the program would have nobody to speak to
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let address = line.trim_end().strip_prefix("Ondol serves http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("the first line is {line:?}"));
        Balancer { child, folder, address }
    }

    /// Has it read its file again, with other backends.
    pub(crate) fn reload(&self, backends: &[String], settings: &str) {
        write(&self.folder, backends, settings);
        signal("HUP", self.child.id());
    }

    /// A number of its page, of one backend; 0 while the page doesn't have it.
    pub(crate) fn number(&self, name: &str, backend: &str) -> u64 {
        let page = testbed::http::send("GET", &format!("http://{}/metrics", self.address), &[], "").body;
        let label = format!("backend=\"{backend}\"");
        let lines = page.lines().filter(|line| line.starts_with(name) && line.contains(&label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    pub(crate) fn answers(&self, backend: &str) -> u64 {
        self.number("ondol_balancer_backend_answers_total", backend)
    }

    pub(crate) fn is_up(&self, backend: &str) -> bool {
        self.number("ondol_balancer_backend_up", backend) == 1
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // of a program that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &TempDir, backends: &[String], settings: &str) {
    let text = format!("[balancer]\nbackends = {backends:?}\n{settings}");
    std::fs::write(folder.path().join("ondol.toml"), text).expect("a service file");
}

pub(crate) fn signal(name: &str, process: u32) {
    let done = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()), "kill -{name} {process}");
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < STATE_TIME_MAX, "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a crowd asks: method, path and body of the so-manieth request of one of them.
pub(crate) type Question = Arc<dyn Fn(usize, usize) -> (&'static str, String, Value) + Send + Sync>;

/// People who ask at once, each again and again on a connection of their own.
pub(crate) struct Crowd {
    people: Vec<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    well: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Crowd {
    /// So many who ask this.
    pub(crate) fn new(count: usize, address: &str, token: &str, question: &Question) -> Crowd {
        Crowd::of((0..count).map(|person| {
            let (address, token, question) = (address.to_owned(), token.to_owned(), question.clone());
            let (mut client, mut turns) = (None, 0..);
            move || {
                let (method, path, body) = question(person, turns.next().unwrap_or_default());
                let asked = connected(&mut client, &address, &token)
                    .and_then(|client| client.ask(method, &path, &body));
                match asked {
                    Ok((200 | 204, _)) => Ok(()),
                    other => {
                        client = None;
                        Err(format!("{method} {path}: {other:?}"))
                    }
                }
            }
        }))
    }

    /// One for each errand, who runs it again and again; what fails is told in words.
    pub(crate) fn of<E>(errands: impl IntoIterator<Item = E>) -> Crowd
    where
        E: FnMut() -> Result<(), String> + Send + 'static,
    {
        let (is_over, well) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let failed = Arc::<Mutex<Vec<String>>>::default();
        let people = errands.into_iter().map(|mut errand| {
            let (is_over, well, failed) = (is_over.clone(), well.clone(), failed.clone());
            std::thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    match errand() {
                        Ok(()) => drop(well.fetch_add(1, SeqCst)),
                        Err(what) => failed.lock().expect("nobody panics").push(what),
                    }
                }
            })
        });
        Crowd { people: people.collect(), is_over, well, failed }
    }

    /// How many answers were good so far.
    pub(crate) fn well(&self) -> usize {
        self.well.load(SeqCst)
    }

    /// Waits for so many more good answers.
    pub(crate) fn go_on(&self, more: usize) {
        let before = self.well();
        until("they are answered", || self.well() >= before + more);
    }

    /// Ends it; what failed.
    pub(crate) fn end(self) -> Vec<String> {
        self.is_over.store(true, SeqCst);
        for person in self.people {
            person.join().expect("nobody panics");
        }
        std::mem::take(&mut *self.failed.lock().expect("nobody panics"))
    }
}

fn connected<'c>(
    client: &'c mut Option<Client>,
    address: &str,
    token: &str,
) -> std::io::Result<&'c mut Client> {
    if client.is_none() {
        *client = Some(Client::new(address, token)?);
    }
    Ok(client.as_mut().expect("it has just been made"))
}
