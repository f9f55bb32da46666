//! A server whose keeper dies, or stands still.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::host::{Host, WAIT_MAX, kill, turn, working};

/// A keeper in a process of its own.
struct Keeper {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    guard: u32,
}

impl Keeper {
    fn of(host: &Host) -> Keeper {
        let config = host.hands.config();
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine-hold"));
        command.arg("keep").arg(&host.folder).arg(&config.programs).arg(config.port.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let guard = says.next().unwrap().unwrap().strip_prefix("guard ").unwrap().parse().unwrap();
        Keeper { process, says, guard }
    }

    fn hold(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"hold\n").unwrap();
        assert_eq!(self.says.next().unwrap().unwrap(), "held");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until nobody works in the host's data; how long that took.
async fn emptied(host: &Host, process: u32) -> Duration {
    let begin = Instant::now();
    while !working(host).is_empty() {
        assert!(begin.elapsed() < WAIT_MAX, "{process} outlived its keeper: {:?}", working(host));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begin.elapsed()
}

async fn initialised() -> Host {
    let host = Host::new("held");
    host.hands.init().await.unwrap();
    host
}

#[tokio::test]
async fn a_server_does_not_outlive_its_keeper_even_without_a_guard() {
    let _turn = turn().await;
    let host = initialised().await;
    let mut keeper = Keeper::of(&host);
    let server = working(&host);
    assert!(!server.is_empty());
    kill("KILL", keeper.guard);
    keeper.process.kill().unwrap();
    emptied(&host, server[0]).await;
    // and what is left of it can be used again
    let others = host.others();
    others.start(None, &engine::Confirm::Here, engine::postgres::Door::Closed).await.unwrap();
    others.fence(crate::host::soon()).await.unwrap();
}

#[tokio::test]
async fn a_server_does_not_outlive_a_keeper_that_dies_while_it_is_started() {
    let _turn = turn().await;
    let host = initialised().await;
    let config = host.hands.config();
    for _ in 0..10 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine-hold"));
        command.arg("leave").arg(&host.folder).arg(&config.programs).arg(config.port.to_string());
        assert!(command.status().unwrap().success());
        let begin = Instant::now();
        while !about(&host).is_empty() {
            assert!(begin.elapsed() < WAIT_MAX, "it outlived its keeper: {:?}", about(&host));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The processes that have the host's folder in their arguments: those that are about to become its server, too.
fn about(host: &Host) -> Vec<String> {
    let folder = host.folder.display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&folder)).collect()
}

#[tokio::test]
async fn a_guard_kills_the_server_of_a_keeper_that_stands_still_and_not_of_one_that_goes_on() {
    let _turn = turn().await;
    let host = initialised().await;
    let mut keeper = Keeper::of(&host);
    let server = working(&host);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        keeper.hold();
        assert!(!working(&host).is_empty(), "it was killed though it was held");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    keeper.hold();
    kill("STOP", keeper.process.id());
    emptied(&host, server[0]).await;
    kill("CONT", keeper.process.id());
}

#[tokio::test]
async fn a_guard_kills_all_of_a_server_whose_keeper_dies() {
    let _turn = turn().await;
    let host = initialised().await;
    let mut keeper = Keeper::of(&host);
    let server = working(&host);
    // its processes can't end by themselves
    for process in server.iter().rev() {
        kill("STOP", *process);
    }
    keeper.process.kill().unwrap();
    emptied(&host, server[0]).await;
}
