//! `ondol import` and `ondol export`: data files in and out, whole, once, and with every bad row told.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::running::{Served, ondol, run, run_with};

/// A folder with files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    dir
}

fn import(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    run(dir, &[&["import"], arguments].concat())
}

/// What was said at the end, without the time that it took.
fn told(stdout: &str) -> &str {
    stdout.rsplit_once(", in ").map_or(stdout, |(told, _)| told)
}

fn export(dir: &Path, name: &str) -> Vec<Value> {
    let (code, stdout, stderr) = run(dir, &["export", name]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const PEOPLE: &str = "id no;name;age;joined;mail\n\
    007;\"김철수 \"\"온돌\"\"\";31;2024-03-01;chul@example.com\n\
    008;이영희;29;;young@example.com\n";

#[test]
fn a_table_becomes_a_collection_with_fields_for_its_values() {
    let dir = folder(&[("people.csv", PEOPLE)]);
    let (code, stdout, stderr) = import(dir.path(), &["people.csv", "--into", "people"]);
    assert_eq!((code, told(&stdout)), (0, "people: 2 made, 0 changed, 0 the same already"), "{stderr}");
    assert!(stderr.contains("`id no` becomes the field id_no"), "{stderr}");
    let mut people = export(dir.path(), "people");
    people.sort_by_key(|person| person["id_no"].to_string());
    let id = people[0]["id"].as_str().expect("an id");
    assert_eq!(id.len(), 15);
    assert_eq!(
        people[0],
        json!({
            "id": id, "id_no": "007", "name": "김철수 \"온돌\"", "age": 31,
            "joined": "2024-03-01 00:00:00.000Z", "mail": "chul@example.com"
        })
    );
    assert_eq!(people[1]["joined"], "");
}

#[test]
fn the_same_file_again_doubles_nothing_and_a_newer_one_changes() {
    let dir = folder(&[("a.jsonl", "{\"no\":1,\"t\":\"x\"}\n{\"no\":2,\"t\":\"y\"}\n")]);
    let plain = ["a.jsonl", "--into", "plain"];
    assert_eq!(told(&import(dir.path(), &plain).1), "plain: 2 made, 0 changed, 0 the same already");
    assert_eq!(told(&import(dir.path(), &plain).1), "plain: 0 made, 0 changed, 2 the same already");
    let keyed = ["a.jsonl", "--into", "keyed", "--id-from", "no"];
    assert_eq!(told(&import(dir.path(), &keyed).1), "keyed: 2 made, 0 changed, 0 the same already");
    std::fs::write(dir.path().join("a.jsonl"), "{\"no\":3,\"t\":\"z\"}\n{\"no\":2,\"t\":\"new\"}\n")
        .expect("a file");
    assert_eq!(told(&import(dir.path(), &keyed).1), "keyed: 1 made, 1 changed, 0 the same already");
    assert_eq!(export(dir.path(), "keyed").len(), 3);
}

#[test]
fn bad_rows_are_told_with_their_lines_and_the_others_come() {
    let rows = "{\"n\":1}\n{\"n\":\n{\"n\":2}\n[3]\n{\"n\":\"four\"}\n{\"n\":5}\n";
    let dir = folder(&[("good.jsonl", "{\"n\":0}\n"), ("mixed.jsonl", rows)]);
    assert_eq!(import(dir.path(), &["good.jsonl", "--into", "numbers"]).0, 0);
    let (code, stdout, stderr) = import(dir.path(), &["mixed.jsonl", "--into", "numbers"]);
    assert_eq!((code, told(&stdout)), (1, "numbers: 3 made, 0 changed, 0 the same already"));
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].starts_with("ondol: mixed.jsonl:2: the row is no JSON"), "{stderr}");
    assert_eq!(
        lines[1..],
        [
            "ondol: mixed.jsonl:4: the row is no object but a list",
            "ondol: mixed.jsonl:5: `n` is no number: \"four\"",
            "ondol: 3 of 6 rows were not taken; each stands with its reason in numbers.rejected.jsonl",
        ]
    );
    let report = std::fs::read_to_string(dir.path().join("numbers.rejected.jsonl")).expect("a report");
    let last: Value = serde_json::from_str(report.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last, json!({ "line": 5, "why": "`n` is no number: \"four\"", "row": { "n": "four" } }));
}

#[test]
fn a_column_without_a_field_is_never_dropped() {
    let dir =
        folder(&[("a.jsonl", "{\"t\":\"x\"}\n"), ("b.jsonl", "{\"t\":\"x\",\"new\":[1],\"none\":null}\n")]);
    assert_eq!(import(dir.path(), &["a.jsonl", "--into", "things"]).0, 0);
    let (code, _, stderr) = import(dir.path(), &["b.jsonl", "--into", "things"]);
    assert_eq!(
        (code, stderr.as_str()),
        (1, "ondol: things has no field `new`; add them, or let --add-fields do it\n")
    );
    assert_eq!(export(dir.path(), "things").len(), 1);
    let (code, _, stderr) = import(dir.path(), &["b.jsonl", "--into", "things", "--add-fields"]);
    assert_eq!(code, 0, "{stderr}");
    let things = export(dir.path(), "things");
    assert_eq!(things.iter().filter(|thing| thing["new"] == json!([1])).count(), 1);
    assert_eq!(things.iter().filter(|thing| thing["new"] == Value::Null).count(), 1);
}

#[test]
fn what_is_exported_comes_back_the_same() {
    let rows = json!([
        { "title": "첫째, \"하나\"\n둘", "n": 1.5, "yes": true, "at": "2024-01-02 03:04:05.678Z", "tags": ["a", 1] },
        { "title": "", "n": -7, "yes": false, "at": "", "tags": "12" },
    ]);
    let dir = folder(&[("first.json", &rows.to_string())]);
    assert_eq!(import(dir.path(), &["first.json", "--into", "first"]).0, 0);
    let first = export(dir.path(), "first");
    for format in ["json", "jsonl"] {
        let (_, text, _) = run(dir.path(), &["export", "first", "--format", format]);
        let (file, copy) = (format!("copy.{format}"), format!("copy_{format}"));
        std::fs::write(dir.path().join(&file), text).expect("a file");
        assert_eq!(import(dir.path(), &[&file, "--into", &copy]).0, 0);
        assert_eq!(export(dir.path(), &copy), first);
        assert_eq!(
            told(&import(dir.path(), &[&file, "--into", &copy]).1),
            format!("{copy}: 0 made, 0 changed, 2 the same already")
        );
    }
}

#[test]
fn an_import_that_was_killed_goes_on_without_doubles() {
    let rows: String = (0..6000).map(|n| format!("{{\"n\":{n},\"t\":\"온돌 {n}\"}}\n")).collect();
    let dir = folder(&[("many.jsonl", &rows)]);
    let arguments = ["import", "many.jsonl", "--into", "many"];
    let mut child =
        ondol(dir.path(), &arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("starts");
    let mut line = String::new();
    // the first line says that the collection was made: the rows follow
    BufReader::new(child.stderr.take().expect("piped")).read_line(&mut line).expect("a line");
    child.kill().expect("killed");
    child.wait().expect("ends");
    let (code, stdout, stderr) = run(dir.path(), &arguments);
    assert_eq!(code, 0, "{stdout} {stderr}");
    let mut numbers: Vec<u64> =
        export(dir.path(), "many").iter().filter_map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..6000).collect::<Vec<u64>>());
}

#[test]
fn an_import_beside_a_running_service_is_seen_there() {
    let dir = folder(&[("a.jsonl", "{\"id\":\"abcdefghij12345\",\"t\":\"온돌\"}\n")]);
    let served = Served::start(dir.path());
    let path = "/api/collections/users/records";
    assert_eq!(served.ask("GET", path, "", "").0, 200);
    let record = json!({
        "id": "abcdefghij12345", "email": "a@example.com", "password": "12345678", "emailVisibility": true
    });
    std::fs::write(dir.path().join("users.json"), json!([record]).to_string()).expect("a file");
    let (code, stdout, stderr) = import(dir.path(), &["users.json", "--into", "users"]);
    assert_eq!(code, 0, "{stdout} {stderr}");
    let body = json!({ "identity": "a@example.com", "password": "12345678" }).to_string();
    let (status, body) = served.ask("POST", "/api/collections/users/auth-with-password", "", &body);
    assert_eq!(status, 200, "{body}");
}

#[test]
fn a_collection_that_an_import_makes_appears_in_a_running_service() {
    let dir = folder(&[("a.jsonl", "{\"t\":\"온돌\"}\n")]);
    let served = Served::start(dir.path());
    let made =
        run_with(dir.path(), &["superuser", "create", "a@example.com", "--password-file", "-"], "12345678");
    assert_eq!(made.0, 0, "{made:?}");
    assert_eq!(import(dir.path(), &["a.jsonl", "--into", "things"]).0, 0);
    let body = json!({ "identity": "a@example.com", "password": "12345678" }).to_string();
    let (_, body) = served.ask("POST", "/api/collections/_superusers/auth-with-password", "", &body);
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let token = body["token"].as_str().expect("a token");
    let begun = Instant::now();
    loop {
        let (status, body) = served.ask("GET", "/api/collections/things/records", token, "");
        if status == 200 {
            assert!(body.contains("온돌"), "{body}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{status} {body}");
    }
}

#[test]
fn what_can_not_be_read_is_told() {
    let dir = folder(&[("empty.csv", ""), ("a.jsonl", "{\"a\":1}\n")]);
    for (arguments, sentence) in [
        (&["none.csv", "--into", "a"][..], "ondol: there is no file none.csv\n"),
        (&["empty.csv", "--into", "a"], "ondol: there are no rows in empty.csv\n"),
        (
            &["a.jsonl", "--into", "a", "--id-from", "b"],
            "ondol: no row has `b` for --id-from; the file has a\n",
        ),
    ] {
        let (code, _, stderr) = import(dir.path(), arguments);
        assert_eq!((code, stderr.as_str()), (1, sentence));
    }
    let (code, _, stderr) = run(dir.path(), &["export", "nothing"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.starts_with("ondol: there is no collection nothing; there are "), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["export", "a", "--dir", "elsewhere"]);
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
}

/// Real data beside the repository, where it lies.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    path.exists().then_some(path)
}

#[test]
fn bills_and_elections_come_in_as_they_are() {
    let (Some(bills), Some(elections)) = (real("bills.csv"), real("elections.jsonl")) else {
        eprintln!("skipped bills_and_elections_come_in_as_they_are: ../shared/data is not there");
        return;
    };
    let dir = tempdir().expect("a folder");
    let (code, stdout, stderr) =
        import(dir.path(), &[bills.to_str().expect("UTF-8"), "--into", "bills", "--id-from", "bill_id"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("bills: 17,319 made"), "{stdout}");
    assert!(
        stderr.ends_with("34 rows have the id of an earlier row; of each id the last row counts\n"),
        "{stderr}"
    );
    let (code, stdout, stderr) =
        import(dir.path(), &[elections.to_str().expect("UTF-8"), "--into", "elections"]);
    assert_eq!(
        (code, told(&stdout)),
        (0, "elections: 21,374 made, 0 changed, 0 the same already"),
        "{stderr}"
    );

    let text = std::fs::read_to_string(&elections).expect("UTF-8");
    let mut before: Vec<String> = text.lines().map(name_and_district).collect();
    let mut after: Vec<String> =
        export(dir.path(), "elections").iter().map(|row| name_and_district(&row.to_string())).collect();
    before.sort();
    after.sort();
    assert_eq!(before, after, "Korean intact, none missing");
}

fn name_and_district(row: &str) -> String {
    let row: Value = serde_json::from_str(row).expect("JSON");
    format!("{} {} {} {}", row["name_kr"], row["name_cn"], row["district"], row["experience"])
}
