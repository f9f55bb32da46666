//! Starting the true program, and asking it over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The program, to be run in a folder.
pub(crate) fn ondol(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondol"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs the program to its end: exit code, stdout, stderr.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    told(&ondol(dir, arguments).output().expect("the program starts"))
}

/// The same with something to read on stdin.
pub(crate) fn run_with(dir: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = ondol(dir, arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // a program that doesn't read it may have closed it already
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    told(&child.wait_with_output().expect("the program ends"))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("no signal"), text(&output.stdout), text(&output.stderr))
}

/// A service that runs until it is dropped.
pub(crate) struct Served {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Served {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Serves a folder on a free port; ready when this returns.
    pub(crate) fn start(dir: &Path) -> Served {
        let mut command = ondol(dir, &["serve", "--dir", "data", "--listen", "127.0.0.1:0"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let address = first.trim_end().strip_prefix("Ondol serves http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("the first line: {first:?}"));
        Served { child, lines, address }
    }

    /// The next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line
    }

    /// Asks over a connection of its own: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("the request is sent");
        answer(stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("the service answers")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the end: exit code and stderr.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut stderr = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        let status = self.child.wait().expect("the program ends");
        (status.code().expect("no signal killed it"), stderr)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // of a service that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads an answer whose end is the end of the connection.
pub(crate) fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}
