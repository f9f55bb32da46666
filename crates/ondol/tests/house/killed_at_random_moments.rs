//! Killed at random moments under load, the house keeps all that it said yes to, and its listeners miss and double nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::{Client, sign_in};
use crate::listener::{Heard, Listener};
use crate::server::House;
use crate::writer::{Chance, MARKS, Mark, Writer, make_marks};

/// Kills in all, shared by the houses.
const KILLS: usize = 200;
/// Houses that are killed side by side, each with a seed of its own.
const SEEDS: [u64; 2] = [1, 2];
const WRITERS: usize = 6;
/// Longest life between two kills.
const LIFE_MS_MAX: u64 = 400;
/// One start in so many is killed before it is ready.
const EARLY_ONE_IN: u64 = 8;

#[test]
fn what_was_acknowledged_outlives_two_hundred_kills() {
    std::thread::scope(|scope| {
        let houses = SEEDS.map(|seed| scope.spawn(move || outlives(seed, KILLS / SEEDS.len())));
        for (house, seed) in houses.into_iter().zip(SEEDS) {
            assert!(house.join().is_ok(), "seed {seed}");
        }
    });
}

fn outlives(seed: u64, kills: usize) {
    let house = House::new();
    let mut chance = Chance::new(seed);
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|name| Writer::new(name, seed * 100 + name as u64)).collect();
    let server = house.start();
    let token = sign_in(&server.address);
    make_marks(&mut Client::new(&server.address, &token).expect("a connection"))
        .expect("the collection is made");
    let listener = Listener::new(&token, MARKS);
    listener.find(&server.address);
    listener.wait_until_listening();

    let mut next = Some(server);
    for _ in 0..kills {
        if next.is_none() && chance.below(EARLY_ONE_IN) == 0 {
            kill_early(&house, &mut chance);
            continue;
        }
        let server = next.take().unwrap_or_else(|| {
            let server = house.start();
            listener.find(&server.address);
            server
        });
        check(&mut writers, &server.address, &token);
        let life = Duration::from_millis(chance.below(LIFE_MS_MAX));
        std::thread::scope(|scope| {
            let (address, token) = (server.address.clone(), token.as_str());
            for writer in &mut writers {
                let address = address.clone();
                scope.spawn(move || writer.write_until_broken(&address, token));
            }
            // the moment of the kill, not a wait for something
            std::thread::sleep(life);
            server.kill();
        });
    }

    let server = house.start();
    listener.find(&server.address);
    check(&mut writers, &server.address, &token);
    let book = writers.iter().flat_map(Writer::book).map(|(id, mark)| (id.clone(), mark.clone())).collect();
    let log = hold_to(&house, &book);
    listener.wait_for(log.last().expect("something was written").position);
    compare(&log, &listener.end());
    assert!(log.len() > kills, "{} changes are too few to mean much", log.len());
}

fn kill_early(house: &House, chance: &mut Chance) {
    let mut child = house.spawn();
    std::thread::sleep(Duration::from_millis(chance.below(80)));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

fn check(writers: &mut [Writer], address: &str, token: &str) {
    let mut client = Client::new(address, token).expect("a connection");
    for writer in writers {
        writer.check(&mut client);
    }
}

/// Holds the file to the writers' book, and its log to its bodies; the log of the marks.
fn hold_to(house: &House, book: &BTreeMap<String, Mark>) -> Vec<Heard> {
    assert_eq!(house.sqlite("PRAGMA integrity_check"), [["ok"]]);
    let table = &house.sqlite("SELECT tbl FROM change WHERE record LIKE 'w0%n0%' LIMIT 1")[0][0];

    let number = |text: &str| text.parse::<f64>().expect("a number") as i64;
    let rows = house.sqlite(&format!("SELECT id, number FROM {MARKS} ORDER BY id"));
    let bodies: BTreeMap<&str, i64> = rows.iter().map(|row| (row[0].as_str(), number(&row[1]))).collect();
    let living: BTreeMap<&str, i64> =
        book.iter().filter_map(|(id, mark)| Some((id.as_str(), mark.number?))).collect();
    assert!(bodies == living, "bodies and acknowledged writes differ: {:?}", difference(&bodies, &living));

    let rows =
        house.sqlite(&format!("SELECT seq, kind, record FROM change WHERE tbl = '{table}' ORDER BY seq"));
    let log: Vec<Heard> = rows
        .into_iter()
        .map(|row| Heard {
            position: row[0].parse().expect("a position"),
            action: row[1].clone(),
            record: row[2].clone(),
        })
        .collect();
    let mut writes: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &log {
        *writes.entry(&change.record).or_default() += 1;
    }
    let acknowledged: BTreeMap<&str, usize> =
        book.iter().map(|(id, mark)| (id.as_str(), mark.writes)).collect();
    assert!(
        writes == acknowledged,
        "log and acknowledged writes differ: {:?}",
        difference(&writes, &acknowledged)
    );

    // a row's version is the position of the change that wrote it
    let astray = house.sqlite(&format!(
        "WITH last AS (SELECT record, max(seq) AS seq, kind FROM change WHERE tbl = '{table}' GROUP BY record) \
         SELECT last.record FROM last LEFT JOIN \"r_{table}\" r ON r.id = last.record \
         WHERE (last.kind = 'delete') != (r.id IS NULL) OR (r.id IS NOT NULL AND r.rev != last.seq)"
    ));
    assert!(astray.is_empty(), "log and bodies differ at {astray:?}");
    log
}

/// The listener heard the log, each change once, in order.
fn compare(log: &[Heard], heard: &[Heard]) {
    let missed: Vec<&Heard> = log
        .iter()
        .filter(|change| heard.binary_search_by_key(&change.position, |one| one.position).is_err())
        .take(20)
        .collect();
    assert!(missed.is_empty(), "missed, of {}: {missed:#?}", log.len());
    let doubled = heard.windows(2).find(|pair| pair[0].position >= pair[1].position);
    assert!(doubled.is_none(), "heard twice or out of order: {doubled:#?}");
    assert_eq!(heard.len(), log.len(), "more was heard than happened");
}

/// What is in one and not in the other.
fn difference<'a, T: PartialEq + Copy>(
    one: &BTreeMap<&'a str, T>,
    other: &BTreeMap<&'a str, T>,
) -> Vec<(&'a str, Option<T>, Option<T>)> {
    let ids = one.keys().chain(other.keys());
    let pairs = ids.map(|id| (*id, one.get(id).copied(), other.get(id).copied()));
    pairs.filter(|(_, left, right)| left != right).take(20).collect()
}
