//! Somebody's first quarter of an hour in the console, in Chromium; its screenshots are kept to be looked at.

use std::path::Path;

use crate::server::{House, run_app};

#[test]
fn the_first_quarter_of_an_hour_in_the_console() {
    spend_it_in(&House::empty(), "screenshots");
}

#[test]
fn the_first_quarter_of_an_hour_in_the_console_on_postgres() {
    spend_it_in(&House::empty_on("postgres", testbed::postgres().database()), "screenshots-postgres");
}

#[test]
fn the_first_quarter_of_an_hour_in_the_console_on_mariadb() {
    spend_it_in(&House::empty_on("mariadb", testbed::mariadb().database()), "screenshots-mariadb");
}

fn spend_it_in(house: &House, screenshots: &str) {
    let (_server, link) = house.start_first();
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(screenshots).display().to_string();
    let steps = run_app(&["console.js"], &[("FIRST_RUN_URL", link), ("SCREENSHOTS", shots)], house);
    assert!(steps > 15, "it does much, not {steps} steps");
}
