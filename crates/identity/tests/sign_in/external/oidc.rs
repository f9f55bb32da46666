//! OpenID Connect against a certified provider: every misbehaviour of its own, of somebody between, and of two providers.

use identity::provider::OnService;
use serde_json::{Value, json};
use testbed::{SignInPeer, sign_in_peer};

use super::browser::{Ended, asked};
use super::house::{House, on_service};

/// The peer's clients, each as a provider: by algorithm, without a secret, and of the hybrid flow.
pub(crate) fn providers(base: &str) -> Vec<(&'static str, OnService)> {
    let of = |client: &str, more: &str| {
        let secret = format!("{client}-secret-00000000000000000001");
        let text = format!(
            "preset = \"oidc\"\nclient_id = \"{client}\"\nissuer = \"{base}\"\nemail_trust = \"assist\"\n{more}"
        );
        on_service(&text, &secret)
    };
    let hybrid = "response = \"code id_token\"\nresponse_mode = \"form_post\"";
    vec![
        ("op", of("ondol-client", "")),
        ("op-es256", of("ondol-es256", "algs = [\"ES256\"]")),
        ("op-eddsa", of("ondol-eddsa", "algs = [\"EdDSA\"]")),
        ("op-public", of("ondol-public", "client_auth = \"none\"")),
        ("op-pkce", of("ondol-pkce", "")),
        ("op-hybrid", of("ondol-client", hybrid)),
        ("op-quiet", of("ondol-client", "userinfo_use = \"never\"")),
        (
            "op-alias",
            of("ondol-client", &format!("issuer_aliases = [{:?}]", base.trim_start_matches("http://"))),
        ),
    ]
}

fn peer() -> Option<SignInPeer> {
    sign_in_peer("oidc", &["--auto", "approve"])
}

/// What must come of a misbehaviour.
#[derive(Clone, Copy)]
enum Wanted {
    /// The client hears nothing or of an error; no code is sent.
    Unheard,
    /// It is refused before the code is sent.
    KeptBack,
    /// It is refused.
    Out,
    /// It is let in.
    In,
    /// It is let in, but the address counts as unverified.
    InUnverified,
    /// It is let in without an address.
    InWithoutMail,
}

fn is_so(wanted: Wanted, ended: &Ended, exchanges: usize) -> bool {
    let record = |ended: &Ended| match ended {
        Ended::Answered(200, body) => body["record"].clone(),
        _ => Value::Null,
    };
    match wanted {
        Wanted::Unheard => matches!(ended, Ended::Unheard | Ended::Error(_)) && exchanges == 0,
        Wanted::KeptBack => matches!(ended, Ended::Answered(400 | 503, _)) && exchanges == 0,
        Wanted::Out => matches!(ended, Ended::Answered(400 | 503, _)) && exchanges <= 1,
        Wanted::In => record(ended)["verified"] == true,
        Wanted::InUnverified => {
            record(ended)["verified"] == false && record(ended)["email"] == "alice@example.test"
        }
        Wanted::InWithoutMail => record(ended)["verified"] == false && record(ended)["email"] == "",
    }
}

#[tokio::test]
async fn everybody_signs_in_by_every_algorithm_and_flow() {
    let Some(peer) = peer() else { return };
    let house = House::open(providers(&peer.base())).await;
    for provider in ["op", "op-es256", "op-eddsa", "op-public", "op-pkce", "op-hybrid", "op-quiet"] {
        house.delete_users().await;
        let Ended::Answered(status, body) = house.sign_in(&peer, provider, "").await else {
            panic!("{provider}")
        };
        assert_eq!(status, 200, "{provider}: {body}");
        let (record, meta) = (&body["record"], &body["meta"]);
        let wanted = (&json!("alice@example.test"), &json!(true), &json!("Alice Kim"));
        assert_eq!((&record["email"], &record["verified"], &record["name"]), wanted, "{provider}: {body}");
        assert_eq!(
            (&meta["id"], &meta["avatarURL"]),
            (&json!("10001"), &json!("https://example.test/a.png"))
        );
        let id = record["id"].as_str().expect("an id").to_owned();
        assert_eq!(house.sign_in(&peer, provider, "").await.account(), id, "{provider}");
        assert_eq!(house.identities(&id).await, [(provider.to_owned(), "10001".to_owned())]);
    }
}

/// Misbehaviours of tokens and answers.
const ROWS: [(&str, &str, Wanted); 48] = {
    use Wanted::{In, InUnverified, InWithoutMail, KeptBack, Out, Unheard};
    [
        // signatures and algorithms
        ("op", "bad_sig", Out),
        ("op", "alg_none", Out),
        ("op", "hs256_pubkey", Out),
        ("op", "hs256_secret", Out),
        ("op", "embedded_jwk", Out),
        ("op", "unknown_kid", Out),
        ("op", "crit_header", Out),
        // claims
        ("op", "wrong_nonce", Out),
        ("op", "missing_nonce", Out),
        ("op", "expired", Out),
        ("op", "future_iat", Out),
        ("op", "old_iat", Out),
        ("op", "no_exp", Out),
        ("op", "no_iat", Out),
        ("op", "wrong_aud", Out),
        ("op", "multi_aud", Out),
        ("op", "wrong_azp", Out),
        ("op", "wrong_iss", Out),
        ("op", "iss_slash", Out),
        ("op", "iss_no_scheme", Out),
        ("op-alias", "iss_no_scheme", In),
        ("op", "missing_sub", Out),
        ("op", "empty_sub", Out),
        ("op", "long_sub", Out),
        ("op", "nul_sub", Out),
        ("op-quiet", "long_sub", Out),
        ("op-quiet", "nul_sub", Out),
        ("op", "wrong_at_hash", Out),
        // the hybrid flow: what came through the browser vouches for the code before that is sent
        ("op-hybrid", "wrong_c_hash", KeptBack),
        ("op-hybrid", "missing_c_hash", KeptBack),
        ("op-hybrid", "bad_sig", KeptBack),
        ("op-hybrid", "wrong_nonce", KeptBack),
        ("op-hybrid", "front_back_sub", Out),
        // addresses
        ("op", "email_unverified", InUnverified),
        ("op", "email_string_true", InUnverified),
        ("op-quiet", "email_string_true", InUnverified),
        ("op", "email_array", InWithoutMail),
        ("op-quiet", "email_array", InWithoutMail),
        // userinfo
        ("op", "userinfo_sub", Out),
        ("op", "userinfo_401", Out),
        ("op", "userinfo_html", Out),
        // callbacks
        ("op", "cb_wrong_state", Unheard),
        ("op", "cb_no_state", Unheard),
        ("op", "cb_error_and_code", Unheard),
        ("op", "cb_wrong_iss", KeptBack),
        ("op", "cb_no_iss", KeptBack),
        // the token endpoint
        ("op", "token_no_id_token", Out),
        ("op", "token_500", Out),
    ]
};

#[tokio::test]
async fn each_way_to_cheat_ends_as_it_should() {
    let Some(peer) = peer() else { return };
    let house = House::open(providers(&peer.base())).await;
    for (provider, mode, wanted) in ROWS {
        peer.reset();
        // so that an earlier row's account does not answer for a later one
        house.delete_users().await;
        peer.tell(&json!({ "mode": mode }).to_string());
        let ended = house.sign_in(&peer, provider, "").await;
        let exchanges = asked(&peer, "/token");
        assert!(is_so(wanted, &ended, exchanges), "{provider} {mode}: {ended:?}, {exchanges} exchanges");
    }
}

#[tokio::test]
async fn an_id_token_that_is_sent_again_is_refused() {
    let Some(peer) = peer() else { return };
    let house = House::open(providers(&peer.base())).await;
    assert!(house.sign_in(&peer, "op", "").await.token().is_some());
    peer.tell(r#"{ "mode": "replayed_id_token" }"#);
    assert!(matches!(house.sign_in(&peer, "op", "").await, Ended::Answered(400, _)));
}

#[tokio::test]
async fn a_discovery_document_that_is_wrong_takes_the_provider_off_the_list() {
    let Some(peer) = peer() else { return };
    for mode in ["disc_iss", "disc_no_jwks", "disc_html", "disc_endpoint_scheme"] {
        peer.reset();
        peer.tell(&json!({ "mode": mode }).to_string());
        let house = House::open(providers(&peer.base())).await;
        assert_eq!(house.way("op").await, Value::Null, "{mode}");
        assert_eq!(house.way("op").await, Value::Null, "{mode}");
        assert_eq!(asked(&peer, "/.well-known/"), 1, "{mode}: a failure is not asked again at once");
        peer.tell(r#"{ "mode": "" }"#);
        house.pass(31);
        assert!(house.way("op").await["authURL"].is_string(), "{mode}: it comes back");
    }
    // a token endpoint elsewhere is the provider's right; nobody answers at this one
    peer.reset();
    peer.tell(r#"{ "mode": "disc_token_elsewhere" }"#);
    let house = House::open(providers(&peer.base())).await;
    assert!(matches!(house.sign_in(&peer, "op", "").await, Ended::Answered(503, _)));
    assert_eq!(asked(&peer, "/token"), 0);
}

#[tokio::test]
async fn keys_that_are_away_empty_or_too_many_let_nobody_in() {
    let Some(peer) = peer() else { return };
    for mode in ["jwks_500", "jwks_empty", "jwks_huge"] {
        peer.reset();
        let house = House::open(providers(&peer.base())).await;
        peer.tell(&json!({ "mode": mode }).to_string());
        assert!(matches!(house.sign_in(&peer, "op", "").await, Ended::Answered(400 | 503, _)), "{mode}");
        peer.tell(r#"{ "mode": "" }"#);
        assert!(house.sign_in(&peer, "op", "").await.token().is_some(), "{mode}: a failure is not kept");
    }
}

#[tokio::test]
async fn a_new_key_is_found_by_one_question_in_five_minutes() {
    let Some(peer) = peer() else { return };
    let house = House::open(providers(&peer.base())).await;
    assert!(house.sign_in(&peer, "op", "").await.token().is_some());
    peer.tell(r#"{ "mode": "jwks_rotate" }"#);
    assert!(house.sign_in(&peer, "op", "").await.token().is_some(), "the new key is taken");
    assert_eq!(asked(&peer, "/jwks"), 2);
    for _ in 0..3 {
        peer.tell(r#"{ "mode": "unknown_kid" }"#);
        assert!(matches!(house.sign_in(&peer, "op", "").await, Ended::Answered(400, _)));
    }
    assert_eq!(asked(&peer, "/jwks"), 2, "nobody makes us ask for keys");
}

#[tokio::test]
async fn a_code_of_another_provider_is_not_carried_to_a_hostile_one() {
    let (Some(honest), Some(hostile)) = (peer(), peer()) else { return };
    let house = House::open(providers(&hostile.base())).await;
    let mixup = format!("{}/auth?client_id=ondol-client", honest.base());
    // the list is read, and then the hostile provider sends the browser to the honest one
    let begun = house.begin("op", "").await;
    hostile.tell(&json!({ "mode": "mixup", "mixup": mixup }).to_string());
    let away = hostile.visit(&begun.url);
    let back = honest.visit(away.location().expect("sent elsewhere"));
    assert_eq!(house.come_back(&back).await, 200);
    let ended = house.redeem(&begun, "", json!({})).await;
    assert!(matches!(ended, Ended::Answered(400, _)), "{ended:?}");
    assert_eq!(asked(&hostile, "/token"), 0, "the hostile provider never saw the code");
}

#[tokio::test]
async fn whoever_says_no_at_the_provider_is_told_so() {
    let Some(peer) = peer() else { return };
    let house = House::open(providers(&peer.base())).await;
    let ended = house.sign_in(&peer, "op", "&auto=deny").await;
    assert!(matches!(&ended, Ended::Error(code) if code == "access_denied"), "{ended:?}");
}
