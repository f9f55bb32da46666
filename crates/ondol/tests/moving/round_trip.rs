//! SQLite → PostgreSQL → MariaDB → SQLite: everything acknowledged is there, nothing else, in the same order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::http::{Client, sign_in};
use crate::team::{Team, real, told};
use crate::writer::Writer;

const WRITERS: usize = 3;

#[test]
fn a_running_service_goes_from_engine_to_engine_and_back_and_loses_nothing() {
    let (Some(bills), Some(elections)) = (real("bills.csv"), real("elections.jsonl")) else {
        eprintln!(
            "skipped a_running_service_goes_from_engine_to_engine_and_back_and_loses_nothing: shared/data is not there"
        );
        return;
    };
    let team = Team::new();
    team.bring_in(&bills, &elections);
    let (postgres, mariadb) = (testbed::postgres().database(), testbed::mariadb().database());
    let mut served = team.serve();
    served.prepare();
    let before = ["bills", "elections"].map(|name| team.well(&["export", name]));
    let query = "status%3D'소관위심사'";
    let query: String = query.chars().map(encoded).collect();
    let with_status = served.count(&sign_in(&served.address), &query);
    let mut writers: Vec<Writer> = (0..WRITERS).map(|name| Writer::new(name, 40 + name as u64)).collect();

    for to in [postgres.url(), mariadb.url(), "sqlite:back".to_owned()] {
        let token = sign_in(&served.address);
        let position = position(&team);
        let said = std::thread::scope(|scope| {
            let address = &served.address;
            let writing: Vec<_> = writers
                .iter_mut()
                .map(|writer| scope.spawn(|| writer.write_until_refused(address, &token)))
                .collect();
            let (code, stdout, stderr) = told(&team.mover(&to).wait_with_output().expect("the mover ends"));
            if code != 0 {
                served.end();
                panic!(
                    "{to}: {stdout}{stderr}
the log:
{}",
                    team.log()
                );
            }
            for writer in writing {
                let (status, said) = writer.join().expect("a writer that was answered to the end");
                assert_eq!(status, 503, "{said}");
                assert!(said.contains("have moved to another database"), "{said}");
            }
            stdout
        });
        assert!(said.contains("writers waited for"), "{said}");
        eprintln!("{}", said.lines().next().unwrap_or_default());
        let (code, _, stderr) = team.run(&["export", "bills"]);
        assert_eq!(code, 1, "the old place is left");
        assert!(stderr.contains("the data have moved to "), "{stderr}");

        team.heed(&said);
        drop(served);
        served = team.serve();
        assert!(
            self::position(&team) > position + 100_000,
            "clients with old positions are told to begin anew"
        );
        let mut client = Client::new(&served.address, &sign_in(&served.address)).expect("a connection");
        writers.iter_mut().for_each(|writer| writer.check(&mut client));
        assert_eq!(marks(&team.well(&["export", "marks"])), book(&writers), "{to}");
        for (name, before) in ["bills", "elections"].iter().zip(&before) {
            let after = team.well(&["export", name]);
            assert!(after == *before, "{name} is not the same in {to}");
        }
        assert_eq!(served.count(&sign_in(&served.address), &query), with_status);
    }
    assert!(book(&writers).len() > 100, "too few writes to mean much");
}

/// What the writers were told is there.
fn book(writers: &[Writer]) -> BTreeMap<String, i64> {
    let marks = writers.iter().flat_map(Writer::book);
    marks.filter_map(|(id, mark)| Some((id.clone(), mark.number?))).collect()
}

/// The newest position of the change log.
fn position(team: &Team) -> i64 {
    // whether the web server is found where the service file says is not asked here
    let (_, stdout, stderr) = team.run(&["status", "--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    told["position"].as_i64().expect("a number")
}

/// What is there.
fn marks(export: &str) -> BTreeMap<String, i64> {
    let mark = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        (record["id"].as_str().expect("an id").to_owned(), record["number"].as_i64().expect("a number"))
    };
    export.lines().map(mark).collect()
}

/// A character as it stands in an address.
fn encoded(c: char) -> String {
    match c {
        c if c.is_ascii() => c.to_string(),
        c => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
    }
}
