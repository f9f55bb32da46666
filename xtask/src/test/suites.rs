//! The test binaries: built once, run in two lanes side by side, each suite's words printed whole when it ends.
//!
//! Most suites work, those of [`WAITING`] mostly wait (for leases to end, for servers to start): beside the others they cost
//! little time of their own. Within a lane one suite runs after the other.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

use super::faults;

/// The variable in which a suite is told its engine.
const ENGINE: &str = "ONDOL_TEST_ENGINE";
/// Where each suite's words are kept, under the workspace.
const LOGS: &str = "target/suites";
/// The suites that wait for most of their time: package and test binary.
const WAITING: [(&str, &str); 5] = [
    ("engine", "mariadb"),
    ("engine", "postgres"),
    ("keeper", "house"),
    ("ondol", "hosts"),
    ("store", "outage"),
];
/// For how long one suite may run. What hangs is told by name instead of holding up all.
const SUITE_TIME_MAX: Duration = Duration::from_secs(20 * 60);
/// How often a running suite is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What the test runner's closing lines begin with.
const CLOSING: &str = "test result: ";

/// A test binary, and for which engine it runs.
#[derive(Clone)]
pub(super) struct Suite {
    package: String,
    target: String,
    /// The tests inside the package's own code.
    is_unit: bool,
    program: PathBuf,
    /// The package's own folder, where cargo runs its tests.
    folder: PathBuf,
    engine: Option<&'static str>,
}

/// How a suite ended.
struct Ended {
    name: String,
    took: Duration,
    closing: Vec<String>,
    /// Why it failed, where it did.
    faults: Option<String>,
}

impl Suite {
    /// Is it that test binary of that package?
    pub(super) fn is(&self, (package, target): (&str, &str)) -> bool {
        !self.is_unit && self.package == package && self.target == target
    }

    /// The same, on that engine.
    pub(super) fn on(&self, engine: &'static str) -> Suite {
        Suite { engine: Some(engine), ..self.clone() }
    }

    fn name(&self) -> String {
        let on = self.engine.map(|engine| format!(" on {engine}")).unwrap_or_default();
        match self.is_unit {
            true => format!("{}{on}", self.package),
            false => format!("{} {}{on}", self.package, self.target),
        }
    }

    /// Runs it, prints what it said, and gives how it ended.
    fn run(&self, logs: &Path) -> Result<Ended> {
        let name = self.name();
        // a file, since what a suite leaves running would hold a pipe open
        let log = logs.join(name.replace(' ', "-")).with_extension("log");
        let said = File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(said.try_clone().context("share a log")?).stderr(said);
        match self.engine {
            Some(engine) => command.env(ENGINE, engine),
            None => command.env_remove(ENGINE),
        };
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        let status = wait(child, began + SUITE_TIME_MAX)?;
        let took = began.elapsed();
        let said = fs::read(&log).with_context(|| format!("read {}", log.display()))?;
        let said = String::from_utf8_lossy(&said);
        let closing = said.lines().filter(|line| line.starts_with(CLOSING)).map(str::to_owned).collect();
        crate::say(&format!("     Running {name} ({} s)\n{said}\n", took.as_secs()));
        if status.is_none() {
            crate::say(&format!("{name} was ended: it took longer than {} s\n", SUITE_TIME_MAX.as_secs()));
        }
        let is_well = status.is_some_and(|status| status.success());
        Ok(Ended { name, took, closing, faults: (!is_well).then(|| faults::of(&said)) })
    }
}

/// Waits for a suite's end; nothing when it had to be killed.
fn wait(mut child: Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait().context("wait for a suite")? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill().context("end a suite that hangs")?;
            child.wait().context("wait for a suite")?;
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Builds all test binaries of the workspace, and names them in a steady order.
pub(super) fn build(root: &Path) -> Result<Vec<Suite>> {
    let mut cargo = super::cargo_test(root);
    cargo.args(["--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    cargo.stdout(Stdio::piped());
    let mut child = cargo.spawn().context("start cargo test")?;
    let told = child.stdout.take().context("read what cargo builds")?;
    let mut suites = Vec::new();
    for message in Message::parse_stream(BufReader::new(told)) {
        let Message::CompilerArtifact(built) = message.context("read what cargo builds")? else { continue };
        let (true, Some(program)) = (built.profile.test, built.executable) else { continue };
        let folder = built.manifest_path.parent().context("a package has a folder")?;
        let package = folder.file_name().context("a package's folder has a name")?.to_owned();
        let is_unit = !built.target.is_test();
        let (target, program, folder) = (built.target.name, program.into(), folder.into());
        suites.push(Suite { package, target, is_unit, program, folder, engine: None });
    }
    if !child.wait().context("wait for cargo test")?.success() {
        bail!("the tests could not be built");
    }
    suites.sort_by(|one, other| (&one.package, &one.target).cmp(&(&other.package, &other.target)));
    Ok(suites)
}

/// Runs all suites, those that wait beside the others, and closes with a line for each, then with why those failed that did. Every
/// suite runs, whatever the others do. Says whether all went well.
pub(super) fn run(root: &Path, suites: &[Suite]) -> Result<bool> {
    let (began, logs) = (Instant::now(), root.join(LOGS));
    fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
    let (waiting, working): (Vec<&Suite>, Vec<&Suite>) =
        suites.iter().partition(|suite| WAITING.iter().any(|place| suite.is(*place)));
    let lane = |suites: Vec<&Suite>| {
        suites.into_iter().map(|suite| suite.run(&logs)).collect::<Result<Vec<Ended>>>()
    };
    let (working, waiting) = thread::scope(|scope| {
        let beside = scope.spawn(|| lane(waiting));
        (lane(working), beside.join())
    });
    let waiting = waiting.map_err(|_| anyhow::anyhow!("the lane of waiting suites broke down"))?;
    let ended: Vec<Ended> = working?.into_iter().chain(waiting?).collect();
    crate::say(&format!("{} suites in {} s\n", ended.len(), began.elapsed().as_secs()));
    for suite in &ended {
        let word = if suite.faults.is_none() { "ok" } else { "FAILED" };
        let took = suite.took.as_secs();
        let closing = suite.closing.join(" ");
        crate::say(&format!("{word:6} {:28} {took:>4} s  {closing}\n", suite.name));
    }
    // once more at the end: what lies between is long, and not everybody keeps all of it
    for (suite, faults) in ended.iter().filter_map(|suite| Some((suite, suite.faults.as_ref()?))) {
        crate::say(&format!("\n{} failed:\n{faults}", suite.name));
    }
    Ok(ended.iter().all(|suite| suite.faults.is_none()))
}
