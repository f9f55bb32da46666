//! A mover that is killed or interrupted at any moment leaves the source as it was, and serving; a new move then succeeds.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::http::{Client, sign_in};
use crate::team::{Team, real, told};
use crate::writer::{Chance, Writer};

/// Longest lives of movers, one after the other: most end while rows are copied, the last ones anywhere, or not at all.
const LIVES_MS_MAX: [u64; 14] =
    [500, 500, 500, 500, 500, 700, 700, 700, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500];

/// Longest time until a mover listens for signals.
const LISTENS_MAX: Duration = Duration::from_secs(60);
/// SIGINT in the mask of signals that a process catches.
const CATCHES_INT: u64 = 1 << (2 - 1);

#[test]
fn a_mover_that_dies_at_any_moment_leaves_the_source_serving() {
    let (Some(bills), Some(elections)) = (real("bills.csv"), real("elections.jsonl")) else {
        eprintln!(
            "skipped a_mover_that_dies_at_any_moment_leaves_the_source_serving: shared/data is not there"
        );
        return;
    };
    let databases = [testbed::postgres().database(), testbed::mariadb().database()];
    for (seed, database) in databases.iter().enumerate() {
        let team = Team::new();
        team.bring_in(&bills, &elections);
        let served = team.serve();
        let token = served.prepare();
        let before = ["bills", "elections"].map(|name| team.well(&["export", name]));
        let mut writer = Writer::new(seed, 7 + seed as u64);
        let mut chance = Chance::new(70 + seed as u64);
        let (mut broken, mut is_over) = (0, false);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| writer.write_until_refused(&served.address, &token));
            for (time, life) in LIVES_MS_MAX.into_iter().enumerate() {
                let mut mover = team.mover(&database.url());
                // the moment of its end, not a wait for something
                std::thread::sleep(Duration::from_millis(chance.below(life)));
                let pid = mover.id().to_string();
                let signal = if time % 2 == 0 { "KILL" } else { "INT" };
                if signal == "INT" {
                    wait_until_it_listens(&mut mover);
                }
                if mover.try_wait().expect("it can be asked").is_none() {
                    // it may end at this very moment
                    let _ = Command::new("kill").args(["-s", signal, &pid]).status();
                }
                let (code, stdout, stderr) = told(&mover.wait_with_output().expect("it ends"));
                if code == 0 {
                    is_over = true;
                    team.heed(&stdout);
                    break;
                }
                broken += 1;
                let is_well = !writing.is_finished()
                    && (signal == "KILL" || stderr.contains("the service goes on there"))
                    && ["bills", "elections"].iter().zip(&before).all(|(name, before)| {
                        team.run(&["export", name]) == (0, before.clone(), String::new())
                    });
                if !is_well {
                    served.end();
                    panic!("{signal}, the {time}. time: the source is not as it was\n{stdout}{stderr}");
                }
            }
            if !is_over {
                let (code, stdout, stderr) =
                    told(&team.mover(&database.url()).wait_with_output().expect("it ends"));
                if code != 0 {
                    served.end();
                    panic!("{stdout}{stderr}");
                }
                team.heed(&stdout);
            }
            let (status, said) = writing.join().expect("a writer that was answered to the end");
            assert_eq!(status, 503, "{said}");
        });
        assert!(broken > 3, "{broken} moves were broken off");
        drop(served);
        let served = team.serve();
        let mut client = Client::new(&served.address, &sign_in(&served.address)).expect("a connection");
        writer.check(&mut client);
        for (name, before) in ["bills", "elections"].iter().zip(&before) {
            assert!(team.well(&["export", name]) == *before, "{name} is not the same");
        }
    }
}

/// Waits until a mover listens for signals, or has ended: before that an INT ends it like a KILL, without a word.
fn wait_until_it_listens(mover: &mut Child) {
    let until = Instant::now() + LISTENS_MAX;
    while mover.try_wait().expect("it can be asked").is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", mover.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        if caught & CATCHES_INT != 0 {
            return;
        }
        assert!(Instant::now() < until, "it never listens for signals");
        std::thread::sleep(Duration::from_millis(5));
    }
}
