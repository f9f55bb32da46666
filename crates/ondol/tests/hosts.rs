//! A service on several hosts, in network namespaces of its own, while hosts, sites and connections fail: what was
//! acknowledged is there, once, and those who ask wait instead of failing.
//!
//! The faults, the writers over SQL and the check of their history are software that we did not write; the clients over
//! HTTP are in `tests/drama`, and so is somebody on the network without the hosts' secret, to whom nothing opens. All of it needs root, because it makes namespaces; it says so where it can't.

#[path = "hosts/certificates.rs"]
mod certificates;
#[path = "hosts/drama.rs"]
mod drama;
#[path = "hosts/house.rs"]
mod house;
#[path = "house/http.rs"]
mod http;
#[path = "moving/server.rs"]
mod server;

use drama::{MARIADB, POSTGRES, Run, drive};
use house::{Cloud, House, Writer, ids, listens, make_notes};
use http::{Client, sign_in};
use serde_json::{Value, json};

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
    let told = format!("{run:?}");
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
        assert_ne!(Some(&run.old), run.final_primary.as_ref(), "nobody took over: {run:?}");
    }
    judge_reads(&runs);
}

/// When the primary's host stands still a lease has to end: until then a replica answers what is read, and says so. Where etcd's leader is
/// lost too, as with the site, its election may take as long as the lease.
fn judge_reads(runs: &[Run]) {
    for run in runs.iter().filter(|run| run.fault == "suspended") {
        let reads = &run.reads;
        assert!(reads.still.by_replica > 0, "nothing was read from the replica: {run:?}");
        assert!(
            reads.still.longest < run.http.longest,
            "what was read waited as long as what was written: {run:?}"
        );
        assert!(reads.written.asked > 20, "too little was read to tell anything: {run:?}");
    }
}

#[test]
fn on_mariadb_nothing_is_lost_either_when_the_primary_is_killed_changed_suspended_or_cut_off() {
    let faults = ["crash", "switchover", "suspended", "cutsite"];
    let Some(runs) = drive(MARIADB, &faults, 1) else { return };
    assert_eq!(runs.len() % faults.len(), 0);
    runs.iter().for_each(judge);
    for run in &runs {
        assert_ne!(Some(&run.old), run.final_primary.as_ref(), "nobody took over: {run:?}");
    }
    judge_reads(&runs);
}

/// Ten writes, then a planned change of the primary, all of it followed by the mirror; gives what was acknowledged.
fn a_mirror_follows(house: &mut House) -> Writer {
    let told = house.says(&["check"]);
    assert!(told.contains("mirror cloud") && told.contains("empty"), "{told}");
    house.up();
    let state = house.status("it is well", |state| state["state"] == "well");
    assert_eq!(
        (&state["mirrors"][0]["name"], &state["mirrors"][0]["state"]),
        (&json!("cloud"), &json!("following"))
    );
    house.make_superuser();
    let token = make_notes(&house.web(1));
    let writer = Writer::start(house.web(1), token);
    house.is_near();
    let before = house.status("it is well", |state| state["state"] == "well")["primary"].clone();
    house.says(&["takeover"]);
    let is_changed = |state: &Value| state["primary"].is_string() && state["primary"] != before;
    house.status("another one leads", is_changed);
    house.is_near();
    writer
}

/// All that was acknowledged is in the mirror, and the service goes on from there.
fn it_goes_on(house: &mut House, made: &[String]) {
    let ids = ids(house);
    let lost: Vec<&String> = made.iter().filter(|id| !ids.contains(id)).collect();
    assert!(lost.is_empty() && made.len() > 20, "of {} lost: {lost:?}", made.len());
    house.serve();
    listens(&house.web(4));
    let token = sign_in(&house.web(4));
    let mut client = Client::new(&house.web(4), &token).expect("it listens");
    let path = format!("/api/collections/notes/records/{}", made[made.len() - 1]);
    let (status, record) = client.ask("GET", &path, &Value::Null).expect("an answer");
    assert_eq!(status, 200, "{record}");
    let path = "/api/collections/notes/records";
    let (status, told) = client.ask("POST", path, &json!({ "word": record["word"] })).expect("an answer");
    assert_eq!(status, 400, "the index keeps words apart: {told}");
    let (status, told) = client.ask("POST", path, &json!({ "word": "a new one" })).expect("an answer");
    assert_eq!(status, 200, "{told}");
}

#[test]
fn a_mirror_follows_from_primary_to_primary_and_takes_over_with_everything() {
    let server = testbed::postgres();
    server.sql("postgres", "CREATE ROLE guest LOGIN PASSWORD 'cool floor' NOSUPERUSER");
    server.sql("postgres", "CREATE DATABASE cloud OWNER guest");
    let ask = |database: &str, sql: &str| server.sql(database, sql);
    let cloud = Cloud { engine: "postgres", port: server.port(), ask: Box::new(ask) };
    let Some(mut house) = House::new(POSTGRES, cloud) else { return };
    let writer = a_mirror_follows(&mut house);
    let told = house.refuses(&["takeover", "--to", "cloud", "--accept-loss", "--yes"]);
    assert!(told.contains("nothing has to be lost"), "{told}");
    let told = house.refuses(&["takeover", "--to", "clod"]);
    assert!(told.contains("cloud"), "{told}");
    let told = house.says(&["takeover", "--to", "cloud"]);
    assert!(told.contains("nothing was lost") && told.contains("engine  = \"postgres\""), "{told}");
    let made = writer.end();
    house.status("it was released", |state| state["mirrors"][0]["state"] == "released");
    let told = house.refuses(&["check"]);
    assert!(told.contains("was released"), "{told}");
    let told = house.says(&["takeover", "--to", "cloud"]);
    assert!(told.contains("has everything"), "said again, it is done: {told}");
    it_goes_on(&mut house, &made);
}

#[test]
fn on_mariadb_the_service_goes_on_from_its_mirror_and_no_host_leads_any_more() {
    let server = testbed::mariadb();
    server.sql("mysql", "CREATE USER guest IDENTIFIED BY 'cool floor'");
    server.sql("mysql", "CREATE DATABASE cloud CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
    server.sql("mysql", "GRANT ALL PRIVILEGES ON cloud.* TO guest");
    let ask = |database: &str, sql: &str| server.sql(database, sql);
    let cloud = Cloud { engine: "mariadb", port: server.port(), ask: Box::new(ask) };
    let Some(mut house) = House::new(MARIADB, cloud) else { return };
    let made = a_mirror_follows(&mut house).end();
    house.is_near();
    // is_near looks at what was told a moment ago
    house.status("all of it is there", |_| made.last().is_none_or(|last| ids(&house).contains(last)));
    house.lose_databases();
    house.status("nobody leads", |state| state["state"] == "down" && state["primary"].is_null());
    let told = house.refuses(&["takeover", "--to", "cloud"]);
    assert!(told.contains("nobody is primary"), "{told}");
    let accepting = ["takeover", "--to", "cloud", "--accept-loss", "--yes"];
    let told = house.says(&accepting);
    assert!(told.contains("no host becomes primary any more") && !told.contains("see to it"), "{told}");
    house.up();
    let nobody_may = |state: &Value| {
        let hosts = state["hosts"].as_array().into_iter().flatten();
        let databases = hosts.filter(|host| !host["database"].is_null());
        databases.filter(|host| host["has_every_write"] == false).count() == 2
            && state["primary"].is_null()
            && state["mirrors"][0]["state"] == "released"
    };
    house.status("the hosts are back, and none may lead", nobody_may);
    it_goes_on(&mut house, &made);
    house.status("none has led since", nobody_may);
    house.cut_power();
    let told = house.refuses(&["takeover", "--to", "cloud"]);
    assert!(told.contains("no majority"), "{told}");
    let told = house.says(&accepting);
    assert!(told.contains("has everything up to change") && told.contains("see to it yourself"), "{told}");
}
