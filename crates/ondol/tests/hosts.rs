//! A service on several hosts, in network namespaces of its own, while hosts, sites and connections fail: what was
//! acknowledged is there, once, and those who ask wait instead of failing.
//!
//! The faults, the writers over SQL and the check of their history are software that we did not write; the clients over
//! HTTP are in `tests/drama`, and so is somebody on the network without the hosts' secret, to whom nothing opens. All of it needs root, because it makes namespaces; it says so where it can't.

#[path = "hosts/drama.rs"]
mod drama;

use drama::{MARIADB, POSTGRES, Run, drive};

/// Longest silence that a client may see, in seconds. It is no figure of speed: it says that nobody had to help.
const LONGEST_MAX: f64 = 60.0;

/// The most telling ones: each sort of end of a primary, a guard that is needed, a store that is lost for a while, a return
/// that is disturbed. All the others are in the long drama.
const FAULTS: [&str; 8] = [
    "crash",
    "switchover",
    "suspended",
    "cutsoft",
    "cutsite",
    "backend-killed",
    "quorum-lost",
    "return-killed",
];
/// Those after which somebody else must lead.
const TAKEOVERS: [&str; 6] = ["crash", "switchover", "suspended", "cutsoft", "cutsite", "return-killed"];

/// The rules for every run: nothing lost, nothing twice, nobody refused, and well again without hands.
fn judge(run: &Run) {
    let told = format!("{run:#?}");
    assert_eq!(run.lost, 0, "acknowledged writes are gone: {told}");
    assert_eq!(run.dual_lost, 0, "two primaries acknowledged: {told}");
    assert!(run.rejoin.is_some(), "it was not well again: {told}");
    assert_eq!(
        (run.http.failed, run.http.lost, run.http.doubled, run.http.miscounted),
        (0, 0, 0, 0),
        "{told}"
    );
    assert!(run.wrong.is_empty(), "{told}");
    assert!(run.http.requests > 20 && run.acks > 20, "too little happened to tell anything: {told}");
    assert!(run.http.longest < LONGEST_MAX, "{told}");
}

#[test]
fn nothing_is_lost_or_done_twice_and_nobody_is_refused_while_hosts_and_sites_fail() {
    let Some(runs) = drive(POSTGRES, &FAULTS, 1) else { return };
    assert_eq!(runs.len() % FAULTS.len(), 0);
    runs.iter().for_each(judge);
    for run in runs.iter().filter(|run| TAKEOVERS.contains(&run.fault.as_str())) {
        assert_ne!(Some(&run.old), run.final_primary.as_ref(), "nobody took over: {run:#?}");
    }
    judge_reads(&runs);
}

/// When the primary's site vanishes a lease has to end: until then a replica answers what is read, and says so.
fn judge_reads(runs: &[Run]) {
    for run in runs.iter().filter(|run| run.fault == "cutsite") {
        let reads = &run.reads;
        assert!(reads.still.by_replica > 0, "nothing was read from the replica: {run:#?}");
        assert!(
            reads.still.longest < run.http.longest,
            "what was read waited as long as what was written: {run:#?}"
        );
        assert!(reads.written.asked > 20, "too little was read to tell anything: {run:#?}");
    }
}

#[test]
fn on_mariadb_nothing_is_lost_either_when_the_primary_is_killed_changed_or_cut_off() {
    let faults = ["crash", "switchover", "cutsite"];
    let Some(runs) = drive(MARIADB, &faults, 1) else { return };
    assert_eq!(runs.len() % faults.len(), 0);
    runs.iter().for_each(judge);
    for run in &runs {
        assert_ne!(Some(&run.old), run.final_primary.as_ref(), "nobody took over: {run:#?}");
    }
    judge_reads(&runs);
}
