//! A peer of sign-in: independent software that plays a provider, from `shared/peers/sign-in`.
//!
//! Each is told how to misbehave, and tells what it was really sent. Several tests of one process that want the same
//! peer start one each: its mode is its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder;
use crate::http::{self, Answer};
use crate::options::Sync;
use crate::program::User;
use crate::server::{Kind, Server};

/// Where `cargo x test` has put them, under the workspace.
const FOLDER: &str = "target/peers/sign-in";
/// Where they come from, under some folder above.
const SHARED: &str = "shared/peers/sign-in";
/// Set to `true` where nothing may be skipped.
const STRICT: &str = "CI";

/// A peer that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct SignInPeer {
    server: Server<Program>,
}

#[derive(Debug)]
struct Program {
    runs: PathBuf,
    script: PathBuf,
    args: Vec<String>,
}

/// Starts a peer by its name (`oauth1`, `oauth2`, `openid2`, `oidc`, `mail`, `webauthn`), with further arguments, and waits
/// until it answers. `None`, said aloud, where there are no peers above this folder.
///
/// # Panics
/// When it does not start, and under `CI=true` when there are no peers.
pub fn sign_in_peer(name: &str, args: &[&str]) -> Option<SignInPeer> {
    let home = installed(name)?;
    let (runs, file) = match name {
        "oidc" => (PathBuf::from("node"), "oidc_peer.mjs".to_owned()),
        _ => (home.join(".venv/bin/python"), format!("{name}_peer.py")),
    };
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let user = User::ourselves();
    let folder = folder::made(name, user, Sync::Off, |_| {});
    Some(SignInPeer { server: Server::begin(Program { runs, script: home.join(file), args }, folder) })
}

/// The Python that the peers run on, with what they need installed, for a script of a test's own. `None`, said aloud, where
/// there are no peers above this folder.
///
/// # Panics
/// Under `CI=true` when there are no peers, and when they are not installed.
pub fn sign_in_python(what: &str) -> Option<PathBuf> {
    installed(what).map(|home| home.join(".venv/bin/python"))
}

/// A script among the peers, for Node, that a test runs itself. `None`, said aloud, where there are no peers above this folder.
///
/// # Panics
/// Under `CI=true` when there are no peers, and when they are not installed.
pub fn sign_in_script(file: &str) -> Option<PathBuf> {
    installed(file).map(|home| home.join(file))
}

/// Where the peers are installed.
fn installed(name: &str) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FOLDER);
    if home.join(".installed").is_file() {
        return Some(home.canonicalize().expect("it is there"));
    }
    let is_absent =
        !Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().any(|above| above.join(SHARED).is_dir());
    #[expect(clippy::disallowed_methods, reason = "what may be skipped is the environment's to say")]
    let is_strict = std::env::var(STRICT).is_ok_and(|value| value == "true");
    assert!(is_absent && !is_strict, "the peers of sign-in are not installed: `cargo x peers` installs them");
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is to see what was not tried")]
    {
        eprintln!("SKIPPED: there is no {SHARED} above, so that nothing was tried against the peer {name}");
    }
    None
}

impl SignInPeer {
    /// Its address, such as `http://127.0.0.1:16001`.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// Tells it something: JSON as its `/__test/state` takes it, such as `{"mode": "wrong_state"}`.
    ///
    /// # Panics
    /// When it refuses.
    pub fn tell(&self, state: &str) {
        let url = format!("{}/__test/state", self.base());
        let answer = http::send("POST", &url, &[("Content-Type", "application/json")], state);
        assert_eq!(answer.status, 200, "{state}: {}", answer.body);
    }

    /// Lets it behave again and forget what it was sent.
    ///
    /// # Panics
    /// When it refuses.
    pub fn reset(&self) {
        let answer = http::send("POST", &format!("{}/__test/reset", self.base()), &[], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// What it was really sent since it was reset: the JSON text of a list.
    pub fn log(&self) -> String {
        http::send("GET", &format!("{}/__test/log", self.base()), &[], "").body
    }

    /// Asks it what a browser would: an address, without following where the answer leads.
    pub fn visit(&self, url: &str) -> Answer {
        http::send("GET", url, &[("Accept", "text/html")], "")
    }
}

impl Kind for Program {
    const NAME: &'static str = "a peer of sign-in";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = User::ourselves().command(&self.runs, folder);
        command.arg(&self.script).args(["--port", &port.to_string()]).args(&self.args);
        command
    }

    fn answers(&self, port: u16) -> bool {
        http::try_send("GET", &format!("http://127.0.0.1:{port}/__test/state"), &[], "")
            .is_ok_and(|a| a.status == 200)
    }
}
