//! `cargo x test`: brings what the tests need onto this machine, then runs every test of the workspace, and those suites
//! that ask for an engine once more on each database server.

mod faults;
mod suites;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

/// Something that the tests need on this machine.
struct Need {
    /// What it is called.
    name: &'static str,
    /// A shell command that succeeds where it is there.
    probe: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    /// What the tests do with it.
    why: &'static str,
}

const NEEDS: [Need; 25] = [
    Need {
        name: "sqlite3",
        probe: "command -v sqlite3",
        package: "sqlite3",
        why: "reads a store's file from outside",
    },
    Need {
        name: "nghttp2's clients",
        probe: "command -v h2load",
        package: "nghttp2-client",
        why: "speak HTTP/2 to us",
    },
    Need {
        name: "HAProxy",
        probe: "test -x /usr/sbin/haproxy",
        package: "haproxy",
        why: "says by the PROXY protocol who its clients are; tests start their own",
    },
    Need {
        name: "Pebble",
        probe: "command -v pebble",
        package: "pebble",
        why: "issues certificates by ACME; tests start their own",
    },
    Need {
        name: "openssl",
        probe: "command -v openssl",
        package: "openssl",
        why: "makes certificates, shakes hands",
    },
    Need { name: "curl", probe: "command -v curl", package: "curl", why: "follows the README" },
    Need {
        name: "chromium",
        probe: "command -v chromium",
        package: "chromium",
        why: "walks through the console",
    },
    Need {
        name: "a Korean font",
        probe: "find /usr/share/fonts -iname '*nanum*' -o -iname '*cjk*' | grep -q .",
        package: "fonts-nanum",
        why: "makes the console's screenshots readable",
    },
    Need { name: "wrk", probe: "command -v wrk", package: "wrk", why: "loads the server in the benchmarks" },
    Need {
        name: "node",
        probe: "command -v node",
        package: "nodejs",
        why: "runs the application of tests/app",
    },
    Need { name: "npm", probe: "command -v npm", package: "npm", why: "installs what that application uses" },
    Need {
        name: "PostgreSQL",
        probe: "ls /usr/lib/postgresql/*/bin/postgres",
        package: "postgresql",
        why: "keeps records; tests start their own",
    },
    Need {
        name: "MariaDB",
        probe: "test -x /usr/sbin/mariadbd",
        package: "mariadb-server",
        why: "keeps records; tests start their own",
    },
    Need {
        name: "mariadb-backup",
        probe: "test -x /usr/bin/mariadb-backup",
        package: "mariadb-backup",
        why: "copies a primary of MariaDB to a host that comes new",
    },
    Need {
        name: "memcached",
        probe: "test -x /usr/bin/memcached",
        package: "memcached",
        why: "keeps what was read lately; tests start their own",
    },
    Need {
        name: "etcd",
        probe: "command -v etcd",
        package: "etcd-server",
        why: "keeps what hosts agree on; tests start their own three members",
    },
    Need {
        name: "etcdctl",
        probe: "command -v etcdctl",
        package: "etcd-client",
        why: "reads and changes etcd from outside",
    },
    Need {
        name: "setpriv",
        probe: "setpriv --help | grep -q pdeathsig",
        package: "util-linux",
        why: "ends a database server when its keeper dies",
    },
    Need {
        name: "nginx",
        probe: "test -x /usr/sbin/nginx",
        package: "nginx-light",
        why: "serves behind the balancer, and asks who a visitor is; tests start their own",
    },
    Need {
        name: "nft",
        probe: "command -v nft",
        package: "nftables",
        why: "cuts sites off in the drama of several hosts",
    },
    Need { name: "ip", probe: "command -v ip", package: "iproute2", why: "makes the networks of that drama" },
    Need {
        name: "psycopg2",
        probe: "/usr/bin/python3 -c 'import psycopg2'",
        package: "python3-psycopg2",
        why: "writes in that drama",
    },
    Need {
        name: "pymysql",
        probe: "/usr/bin/python3 -c 'import pymysql'",
        package: "python3-pymysql",
        why: "writes in that drama on MariaDB",
    },
    Need {
        name: "oathtool",
        probe: "command -v oathtool",
        package: "oathtool",
        why: "plays an authenticator",
    },
    Need {
        name: "Python's venv",
        probe: "python3 -c 'import venv, ensurepip'",
        package: "python3-venv",
        why: "holds what the peers of sign-in use",
    },
];

/// The least room that the servers of the tests need where they keep their data, in MiB. With less, hosts under test refuse to
/// become primary, and tests fail for reasons that are hard to find.
const ROOM_MIN_MIB: u64 = 2048;

/// The engines besides the embedded one, as `testbed::chosen` knows them.
const SERVERS: [&str; 2] = ["postgres", "mariadb"];
/// The suites that ask for an engine: package and test binary.
const ON_EVERY_ENGINE: [(&str, &str); 6] = [
    ("records", "shell"),
    ("records", "language"),
    ("records", "import"),
    ("api", "api"),
    ("identity", "sign_in"),
    ("console", "pages"),
];

/// Installs what is missing, then runs every suite, and those of [`ON_EVERY_ENGINE`] once more on each server. Where `args`
/// choose among the tests, it is `cargo test` with them that runs instead.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    install_needs()?;
    install_h2spec();
    install_app(root)?;
    crate::peers::install(root)?;
    let is_well = match args {
        [] => suites(root)?,
        args => chosen(root, args)?,
    };
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything.
fn suites(root: &Path) -> Result<bool> {
    let own = suites::build(root)?;
    check_room(&std::env::temp_dir())?;
    let elsewhere = SERVERS.into_iter().flat_map(|server| {
        let shared = own.iter().filter(|suite| ON_EVERY_ENGINE.iter().any(|place| suite.is(*place)));
        shared.map(move |suite| suite.on(server))
    });
    let all: Vec<suites::Suite> = own.iter().cloned().chain(elsewhere).collect();
    let examples = doc_tests(root)?;
    Ok(suites::run(root, &all)? && examples)
}

/// Refuses to begin where the disk is nearly full.
fn check_room(folder: &Path) -> Result<()> {
    let told = Command::new("df").args(["-P", "-m"]).arg(folder).output().context("start df")?;
    let told = String::from_utf8_lossy(&told.stdout);
    let free = told.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    match free {
        Some(free) if free < ROOM_MIN_MIB => bail!(
            "the tests need {ROOM_MIN_MIB} MiB of disk in {}, and {free} MiB are free there: make room, or name another folder by TMPDIR",
            folder.display()
        ),
        _ => Ok(()),
    }
}

/// The examples in the documentation, which cargo alone can run.
fn doc_tests(root: &Path) -> Result<bool> {
    let status = cargo_test(root).args(["--workspace", "--doc", "--quiet"]).status();
    Ok(status.context("start cargo test")?.success())
}

/// What was chosen.
fn chosen(root: &Path, args: &[String]) -> Result<bool> {
    let status = cargo_test(root).arg("--workspace").args(args).status();
    Ok(status.context("start cargo test")?.success())
}

/// `cargo test`, as from a shell: what cargo has told us of our own package would have some crates built anew.
fn cargo_test(root: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--locked"]).current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn install_needs() -> Result<()> {
    let missing: Vec<Need> = NEEDS.into_iter().filter(|need| !is_here(need)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    crate::say(&format!("installing {}\n", packages.join(" ")));
    let install = [&["install", "-y", "-q", "--no-install-recommends"], &packages[..]].concat();
    if !apt(&["update", "-q"]) || !apt(&install) {
        crate::say("apt-get could not do it (it needs root, or sudo without a password)\n");
    }
    let gone: Vec<String> = missing
        .iter()
        .filter(|need| !is_here(need))
        .map(|need| format!("{} ({}; Debian's package {})", need.name, need.why, need.package))
        .collect();
    if !gone.is_empty() {
        bail!("the tests need what is not on this machine: {}", gone.join(", "));
    }
    Ok(())
}

/// Brings the test of HTTP/2 that Debian does not have, where Go is. Debian's Go would take 450 MB for this one test, which
/// says by name that it was not run.
fn install_h2spec() {
    let script = "command -v h2spec || test -x ~/go/bin/h2spec || ! command -v go || \
                  go install github.com/summerwind/h2spec/cmd/h2spec@latest";
    let done = Command::new("sh").args(["-c", script]).stdout(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        crate::say("h2spec could not be installed by go: its test is not run\n");
    }
}

/// Runs apt-get, as root where we are root, else through a sudo that asks for nothing.
fn apt(args: &[&str]) -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout.trim_ascii() == b"0");
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").status().is_ok_and(|status| status.success())
}

fn is_here(need: &Need) -> bool {
    let found =
        Command::new("sh").args(["-c", need.probe]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// Installs the application's packages, unless they stand as its lock file says.
fn install_app(root: &Path) -> Result<()> {
    let app = root.join("tests/app");
    let modified = |path: &str| app.join(path).metadata().and_then(|file| file.modified()).ok();
    if modified("node_modules/.package-lock.json") >= modified("package-lock.json") {
        return Ok(());
    }
    let done = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&app).status();
    if !done.context("start npm")?.success() {
        bail!("npm ci failed in tests/app: the application's packages could not be installed");
    }
    Ok(())
}
