//! A passkey in Chromium: made, used, and refused without its owner, against the true program.

use crate::server::{House, run_app};

#[test]
fn a_person_makes_a_passkey_in_chromium_and_signs_in_with_it() {
    let house = House::empty();
    let (server, _) = house.start_first();
    assert_eq!(run_app(&["passkey.js"], &[("BASE_URL", server.url())], &house), 8);
}
