//! The suite asks for everything that the peers know how to do wrong.

use serde_json::Value;
use testbed::{http, sign_in_peer};

/// Each peer, how many misbehaviours it knows, and the tests that name them.
const SUITES: [(&str, usize, &[&str]); 5] = [
    ("oidc", 52, &[include_str!("oidc.rs")]),
    ("oauth2", 29, &[include_str!("oauth2.rs"), include_str!("apple.rs"), include_str!("takeover.rs")]),
    ("oauth1", 15, &[include_str!("detour.rs")]),
    ("openid2", 33, &[include_str!("detour.rs"), include_str!("../openid2.rs")]),
    ("mail", 4, &[include_str!("../sending.rs")]),
];

#[test]
fn every_misbehaviour_that_the_peers_know_is_asked_for_by_name() {
    for (name, count, tests) in SUITES {
        let smtp = testbed::free_port().to_string();
        let arguments: &[&str] = if name == "mail" { &["--smtp", &smtp] } else { &[] };
        let Some(peer) = sign_in_peer(name, arguments) else { return };
        let state = http::send("GET", &format!("{}/__test/state", peer.base()), &[], "").body;
        let state: Value = serde_json::from_str(&state).expect("JSON");
        let modes: Vec<&String> = state["modes"].as_object().expect("modes").keys().collect();
        assert_eq!(modes.len(), count, "{name}: {modes:?}");
        for mode in modes {
            let is_named = |text: &&str| text.contains(&format!("\"{mode}\""));
            assert!(tests.iter().any(is_named), "{name}: {mode}");
        }
    }
}
