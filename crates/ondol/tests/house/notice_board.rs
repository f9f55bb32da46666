//! A team's notice board, written against the unmodified client library, finds all that it relies on.

use crate::server::{EMAIL, House, PASSWORD, run_app};

#[test]
fn the_notice_board_works() {
    let house = House::new();
    let server = house.start();
    let settings = [
        ("BASE_URL", server.url()),
        ("SUPERUSER_EMAIL", EMAIL.into()),
        ("SUPERUSER_PASSWORD", PASSWORD.into()),
    ];
    let checks = run_app("main.js", &settings, &house);
    assert!(checks > 100, "it checks much, not {checks}");
}
