//! Killed at random moments, the house does no write twice that is asked for again under its key, and loses none.

use std::time::Duration;

use serde_json::json;

use crate::http::{Client, sign_in};
use crate::server::House;
use crate::writer::Chance;

const KILLS: usize = 60;
/// Clients that count at once, each its own record.
const COUNTERS: usize = 4;
/// Longest life between two kills.
const LIFE_MS_MAX: u64 = 120;
const COLLECTION: &str = "counters";

/// A client that adds one to its record again and again; an addition that was not answered is asked for again.
struct Counter {
    id: String,
    /// Additions that were answered.
    answered: u64,
    /// Additions that were done but not answered, because the house was killed in between.
    unheard: u64,
}

impl Counter {
    fn path(&self) -> String {
        format!("/api/collections/{COLLECTION}/records/{}", self.id)
    }

    fn count_until_broken(&mut self, address: &str, token: &str) {
        let Ok(mut client) = Client::new(address, token) else { return };
        let body = json!({ "number+": 1 });
        loop {
            let key = format!("{}-{}", self.id, self.answered);
            let Ok((status, told)) = client.ask_once(&key, "PATCH", &self.path(), &body) else { return };
            assert_eq!(status, 200, "{told}");
            self.answered += 1;
            assert_eq!(told["number"], json!(self.answered), "{key} was done once and in its turn");
        }
    }

    /// Looks how far the record is, before the addition that was not answered is asked for again.
    fn look(&mut self, client: &mut Client) {
        let (status, told) = client.ask("GET", &self.path(), &json!(null)).expect("an answer");
        assert_eq!(status, 200, "{told}");
        let ahead = told["number"].as_u64().expect("a whole number").checked_sub(self.answered);
        assert!(ahead.is_some_and(|ahead| ahead < 2), "{} were answered: {told}", self.answered);
        self.unheard += ahead.unwrap_or_default();
    }
}

#[test]
fn what_is_asked_for_again_after_a_kill_is_done_once() {
    let (house, mut chance) = (House::new(), Chance::new(3));
    let mut server = house.start();
    let token = sign_in(&server.address);
    let mut client = Client::new(&server.address, &token).expect("a connection");
    let fields = json!([{ "name": "number", "type": "number" }]);
    let made = client.ask(
        "POST",
        "/api/collections",
        &json!({ "name": COLLECTION, "type": "base", "fields": fields }),
    );
    assert_eq!(made.expect("an answer").0, 200);
    let mut counters: Vec<Counter> =
        (0..COUNTERS).map(|n| Counter { id: format!("counter{n:08}"), answered: 0, unheard: 0 }).collect();
    for counter in &counters {
        let (path, body) = (format!("/api/collections/{COLLECTION}/records"), json!({ "id": counter.id }));
        assert_eq!(client.ask("POST", &path, &body).expect("an answer").0, 200);
    }
    for _ in 0..KILLS {
        let life = Duration::from_millis(chance.below(LIFE_MS_MAX));
        std::thread::scope(|scope| {
            for counter in &mut counters {
                let (address, token) = (server.address.clone(), token.as_str());
                scope.spawn(move || counter.count_until_broken(&address, token));
            }
            // the moment of the kill, not a wait for something
            std::thread::sleep(life);
            server.kill();
        });
        server = house.start();
        let mut client = Client::new(&server.address, &token).expect("a connection");
        counters.iter_mut().for_each(|counter| counter.look(&mut client));
    }
    let unheard: u64 = counters.iter().map(|counter| counter.unheard).sum();
    assert!(unheard > 0, "no kill fell between a commit and its answer: {KILLS} are too few");
    for counter in &counters {
        let sql = format!(
            "SELECT count(*) FROM change JOIN once USING (write_id) WHERE record = '{}' AND kind = 'update'",
            counter.id
        );
        let done: u64 = house.sqlite(&sql)[0][0].parse().expect("a number");
        assert!(
            done == counter.answered || done == counter.answered + 1,
            "{done}, answered {}",
            counter.answered
        );
    }
}
