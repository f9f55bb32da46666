//! A team's folder with a service in it, and the mover.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Client, sign_in};
use crate::server::{EMAIL, PASSWORD};
use crate::writer::make_marks;

/// A folder with a service file, data and a superuser.
pub(crate) struct Team {
    folder: TempDir,
}

/// The service; killed when dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
}

impl Team {
    pub(crate) fn new() -> Team {
        let team = Team { folder: tempfile::tempdir().expect("a folder") };
        let mut child = team
            .ondol(&["superuser", "upsert", EMAIL, "--password-file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        writeln!(stdin, "{PASSWORD}").expect("the password is read");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "a superuser is made");
        team
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn ondol(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ondol"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end: exit code, stdout, stderr.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.ondol(arguments).output().expect("the program starts"))
    }

    /// The same, which must end well; stdout.
    pub(crate) fn well(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {stdout}{stderr}");
        stdout
    }

    /// Serves what the service file names.
    pub(crate) fn serve(&self) -> Served {
        let log = fs::File::options().create(true).append(true).open(self.path().join("log")).expect("a log");
        let mut command = self.ondol(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let address = first.trim_end().strip_prefix("Ondol serves http://").map(str::to_owned);
        let address =
            address.unwrap_or_else(|| panic!("the first line is {first:?}; the log:\n{}", self.log()));
        // read on, or the program would wait for somebody to listen
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Served { child, address }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Begins a move.
    pub(crate) fn mover(&self, to: &str) -> Child {
        let mut command = self.ondol(&["move", "--to", to]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Takes what the mover says into the service file; the secret into the file that it names.
    pub(crate) fn heed(&self, said: &str) {
        let block: String = said
            .lines()
            .filter(|line| line.starts_with("  "))
            .map(|line| format!("{}\n", line.trim()))
            .collect();
        assert!(block.starts_with("[database]\n"), "{said}");
        let dir = said.split("dir = \"").nth(1).and_then(|rest| rest.split('"').next());
        let dir = dir.map_or(String::new(), |dir| format!("dir = \"{dir}\"\n"));
        fs::write(self.path().join("ondol.toml"), dir + &block).expect("a file");
        fs::write(self.path().join("db.secret"), testbed::PASSWORD).expect("a file");
    }

    /// Real bills and elections with an index, and the collection that writers write to.
    pub(crate) fn bring_in(&self, bills: &Path, elections: &Path) {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        self.well(&["import", &text(bills), "--into", "bills", "--id-from", "bill_id"]);
        self.well(&["import", &text(elections), "--into", "elections"]);
    }
}

impl Served {
    /// Makes what writers write to, and indexes on the bills; a superuser's token.
    pub(crate) fn prepare(&self) -> String {
        let token = sign_in(&self.address);
        let mut client = Client::new(&self.address, &token).expect("a connection");
        make_marks(&mut client).expect("the collection is made");
        let index = json!({"indexes": [
            "CREATE INDEX `idx_bills_status` ON `bills` (`status`, `proposed_date` DESC)",
        ]});
        let (status, told) = client.ask("PATCH", "/api/collections/bills", &index).expect("an answer");
        assert!(status == 200 || status == 404, "{told}");
        token
    }

    /// Ends it at once, so that nobody who asks it waits any longer.
    pub(crate) fn end(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "KILL", &pid]).status().expect("kill runs").success());
    }

    /// How many bills have a status.
    pub(crate) fn count(&self, token: &str, filter: &str) -> u64 {
        let mut client = Client::new(&self.address, token).expect("a connection");
        let path = format!("/api/collections/bills/records?perPage=1&filter={filter}");
        let (status, told) = client.ask("GET", &path, &Value::Null).expect("an answer");
        assert_eq!(status, 200, "{told}");
        told["totalItems"].as_u64().expect("a number")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // of a program that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A file of the real data, which lies in `shared/data` beside some folder above.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/data").join(name)).find(|path| path.exists())
}
