//! How wrong words are answered: one line that says what was meant, and the exit code 2.

use expect_test::{Expect, expect};
use tempfile::tempdir;

use crate::running::run;

fn check(arguments: &[&str], answer: Expect) {
    let dir = tempdir().expect("a folder");
    let (code, stdout, stderr) = run(dir.path(), arguments);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    answer.assert_eq(&stderr);
}

#[test]
fn a_mistyped_verb_gets_the_nearest_one() {
    check(
        &["srve"],
        expect![[r#"
        ondol: there is no `srve`; did you mean `ondol serve`?
    "#]],
    );
    check(
        &["superuser", "upsrt", "a@b.c"],
        expect![[r#"
        ondol: there is no `upsrt`; did you mean `ondol superuser upsert`?
    "#]],
    );
}

#[test]
fn a_verb_of_another_tool_gets_ours() {
    check(
        &["start"],
        expect![[r#"
        ondol: there is no `start`; did you mean `ondol serve`?
    "#]],
    );
    check(
        &["validate", "x"],
        expect![[r#"
        ondol: there is no `validate`; did you mean `ondol check`?
    "#]],
    );
}

#[test]
fn wrong_options_are_one_line() {
    check(
        &["serve", "--lisen", "x"],
        expect![[r#"
        ondol: unknown option --lisen; did you mean --listen?
    "#]],
    );
    check(
        &["serve", "data"],
        expect![[r#"
        ondol: `data` is one word too many; see `ondol serve --help`
    "#]],
    );
    check(
        &["superuser", "create"],
        expect![[r#"
        ondol: <EMAIL> is missing; see `ondol superuser create --help`
    "#]],
    );
    check(
        &["superuser"],
        expect![[r#"
        ondol: say what to do: create, upsert, update, delete, list
    "#]],
    );
    check(
        &["serve", "--listen"],
        expect![[r#"
        ondol: a value is required for '--listen <HOST:PORT>' but none was supplied
    "#]],
    );
    check(
        &["serve", "--listen", "8090"],
        expect![[r#"
        ondol: `8090` is not an address to listen on; write it as HOST:PORT, such as 127.0.0.1:8090
    "#]],
    );
}

#[test]
fn a_wrong_service_file_is_told_whole() {
    let dir = tempdir().expect("a folder");
    std::fs::write(dir.path().join("ondol.toml"), "servce = \"a\"\n[web]\nidle_time_max = 5\n")
        .expect("a file");
    for verb in [&["check"][..], &["serve"], &["check", "ondol.toml"], &["check", "--file", "ondol.toml"]] {
        let (code, stdout, stderr) = run(dir.path(), verb);
        assert_eq!((code, stdout.as_str()), (2, ""));
        expect![[r#"
            ondol: ondol.toml:1: unknown key `servce`; did you mean `service`?
            ondol: ondol.toml:3: `idle_time_max` in [web]: invalid type: integer `5`, expected a string
        "#]]
        .assert_eq(&stderr);
    }
}

#[test]
fn a_balancers_file_is_told_with_the_web_servers_that_are_not_there() {
    let dir = tempdir().expect("a folder");
    let there = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (there, listener) = there.expect("a port");
    let away = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let text = format!("[balancer]\nbackends = [\"{there}\", {{ address = \"{away}\", weight = 2 }}]\n");
    std::fs::write(dir.path().join("ondol.toml"), text).expect("a file");
    let (code, stdout, stderr) = run(dir.path(), &["check"]);
    drop(listener);
    assert_eq!(code, 3, "{stdout}");
    assert!(
        stdout.contains(&format!("{there} is there\n")) && stdout.contains("opens no database"),
        "{stdout}"
    );
    assert_eq!(
        stderr,
        format!("ondol: the web server {away} can't be reached; see that it runs and listens there\n")
    );
}

#[test]
fn a_right_service_file_is_told_in_words() {
    let dir = tempdir().expect("a folder");
    std::fs::write(dir.path().join("ondol.toml"), "service = \"popong.com\"\nlisten = \"127.0.0.1:80\"\n")
        .expect("a file");
    let (code, stdout, stderr) = run(dir.path(), &["check"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    expect![[r#"
        ondol.toml is well.
          popong.com: dev, one process on one box, SQLite
          listens on 127.0.0.1:80, keeps its data in data
          lose this box: everything since the last copy of that folder is lost
    "#]]
    .assert_eq(&stdout);
}

#[test]
fn help_is_short_and_on_stdout() {
    let dir = tempdir().expect("a folder");
    let (code, stdout, stderr) = run(dir.path(), &["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.lines().count() < 24 && stdout.contains("serve"), "it fills a screen: {stdout}");
}
