//! A team's notice board, written against the unmodified client library, finds all that it relies on.

use std::process::Command;

use crate::server::{EMAIL, House, PASSWORD, app};

#[test]
fn the_notice_board_works() {
    let house = House::new();
    let server = house.start();
    let done = Command::new("node")
        .arg("main.js")
        .current_dir(app())
        .env("BASE_URL", server.url())
        .env("SUPERUSER_EMAIL", EMAIL)
        .env("SUPERUSER_PASSWORD", PASSWORD)
        .env_remove("AGAINST")
        .output()
        .expect("node is there; `cargo x test` installs it");
    let told = String::from_utf8_lossy(&done.stdout);
    let bad: String =
        told.lines().filter(|line| !line.starts_with("ok ")).map(|line| format!("{line}\n")).collect();
    let aside = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{bad}{aside}\nthe server's log:\n{}", house.log());
    assert!(told.lines().filter(|line| line.starts_with("ok ")).count() > 100, "it checks much:\n{told}");
}
