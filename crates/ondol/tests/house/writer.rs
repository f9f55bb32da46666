//! A writer that keeps a book of what the server said yes to, so that the server can be held to it.

use std::collections::BTreeMap;
use std::io::{Error, Result};

use serde_json::{Value, json};

use crate::http::Client;

/// The collection that is written to.
pub(crate) const MARKS: &str = "marks";

/// What a record must be like: its number and how often it was written. Without a number it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) number: Option<i64>,
    pub(crate) writes: usize,
}

/// One write of one or several records, all or none: ids and numbers, `None` to delete.
#[derive(Debug, Clone)]
struct Write {
    marks: Vec<(String, Option<i64>)>,
    is_new: bool,
}

/// One writer with its book.
pub(crate) struct Writer {
    name: usize,
    chance: Chance,
    made: i64,
    book: BTreeMap<String, Mark>,
    ids: Vec<String>,
    /// Sent, and never answered.
    unknown: Option<Write>,
    touched: Vec<String>,
}

impl Writer {
    pub(crate) fn new(name: usize, seed: u64) -> Writer {
        let chance = Chance::new(seed);
        let (book, ids, touched) = (BTreeMap::new(), Vec::new(), Vec::new());
        Writer { name, chance, made: 0, book, ids, unknown: None, touched }
    }

    pub(crate) fn book(&self) -> &BTreeMap<String, Mark> {
        &self.book
    }

    /// Writes until the server is gone.
    pub(crate) fn write_until_broken(&mut self, address: &str, token: &str) {
        let Ok(mut client) = Client::new(address, token) else { return };
        loop {
            let write = self.next();
            match send(&mut client, &write) {
                Ok((200 | 204, _)) => self.note(&write),
                Ok((status, told)) => panic!("{write:?} was refused with {status}: {told}"),
                Err(_) => {
                    self.unknown = Some(write);
                    return;
                }
            }
        }
    }

    /// Writes until the server refuses; what it says then. A server that goes without a word is a fault.
    pub(crate) fn write_until_refused(&mut self, address: &str, token: &str) -> (u16, String) {
        let mut client = Client::new(address, token).expect("a connection");
        loop {
            let write = self.next();
            match send(&mut client, &write).expect("an answer") {
                (200 | 204, _) => self.note(&write),
                (status, told) => return (status, told.to_string()),
            }
        }
    }

    /// Finds out what became of the write that was never answered, then holds the server to all that was written since
    /// the last time.
    pub(crate) fn check(&mut self, client: &mut Client) {
        if let Some(write) = self.unknown.take() {
            let done: Vec<bool> = write
                .marks
                .iter()
                .map(|(id, number)| {
                    let now = read(client, id);
                    let before = self.book.get(id).and_then(|mark| mark.number);
                    assert!(
                        now == *number || now == before,
                        "{id} is {now:?}, was {before:?}, sent {number:?}"
                    );
                    now == *number
                })
                .collect();
            assert!(done.iter().all(|one| *one == done[0]), "half of {write:?} was done: {done:?}");
            if done[0] {
                self.note(&write);
            }
        }
        for id in std::mem::take(&mut self.touched) {
            assert_eq!(read(client, &id), self.book[&id].number, "{id} is not as it was acknowledged");
        }
    }

    fn note(&mut self, write: &Write) {
        for (id, number) in &write.marks {
            let mark = self.book.entry(id.clone()).or_insert(Mark { number: None, writes: 0 });
            if mark.writes == 0 {
                self.ids.push(id.clone());
            }
            mark.number = *number;
            mark.writes += 1;
            self.touched.push(id.clone());
        }
    }

    fn next(&mut self) -> Write {
        match (self.chance.below(100), self.living()) {
            (0..20, Some(id)) => Write { marks: vec![(id, Some(self.chance.number()))], is_new: false },
            (20..30, Some(id)) => Write { marks: vec![(id, None)], is_new: false },
            (30..40, _) => Write { marks: (0..3).map(|_| self.fresh()).collect(), is_new: true },
            _ => Write { marks: vec![self.fresh()], is_new: true },
        }
    }

    /// Some record that was not deleted, if a guess finds one.
    fn living(&mut self) -> Option<String> {
        let guess = self.chance.below(self.ids.len().max(1) as u64) as usize;
        self.ids.get(guess).filter(|id| self.book[*id].number.is_some()).cloned()
    }

    fn fresh(&mut self) -> (String, Option<i64>) {
        self.made += 1;
        (format!("w{:02}n{:011}", self.name, self.made), Some(self.chance.number()))
    }
}

fn send(client: &mut Client, write: &Write) -> Result<(u16, Value)> {
    let all = format!("/api/collections/{MARKS}/records");
    match &write.marks[..] {
        [(id, Some(number))] if write.is_new => {
            client.ask("POST", &all, &json!({"id": id, "number": number}))
        }
        [(id, Some(number))] => client.ask("PATCH", &format!("{all}/{id}"), &json!({"number": number})),
        [(id, None)] => client.ask("DELETE", &format!("{all}/{id}"), &Value::Null),
        many => {
            let request = |(id, number): &(String, Option<i64>)| json!({"method": "POST", "url": all, "body": {"id": id, "number": number}});
            let requests: Vec<Value> = many.iter().map(request).collect();
            client.ask("POST", "/api/batch", &json!({"requests": requests}))
        }
    }
}

fn read(client: &mut Client, id: &str) -> Option<i64> {
    let path = format!("/api/collections/{MARKS}/records/{id}?fields=number");
    match client.ask("GET", &path, &Value::Null).expect("the server is there again") {
        (404, _) => None,
        (200, told) => Some(told["number"].as_i64().expect("a number")),
        (status, told) => panic!("reading {id} answered {status}: {told}"),
    }
}

/// Chance that can be had again from its seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn number(&mut self) -> i64 {
        i64::try_from(self.below(1_000_000_000)).expect("small")
    }
}

/// Makes the collection that writers write to.
pub(crate) fn make_marks(client: &mut Client) -> Result<()> {
    let sent = json!({"name": MARKS, "type": "base", "fields": [{"name": "number", "type": "number"}]});
    match client.ask("POST", "/api/collections", &sent)? {
        (200, _) => Ok(()),
        (status, told) => Err(Error::other(format!("{status}: {told}"))),
    }
}
