//! Questions: filters, sorts, expands, fields and paths that try to find out what is hidden.
//!
//! Two houses that differ in their secrets alone are asked; a guest to whom they answer differently has found an oracle.

use crate::ask::{Ask, encoded};
use crate::chance::Chance;
use crate::judge::{Twins, judge};
use crate::seeds;

const BOARDS: &str = "/api/collections/boards/records";
const COLLECTIONS: [&str; 4] = ["boards", "members", "diaries", "vault"];
/// Seeds of the questions that are made up, and how many of each.
const CHANCES: [u64; 3] = [1, 20_261_122, 0x0d01];
const QUESTIONS: usize = 120;

fn filters() -> Vec<seeds::Seed> {
    seeds::read(include_str!("seeds/filters.txt"))
}

fn sorts() -> Vec<seeds::Seed> {
    seeds::read(include_str!("seeds/sorts.txt"))
}

fn expands() -> Vec<seeds::Seed> {
    seeds::read(include_str!("seeds/expands.txt"))
}

fn fields() -> Vec<seeds::Seed> {
    seeds::read(include_str!("seeds/fields.txt"))
}

/// The bytes of a seed in a query, broken UTF-8 included.
fn in_query(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asks all seeds of a parameter of all collections; every seed that fails is told.
fn ask_seeds(twins: &Twins, parameter: &str, seeds: &[seeds::Seed]) {
    let mut failures = Vec::new();
    for seed in seeds {
        for collection in COLLECTIONS {
            let path = format!("/api/collections/{collection}/records?{parameter}={}", in_query(&seed.bytes));
            let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| twins.ask(&path)));
            if let Err(panic) = asked {
                let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                failures.push(format!(
                    "{parameter} of {collection}, {:?} ({}):\n{said}",
                    seed.name,
                    seed.text()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} questions failed:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn no_saved_filter_tells_a_secret() {
    ask_seeds(&Twins::new(), "filter", &filters());
}

#[test]
fn no_saved_sort_expand_or_choice_of_fields_tells_a_secret() {
    let twins = Twins::new();
    ask_seeds(&twins, "sort", &sorts());
    ask_seeds(&twins, "expand", &expands());
    ask_seeds(&twins, "fields", &fields());
}

#[test]
fn no_saved_path_tells_a_secret() {
    let twins = Twins::new();
    for seed in seeds::read(include_str!("seeds/paths.txt")) {
        let path = seed.text();
        for method in ["GET", "HEAD"] {
            let ask = Ask { method: method.into(), ..Ask::get(&*path) };
            if let Some(answer) = ask.send(twins.one.house.address) {
                judge(&ask, &answer);
            }
        }
        if path.starts_with("/api/") {
            twins.ask(&path);
        }
    }
}

#[test]
fn no_made_up_question_tells_a_secret() {
    let twins = Twins::new();
    let (filters, sorts, expands, fields) = (filters(), sorts(), expands(), fields());
    let mut answered = 0;
    for seed in CHANCES {
        let mut chance = Chance::new(seed);
        for _ in 0..QUESTIONS {
            let collection = chance.pick(&["boards", "boards", "members", "diaries"]);
            let mut query = format!("filter={}", encoded(&made_up(&mut chance, collection, &filters)));
            for (parameter, known) in [("sort", &sorts), ("expand", &expands), ("fields", &fields)] {
                if chance.once_in(10) {
                    let text = known[chance.below(known.len())].text();
                    let text = if chance.once_in(2) { chance.broken(&text) } else { text };
                    query.push_str(&format!("&{parameter}={}", encoded(&text)));
                }
            }
            query.truncate(20_000);
            answered += usize::from(twins.ask(&format!("/api/collections/{collection}/records?{query}")));
        }
    }
    assert!(answered > QUESTIONS * CHANCES.len() / 3, "only {answered} questions were understood");
}

/// What a filter may look at in a collection.
fn ways(collection: &str) -> &'static [&'static str] {
    match collection {
        "boards" => &[
            "title",
            "n",
            "data.a.1.b",
            "owner",
            "owner.nick",
            "owner.email",
            "people.email",
            "people.nick",
            "people.id",
            "diary",
            "diary.id",
            "diary.text",
            "diaries_via_board.text",
            "diaries_via_boards.code",
            "diaries_via_board.owner",
            "owner.diaries_via_owner.text",
            "people.diaries_via_owner.code",
            "owner.boards_via_owner.diary.text",
            "people.boards_via_people.people.email",
            "tags:each",
            "people:length",
            "title:lower",
            "people.email:lower",
            "diary.boards:each",
            "geoDistance(n, n, place.lon, owner.email)",
        ],
        "members" => &[
            "nick",
            "email",
            "boards_via_owner.title",
            "boards_via_people.diary.text",
            "diaries_via_owner.code",
            "diaries_via_owner.board.people.email",
            "boards_via_people.people.email",
            "email:lower",
        ],
        _ => &[
            "text",
            "code",
            "owner.email",
            "board.people.email",
            "boards.diary.text",
            "owner.nick",
            "boards:length",
        ],
    }
}

/// A filter out of pieces that are known to be nasty, joined, or broken.
fn made_up(chance: &mut Chance, collection: &str, known: &[seeds::Seed]) -> String {
    const VALUES: [&str; 13] = [
        "'kanarienvogelsingt'",
        "'kanarienvogelt'",
        "'kanarienvogel%'",
        "'victim000000001'",
        "'diary0000000003'",
        "'kanarienvogelsingt@example.com'",
        "''",
        "null",
        "true",
        "0",
        "2",
        "'%'",
        "WAY",
    ];
    const SIGNS: [&str; 14] =
        ["=", "!=", ">", ">=", "<", "<=", "~", "!~", "?=", "?!=", "?>", "?<", "?~", "?!~"];
    let ways = ways(collection);
    let mut text = String::new();
    for place in 0..=chance.below(3) {
        if place > 0 {
            text.push_str(chance.pick(&[" && ", " || ", " && ("]));
        }
        let (left, sign, right) = (chance.pick(ways), chance.pick(&SIGNS), chance.pick(&VALUES));
        let right = if right == "WAY" { chance.pick(ways) } else { right };
        text.push_str(&format!("{left} {sign} {right}"));
    }
    let open = text.matches("&& (").count();
    text.push_str(&")".repeat(open));
    match chance.below(8) {
        0 => chance.broken(&text),
        1 => {
            let text: String = known[chance.below(known.len())].text().chars().take(400).collect();
            chance.broken(&text)
        }
        _ => text,
    }
}

#[test]
fn what_the_twins_are_asked_can_be_told_apart_by_who_may() {
    // the test of the test: the owner and a superuser do see the difference
    let twins = Twins::new();
    let mine = Ask::get("/api/collections/diaries/records?filter=text~'singt'").of(&twins.one.victim);
    assert_eq!(twins.one.house.ask(&mine).value()["totalItems"], 2);
    let all = Ask::get(format!("{BOARDS}?filter=secret~'singt'")).of(&twins.one.house.root);
    assert_eq!(twins.one.house.ask(&all).value()["totalItems"], 1);
}
