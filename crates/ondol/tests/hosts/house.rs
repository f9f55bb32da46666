//! Two hosts and a witness, with a mirror or without, on addresses of this machine's own: the true program, its files and its logs.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::drama::{Databases, has_all, program};
use super::http::{Client, sign_in};
use super::server::{EMAIL, PASSWORD};

/// Longest wait for a state.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Asks a server's database by its own command.
type Ask = Box<dyn Fn(&str, &str) -> String>;

/// A mirror's own server: what makes its login and its database, and what the file says of it.
pub(crate) struct Cloud {
    pub(crate) engine: &'static str,
    pub(crate) port: u16,
    pub(crate) ask: Ask,
}

impl Cloud {
    /// The file of a service that it follows.
    fn file(&self, net: &str) -> String {
        let Cloud { engine, port, .. } = self;
        format!(
            "service = \"mirrored\"\n[left]\nall = \"{net}.1\"\n[right]\nall = \"{net}.2\"\n[third]\nwitness = \"{net}.3\"\n\
             [database]\nengine = \"{engine}\"\nsecret = \"warm floor\"\nclients = [\"127.0.0.0/8\"]\n\
             [mirror.cloud]\naddress = \"127.0.0.1:{port}\"\nname = \"cloud\"\nuser = \"guest\"\nsecret = \"cool floor\"\n"
        )
    }
}

/// All processes of a service, and its files.
pub(crate) struct House {
    dir: PathBuf,
    program: PathBuf,
    net: String,
    cloud: Option<Cloud>,
    up: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl House {
    /// Begins nothing yet; `None`, said aloud, where that is not possible.
    pub(crate) fn new(databases: Databases, cloud: Cloud) -> Option<House> {
        let apart = if cloud.engine == "postgres" { 0 } else { 100 };
        let mut house = House::of(databases, apart, |net, _| cloud.file(net))?;
        house.cloud = Some(cloud);
        Some(house)
    }

    /// The same without a mirror. `file` makes each host's file of its number and of the beginning of all addresses, which `apart`
    /// keeps from those of others who run at a time.
    pub(crate) fn of(databases: Databases, apart: u32, file: impl Fn(&str, u32) -> String) -> Option<House> {
        if !has_all(databases) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().to_owned();
        let net = {
            let pid = std::process::id();
            format!("127.{}.{}", 10 + apart + pid % 50, pid / 50 % 250)
        };
        let program = program(&dir);
        run("chmod", &["0755", dir.to_str().expect("a path")]);
        for host in 1..=4 {
            let of = dir.join(host.to_string());
            std::fs::create_dir(&of).expect("a folder");
            run("chown", &["postgres", of.to_str().expect("a path")]);
        }
        let house = House { dir, program, net, cloud: None, up: Vec::new(), _folder: folder };
        for host in 1..=3 {
            house.write(&own_file(host), &file(&house.net, host));
        }
        // for the verbs that look from outside
        house.write("ondol.toml", &file(&house.net, 1));
        Some(house)
    }

    fn cloud(&self) -> &Cloud {
        self.cloud.as_ref().expect("it has a mirror")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(name), text).expect("the folder is ours");
    }

    fn ondol(&self, args: &[&str], stdin: &str) -> Output {
        use std::io::Write;
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // one that asks nothing may have ended
        let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    /// What a verb says that must succeed.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let done = self.ondol(args, "");
        assert!(done.status.success(), "{args:?}: {}\n{}", told(&done), self.logs());
        told(&done)
    }

    /// What a verb says that must fail.
    #[track_caller]
    pub(crate) fn refuses(&self, args: &[&str]) -> String {
        let done = self.ondol(args, "");
        assert!(!done.status.success(), "{args:?}: {}", told(&done));
        told(&done)
    }

    pub(crate) fn up(&mut self) {
        for host in 1..=3 {
            let log = std::fs::File::create(self.dir.join(format!("{host}.log"))).expect("a log");
            let mut command = Command::new(&self.program);
            command.args(["up", "--as", &self.address(host), "--dir", &host.to_string()]);
            command.args(["--file", &own_file(host)]);
            command.current_dir(&self.dir).stdin(Stdio::null());
            command.stdout(log.try_clone().expect("a log")).stderr(log);
            self.up.push(command.spawn().expect("the program starts"));
        }
    }

    /// The service on one box with the mirror's database.
    pub(crate) fn serve(&mut self) {
        let (net, Cloud { engine, port, .. }) = (&self.net, self.cloud());
        self.write(
            "served.toml",
            &format!(
                "listen = \"{net}.4:8090\"\ndir = \"4\"\n[database]\nengine = \"{engine}\"\naddress = \"127.0.0.1:{port}\"\n\
                 name = \"cloud\"\nuser = \"guest\"\nsecret = \"cool floor\"\n"
            ),
        );
        let log = std::fs::File::create(self.dir.join("4.log")).expect("a log");
        let mut command = Command::new(&self.program);
        command.args(["serve", "--file", "served.toml"]).current_dir(&self.dir).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        self.up.push(command.spawn().expect("the program starts"));
    }

    /// A host's address.
    pub(crate) fn address(&self, host: u32) -> String {
        format!("{}.{host}", self.net)
    }

    /// What a host has said.
    pub(crate) fn log(&self, host: u32) -> String {
        std::fs::read_to_string(self.dir.join(format!("{host}.log"))).unwrap_or_default()
    }

    /// Sends a host's process a signal.
    pub(crate) fn signal(&self, host: u32, signal: &str) {
        run("kill", &[&format!("-{signal}"), &self.up[host as usize - 1].id().to_string()]);
    }

    /// How a host's web service is reached.
    pub(crate) fn web(&self, host: u32) -> String {
        format!("{}.{host}:8090", self.net)
    }

    /// What `ondol status` says once it says this.
    #[track_caller]
    pub(crate) fn status(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + WAIT_MAX;
        loop {
            let done = self.ondol(&["status", "--json"], "");
            let state: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
            if is_so(&state) {
                return state;
            }
            assert!(
                Instant::now() < until,
                "it is never so that {what}: {}{state:#}\n{}",
                told(&done),
                self.logs()
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until the mirror has everything.
    #[track_caller]
    pub(crate) fn is_near(&self) {
        self.status("the mirror follows", |state| {
            let mirror = &state["mirrors"][0];
            state["primary"].is_string()
                && mirror["state"] == "following"
                && mirror["behind_writes"] == 0
                && mirror["trouble"].is_null()
        });
    }

    pub(crate) fn make_superuser(&self) {
        let done = self.ondol(&["superuser", "create", EMAIL, "--password-file", "-"], PASSWORD);
        assert!(done.status.success(), "{}", told(&done));
    }

    /// Kills the program on all hosts, and with it the databases; what they agreed on is still known.
    pub(crate) fn lose_databases(&mut self) {
        for mut child in std::mem::take(&mut self.up) {
            // it may have ended
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends all hosts at once, without a word, as a power cut does.
    pub(crate) fn cut_power(&mut self) {
        self.lose_databases();
        self.end();
    }

    fn end(&mut self) {
        for child in &self.up {
            run("kill", &["-TERM", &child.id().to_string()]);
        }
        for mut child in std::mem::take(&mut self.up) {
            let until = Instant::now() + Duration::from_secs(20);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                std::thread::sleep(LOOK_EVERY);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        // etcd outlives a program that was killed
        for host in 1..=3 {
            let pid = std::fs::read_to_string(self.dir.join(format!("{host}/etcd.pid"))).unwrap_or_default();
            if !pid.trim().is_empty() {
                run("kill", &["-KILL", pid.trim()]);
            }
        }
    }

    pub(crate) fn logs(&self) -> String {
        let shell = format!("tail -n 30 {}/*.log", self.dir.display());
        let told = Command::new("sh").args(["-c", &shell]).output().expect("a shell");
        String::from_utf8_lossy(&told.stdout).into_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.end();
    }
}

/// The file of one host, where they have files of their own.
fn own_file(host: u32) -> String {
    format!("{host}.toml")
}

fn told(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

fn run(program: &str, args: &[&str]) {
    // whom a signal does not find has ended
    let _ = Command::new(program).args(args).stderr(Stdio::null()).status();
}

/// Writes records one after the other until it is told to stop or the data are elsewhere; those that were acknowledged.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Writer {
    pub(crate) fn start(address: String, token: String) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut made = Vec::new();
            let mut client = Client::new(&address, &token).expect("the web host listens");
            for n in 0.. {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                let body = json!({ "word": format!("word {n}") });
                match client.ask_once(&format!("write {n}"), "POST", "/api/collections/notes/records", &body)
                {
                    Ok((200, record)) => made.push(record["id"].as_str().expect("an id").to_owned()),
                    // it is elsewhere by now
                    _ => break,
                }
            }
            made
        });
        Writer { stop, thread }
    }

    pub(crate) fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends well")
    }
}

/// Makes a collection with a unique index, and some records.
pub(crate) fn make_notes(address: &str) -> String {
    let token = sign_in(address);
    let mut client = Client::new(address, &token).expect("the web host listens");
    let notes = json!({
        "name": "notes", "type": "base", "createRule": "", "viewRule": "", "listRule": "",
        "fields": [{ "name": "word", "type": "text" }],
        "indexes": ["CREATE UNIQUE INDEX idx_word ON notes (word)"],
    });
    let (status, told) = client.ask("POST", "/api/collections", &notes).expect("an answer");
    assert_eq!(status, 200, "{told}");
    token
}

/// Waits for an address to be listened at.
pub(crate) fn listens(address: &str) {
    let until = Instant::now() + WAIT_MAX;
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "nothing ever listens at {address}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The ids of all notes in the mirror's database, as its server's own command tells them.
pub(crate) fn ids(house: &House) -> Vec<String> {
    let table = (house.cloud().ask)(
        "cloud",
        "SELECT table_name FROM information_schema.views WHERE table_name = 'notes'",
    );
    assert_eq!(table.trim(), "notes", "the view is there");
    (house.cloud().ask)("cloud", "SELECT id FROM notes").split_whitespace().map(str::to_owned).collect()
}
