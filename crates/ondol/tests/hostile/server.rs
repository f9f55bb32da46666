//! The true program in a process of its own, for what only a process shows: its memory and its exit code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::ask::{Answer, Ask};

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "warm stones 12345";

/// A service that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    _told: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// The token of a superuser.
    pub(crate) root: String,
}

fn ondol(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondol"));
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Makes the superuser of the folder `data` in `dir`.
pub(crate) fn with_superuser(dir: &Path) {
    let mut command = ondol(dir, &["superuser", "upsert", EMAIL, "--dir", "data", "--password-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("read");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Tries to serve the folder `data` in `dir`, which must fail: exit code and stderr.
pub(crate) fn refused(dir: &Path) -> (Option<i32>, String) {
    let output =
        ondol(dir, &["serve", "--dir", "data", "--listen", "127.0.0.1:0"]).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Server {
    /// Serves the folder `data` in `dir`.
    pub(crate) fn start(dir: &Path) -> Server {
        let mut command = ondol(dir, &["serve", "--dir", "data", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::null()).spawn().expect("the program starts");
        let mut first = String::new();
        let mut told = BufReader::new(child.stdout.take().expect("piped"));
        told.read_line(&mut first).expect("a line");
        let address =
            first.trim_end().strip_prefix("Ondol serves http://").and_then(|text| text.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the first line: {first:?}"));
        let mut server = Server { child, _told: told, address, root: String::new() };
        let body = json!({ "identity": EMAIL, "password": PASSWORD });
        let answer = server.ask(&Ask::json("POST", "/api/collections/_superusers/auth-with-password", &body));
        answer.value()["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", answer.text()))
            .clone_into(&mut server.root);
        server
    }

    pub(crate) fn ask(&self, ask: &Ask) -> Answer {
        ask.send(self.address).unwrap_or_else(|| panic!("the server hung up: {} {}", ask.method, ask.path))
    }

    /// Does something as the superuser, which must succeed.
    pub(crate) fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(&Ask::json(method, path, body).of(&self.root));
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        answer.value()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.ask(&Ask::get("/api/health")).status == 200
    }

    /// The most memory that it ever had, in kB.
    pub(crate) fn memory_kb_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a mark");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
    }

    /// Ends it by a signal; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // of one that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Zeros without an end.
pub(crate) fn zeros(bytes: u64) -> impl Read {
    std::io::repeat(0).take(bytes)
}
