//! Headers that try something; the signatures themselves are tried against an independent provider (`tests/sign_in`).

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn token(header: &Value, payload: &str) -> String {
    format!("{}.{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload), BASE64.encode("signature"))
}

/// The example of RFC 8037, appendix A: a signature by Ed25519 over a text that is not JSON, so that only the key is tried.
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[test]
fn only_agreed_algorithms_are_looked_at() {
    for alg in [
        json!("none"),
        json!("None"),
        json!("HS256"),
        json!("RS384"),
        json!(""),
        json!(null),
        json!(["RS256"]),
    ] {
        assert!(read(Sort::Id, &token(&json!({ "alg": alg }), "{}"), &Algorithm::ALL).is_err(), "{alg}");
    }
    for alg in ["RS256", "ES256", "EdDSA", "Ed25519"] {
        assert!(read(Sort::Id, &token(&json!({ "alg": alg }), "{}"), &Algorithm::ALL).is_ok(), "{alg}");
    }
    assert!(read(Sort::Id, &token(&json!({ "alg": "ES256" }), "{}"), &[Algorithm::Rs256]).is_err());
}

#[test]
fn a_header_brings_neither_keys_nor_conditions() {
    for (name, value) in [
        ("jwk", json!({ "kty": "RSA" })),
        ("jku", json!("https://evil.example")),
        ("x5u", json!("https://evil.example")),
        ("x5c", json!([])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(1)),
        ("kid", json!(1)),
    ] {
        let mut header = json!({ "alg": "RS256" });
        header[name] = value;
        assert!(read(Sort::Id, &token(&header, "{}"), &Algorithm::ALL).is_err(), "{header}");
    }
}

#[test]
fn a_claim_twice_is_refused() {
    let header = json!({ "alg": "RS256" });
    assert!(read(Sort::Id, &token(&header, r#"{"sub":"a","sub":"b"}"#), &Algorithm::ALL).is_err());
    assert!(read(Sort::Id, &token(&header, r#""text""#), &Algorithm::ALL).is_err());
}

#[test]
fn a_key_that_is_not_known_may_be_newer_than_ours() {
    let keys =
        Keys::parse(&json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "kid": "a" }] }));
    let keys = keys.expect("keys");
    let prove =
        |header: Value| read(Sort::Id, &token(&header, "{}"), &Algorithm::ALL).expect("a token").prove(&keys);
    assert!(matches!(prove(json!({ "alg": "EdDSA", "kid": "b" })), Err(Doubt::UnknownKey)));
    assert!(
        matches!(prove(json!({ "alg": "RS256", "kid": "a" })), Err(Doubt::UnknownKey)),
        "not of that kind"
    );
    assert!(matches!(prove(json!({ "alg": "EdDSA", "kid": "a" })), Err(Doubt::Refused(_))));
    assert!(matches!(prove(json!({ "alg": "EdDSA" })), Err(Doubt::Refused(_))));
}

#[test]
fn key_sets_that_are_none_empty_or_huge_are_refused() {
    let good = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X });
    assert!(Keys::parse(&json!({ "keys": vec![good.clone(); 100] })).is_ok());
    for set in [
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": {} }),
        json!({ "keys": vec![good; 101] }),
        json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }),
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "use": "enc" }] }),
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "alg": "HS256" }] }),
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }] }),
    ] {
        assert!(Keys::parse(&set).is_err(), "{set}");
    }
}

proptest! {
    #[test]
    fn no_token_makes_it_panic(text in ".{0,200}", header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        drop(read(Sort::Id, &text, &Algorithm::ALL));
        let token = format!("{}.{}.AAAA", BASE64.encode(header), BASE64.encode(payload));
        drop(read(Sort::Id, &token, &Algorithm::ALL));
    }

    #[test]
    fn no_member_of_a_header_makes_it_panic_and_none_chooses_a_key(
        name in "alg|kid|typ|jwk|jku|x5u|x5c|crit|b64|zip|cty|[a-z]{1,8}",
        text in ".{0,400}",
        number in any::<i64>(),
    ) {
        for value in [json!(text), json!(number), json!([text]), json!({ "k": text }), Value::Null] {
            let mut header = json!({ "alg": "EdDSA" });
            header[&name] = value;
            let keys = Keys::parse(&json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X }] }));
            let token = token(&header, "{}");
            for sort in [Sort::Id, Sort::Logout] {
                if let Ok(unproven) = read(sort, &token, &Algorithm::ALL) {
                    prop_assert!(unproven.prove(keys.as_ref().expect("a key")).is_err());
                }
            }
        }
    }

    #[test]
    fn no_key_set_makes_it_panic(n in "[A-Za-z0-9_=-]{0,40}", kty in "RSA|EC|OKP|oct", crv in "P-256|Ed25519|P-521") {
        let key = json!({ "kty": kty, "crv": crv, "n": n, "e": n, "x": n, "y": n });
        if let Ok(keys) = Keys::parse(&json!({ "keys": [key] })) {
            for alg in ["RS256", "ES256", "EdDSA"] {
                let token = token(&json!({ "alg": alg }), "{}");
                prop_assert!(read(Sort::Id, &token, &Algorithm::ALL).expect("a token").prove(&keys).is_err());
            }
        }
    }
}
