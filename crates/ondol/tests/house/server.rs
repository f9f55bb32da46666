//! The true program, started, stopped and killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testbed::Database;

/// The superuser of every house.
pub(crate) const EMAIL: &str = "root@example.com";
/// Their password.
pub(crate) const PASSWORD: &str = "따뜻한-바닥-1234";

/// A folder for one house, with a superuser in it.
pub(crate) struct House {
    folder: TempDir,
    _database: Option<Database>,
}

impl House {
    pub(crate) fn new() -> House {
        let house = House::empty();
        house.make_superuser();
        house
    }

    /// A house in which nobody has been yet.
    pub(crate) fn empty() -> House {
        House { folder: tempfile::tempdir().expect("a folder"), _database: None }
    }

    /// A house in which nobody has been yet, on a database server, with memcached.
    pub(crate) fn empty_on(engine: &str, database: Database) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let url = database.url();
        let place = url.split_once("://").map_or("", |(_, place)| place);
        let (login, place) = place.split_once('@').expect("a user");
        let (address, name) = place.split_once('/').expect("a database");
        let (user, secret) = login.split_once(':').unwrap_or((login, ""));
        let memcached = testbed::memcached().address();
        let text = format!(
            "[database]\nengine = {engine:?}\naddress = {address:?}\nname = {name:?}\nuser = {user:?}\nsecret = {secret:?}\n\
             [cache]\nmemcached = [{memcached:?}]\n"
        );
        std::fs::write(folder.path().join("ondol.toml"), text).expect("a service file");
        House { folder, _database: Some(database) }
    }

    /// The same with a superuser in it.
    pub(crate) fn on(engine: &str, database: Database) -> House {
        let house = House::empty_on(engine, database);
        house.make_superuser();
        house
    }

    /// Adds to the service file.
    pub(crate) fn settings(&self, text: &str) {
        let path = self.folder.path().join("ondol.toml");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, before + text).expect("a service file");
    }

    /// Names the mail server in the service file.
    pub(crate) fn sends_mail_to(&self, smtp: u16) {
        let file = self.folder.path().join("ondol.toml");
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        let text = format!(
            "service = \"board.example\"\n{before}[mail]\nserver = \"127.0.0.1\"\nport = {smtp}\nsecurity = \"plain\"\n\
             from = \"hello@board.example\"\n"
        );
        std::fs::write(file, text).expect("a service file");
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the program; it may not be ready yet.
    pub(crate) fn spawn(&self) -> Child {
        self.spawn_at("127.0.0.1:0")
    }

    fn spawn_at(&self, listen: &str) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        ondol(self.folder.path())
            .args(["serve", "--listen", listen, "--dir"])
            .arg(self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("the program starts")
    }

    /// Starts the program and waits until it says that it serves.
    pub(crate) fn start(&self) -> Server {
        self.greeted(1, self.spawn()).0
    }

    /// The same at an address where it was before.
    pub(crate) fn start_at(&self, address: &str) -> Server {
        self.greeted(1, self.spawn_at(address)).0
    }

    /// Starts the program in a house where nobody has been yet: it says where to make the first superuser.
    pub(crate) fn start_first(&self) -> (Server, String) {
        let (server, said) = self.greeted(3, self.spawn());
        let link = said.split_whitespace().find(|word| word.contains("/first-run?key="));
        let link = link.unwrap_or_else(|| panic!("no link in {said:?}")).to_owned();
        (server, link)
    }

    /// Starts the program and reads its first lines.
    fn greeted(&self, lines_wanted: usize, mut child: Child) -> (Server, String) {
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = String::new();
        for _ in 0..lines_wanted {
            lines.read_line(&mut said).expect("a line");
        }
        let first = said.lines().next().unwrap_or_default();
        let Some(address) = first.strip_prefix("Ondol serves http://") else {
            panic!("the first line is {first:?}; the log:\n{}", self.log());
        };
        let address = address.to_owned();
        // read on, or the program would wait for somebody to listen
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        (Server { child, address }, said)
    }

    /// What the program had to say so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks the database's file from outside, with the sqlite3 program: rows of texts.
    pub(crate) fn sqlite(&self, sql: &str) -> Vec<Vec<String>> {
        let done = Command::new("sqlite3")
            .args(["-readonly", "-separator", "\t"])
            .arg(self.dir().join("data.db"))
            .arg(sql)
            .output()
            .expect("sqlite3 is there; `cargo x test` installs it");
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        let text = String::from_utf8(done.stdout).expect("UTF-8");
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    fn make_superuser(&self) {
        let mut child = ondol(self.folder.path())
            .args(["superuser", "upsert", EMAIL, "--password-file", "-", "--dir"])
            .arg(self.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(format!("{PASSWORD}\n").as_bytes()).expect("the password is read");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "a superuser is made");
    }
}

/// A program that serves; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it as a lost machine would: without a word, at once.
    pub(crate) fn kill(mut self) {
        self.kill_at_once();
    }

    /// The same, and remembers where it was.
    pub(crate) fn kill_at_once(&mut self) {
        self.child.kill().expect("it runs until it is killed");
        self.wait();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) {
        self.child.wait().expect("it ends");
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // of a program that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a script of the JavaScript application to its end, which must be a good one; how many checks were well.
pub(crate) fn run_app(script: &[&str], settings: &[(&str, String)], house: &House) -> usize {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/app");
    let is_installed = app.join("node_modules/pocketbase").exists();
    assert!(is_installed, "the packages of tests/app are missing: `cargo x test` installs them");
    let done = Command::new("node")
        .args(script)
        .current_dir(app)
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .output()
        .expect("node is there; `cargo x test` installs it");
    let told = String::from_utf8_lossy(&done.stdout);
    let (good, bad): (Vec<&str>, Vec<&str>) = told.lines().partition(|line| line.starts_with("ok "));
    let aside = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}\n{aside}\nthe server's log:\n{}", bad.join("\n"), house.log());
    good.len()
}

fn ondol(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondol"));
    command.current_dir(folder);
    command
}
