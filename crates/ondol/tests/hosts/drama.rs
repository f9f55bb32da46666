//! Running the fault driver on the true program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Where the driver lies, under some folder above.
const SHARED: &str = "shared/peers/faults";
/// Set to `true` where nothing may be skipped.
const STRICT: &str = "CI";
/// How many times each fault is done; `tests/drama/README.md` has the long drama.
const RUNS: &str = "ONDOL_DRAMA_RUNS";
/// What it takes beside the driver, each with a shell command that succeeds where it is there.
const NEEDS: [(&str, &str); 6] = [
    ("root", "test $(id -u) = 0"),
    ("curl", "command -v curl"),
    ("openssl", "command -v openssl"),
    ("ip (Debian's package iproute2)", "command -v ip"),
    ("nft (nftables)", "command -v nft"),
    ("etcd and etcdctl (etcd-server, etcd-client)", "command -v etcd && command -v etcdctl"),
];

/// The databases that a drama is played with: its word for the driver, and what it takes beside the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Databases {
    word: &'static str,
    needs: &'static [(&'static str, &'static str)],
    /// The module of Python that the writers talk to it by, with its package.
    module: (&'static str, &'static str),
}

pub(crate) const POSTGRES: Databases = Databases {
    word: "postgres",
    needs: &[("PostgreSQL (postgresql)", "ls /usr/lib/postgresql/*/bin/postgres")],
    module: ("psycopg2", "python3-psycopg2"),
};

pub(crate) const MARIADB: Databases = Databases {
    word: "mariadb",
    needs: &[
        ("MariaDB (mariadb-server)", "ls /usr/sbin/mariadbd"),
        ("mariadb-backup", "command -v mariadb-backup"),
    ],
    module: ("psycopg2, pymysql", "python3-psycopg2, python3-pymysql"),
};

/// What the driver says of one run.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) fault: String,
    pub(crate) old: String,
    pub(crate) final_primary: Option<String>,
    pub(crate) acks: u64,
    pub(crate) lost: u64,
    pub(crate) dual_lost: u64,
    pub(crate) rejoin: Option<f64>,
    #[expect(dead_code, reason = "why it was not well is for whoever reads of a failure")]
    healthy: Option<String>,
    #[expect(dead_code, reason = "so is which programs ended by themselves")]
    ended: Vec<String>,
    pub(crate) http: Http,
    pub(crate) reads: Reads,
    /// The rules that were broken, in words.
    pub(crate) wrong: Vec<String>,
}

/// What those who only read saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Reads {
    /// Of what nobody writes.
    pub(crate) still: Read,
    /// Of what everybody does.
    pub(crate) written: Read,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    pub(crate) asked: u64,
    pub(crate) longest: f64,
    /// How many answers were marked as a replica's.
    pub(crate) by_replica: u64,
}

/// What its clients over HTTP saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Http {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    #[expect(dead_code, reason = "it is for whoever reads of a failure")]
    why: Vec<String>,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) miscounted: u64,
    pub(crate) longest: f64,
}

/// Drives all these faults, each so many times or as often as the environment says; `None`, said aloud, where that is not
/// possible.
pub(crate) fn drive(databases: Databases, faults: &[&str], runs: u32) -> Option<Vec<Run>> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join(SHARED))
        .find(|path| path.is_dir());
    let python = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| succeeds(&format!("{python} -c 'import {}'", databases.module.0)));
    let missing =
        NEEDS.iter().chain(databases.needs).filter(|(_, probe)| !succeeds(probe)).map(|(name, _)| *name);
    let missing: Vec<&str> = missing
        .chain(driver.is_none().then_some(SHARED))
        .chain(python.is_none().then_some(databases.module.1))
        .collect();
    let (Some(driver), Some(python), []) = (driver, python, missing.as_slice()) else {
        skip(&missing);
        return None;
    };
    let dir = tempfile::tempdir().expect("a folder");
    open_to_all(dir.path());
    let out = dir.path().join("results.jsonl");
    let runs = said(RUNS).and_then(|runs| runs.parse().ok()).unwrap_or(runs);
    let drama = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/drama/drive.py");
    let mut command = Command::new(python);
    command.arg(drama).args(["--faults", &faults.join(",")]).args(["--runs", &runs.to_string()]);
    // what is read meanwhile is answered by a replica, and judged with the rest
    command.args(["--engine", databases.word, "--reads", "replica"]).arg("--out").arg(&out);
    // a name for the namespaces: those of two dramas at a time are apart
    command.args(["--lab", &format!("{}{}", &databases.word[..1], std::process::id())]);
    command.env("FAULTS", driver).env("ONDOL", program(dir.path())).env("FAULTS_DIR", dir.path());
    command.env("BENCH_LOCK", dir.path().join("lock")).current_dir(dir.path());
    let done = command.status().expect("python starts");
    let told = std::fs::read_to_string(&out).unwrap_or_default();
    let told: Vec<Run> = told.lines().map(|line| serde_json::from_str(line).expect("a result")).collect();
    // that rules were broken is told by the results themselves
    let is_whole = told.len() == faults.len() * usize::try_from(runs).expect("a small number");
    assert!(is_whole, "the drama broke off: {done}; its logs: {}", logs(dir.path()));
    Some(told)
}

/// The program, where the database's user may start it too.
pub(crate) fn program(dir: &Path) -> PathBuf {
    let copy = dir.join("ondol");
    std::fs::copy(env!("CARGO_BIN_EXE_ondol"), &copy).expect("the program is copied");
    copy
}

/// Whether there is what several hosts need, and these databases; it is said aloud what is not.
pub(crate) fn has_all(databases: Databases) -> bool {
    let needs = NEEDS.iter().chain(databases.needs).filter(|(_, probe)| !succeeds(probe));
    let missing: Vec<&str> = needs.map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        skip(&missing);
    }
    missing.is_empty()
}

fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).expect("the folder is ours");
}

/// The ends of the hosts' logs.
fn logs(dir: &Path) -> String {
    let shell = format!("tail -n 40 {}/*/*.log", dir.display());
    Command::new("sh")
        .args(["-c", &shell])
        .output()
        .map_or_else(|error| error.to_string(), |told| String::from_utf8_lossy(&told.stdout).into_owned())
}

fn succeeds(probe: &str) -> bool {
    Command::new("sh").args(["-c", probe]).output().is_ok_and(|done| done.status.success())
}

fn said(variable: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what may be skipped, and how long it takes, is the environment's to say"
    )]
    std::env::var(variable).ok()
}

fn skip(missing: &[&str]) {
    let what = missing.join(", ");
    assert!(said(STRICT).as_deref() != Some("true"), "the drama needs {what}");
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is to see what was not tried")]
    {
        eprintln!("SKIPPED: the drama of several hosts needs {what}");
    }
}
