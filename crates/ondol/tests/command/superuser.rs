//! `ondol superuser`: also beside a running service.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::running::{Served, run, run_with};

fn sign_in(served: &Served, password: &str) -> (u16, Value) {
    let body = json!({ "identity": "root@example.com", "password": password }).to_string();
    let (status, body) = served.ask("POST", "/api/collections/_superusers/auth-with-password", "", &body);
    (status, serde_json::from_str(&body).expect("JSON"))
}

#[test]
fn a_superuser_is_made_beside_a_running_service_and_signs_in() {
    let dir = tempdir().expect("a folder");
    let mut served = Served::start(dir.path());
    let lines: Vec<String> = (0..3).map(|_| served.line()).collect();
    assert!(lines[1].contains("/_/first-run?key="), "{lines:?}");
    let upsert = |password: &str| {
        run_with(dir.path(), &["superuser", "upsert", "root@example.com", "--password-file", "-"], password)
    };
    let (code, stdout, stderr) = upsert("correct horse\n");
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "root@example.com is a superuser now.\n", ""));
    let (status, body) = sign_in(&served, "correct horse");
    assert_eq!(status, 200, "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();

    assert_eq!(upsert("another horse").1, "root@example.com has a new password.\n");
    assert_eq!(sign_in(&served, "correct horse").0, 400);
    assert_eq!(sign_in(&served, "another horse").0, 200);
    let path = "/api/collections/_superusers/auth-refresh";
    assert_eq!(served.ask("POST", path, &token, "").0, 401, "the old token is void");
}

#[test]
fn superusers_are_listed_and_the_last_one_stays() {
    let dir = tempdir().expect("a folder");
    let create = |email: &str| {
        run_with(dir.path(), &["superuser", "create", email, "--password-file", "-"], "12345678")
    };
    assert_eq!(create("a@example.com").0, 0);
    assert_eq!(create("b@example.com").0, 0);
    let (code, _, stderr) = create("b@example.com");
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    assert!(stderr.contains("email"), "{stderr}");
    let (_, listed, _) = run(dir.path(), &["superuser", "list"]);
    assert_eq!(
        listed.lines().map(|l| l.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["a@example.com", "b@example.com"]
    );
    assert_eq!(run(dir.path(), &["superuser", "delete", "a@example.com"]).0, 0);
    let (code, _, stderr) = run(dir.path(), &["superuser", "delete", "b@example.com"]);
    assert_eq!(
        (code, stderr.as_str()),
        (1, "ondol: The only superuser stays. Make another one before you delete this one.\n")
    );
}

#[test]
fn a_password_is_never_taken_from_the_command_line() {
    let dir = tempdir().expect("a folder");
    let (code, _, stderr) = run(dir.path(), &["superuser", "create", "a@example.com", "12345678"]);
    assert_eq!((code, stderr.lines().count()), (2, 1), "{stderr}");
    let (code, _, stderr) = run(dir.path(), &["superuser", "create", "a@example.com"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--password-file"), "{stderr}");
}
