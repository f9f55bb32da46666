//! The parsers: what they refuse, and that nothing makes them panic. What true authenticators say is tried from outside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use proptest::prelude::*;
use serde_json::json;

use super::attestation::Attestation;
use super::authenticator_data::AuthenticatorData;
use super::ceremony::{self, Known};
use super::client_data::{Ceremony, ClientData};
use super::credential::Credential;
use super::flaw::Flaw;
use super::key::Key;
use super::relying_party::RelyingParty;

fn site() -> RelyingParty {
    RelyingParty { id: "a.example".into(), origin: "https://a.example".into(), name: "A".into() }
}

fn said(text: &str) -> Result<(), Flaw> {
    ClientData::parse(text.as_bytes())?.check(Ceremony::SignIn, "c", "https://a.example")
}

#[test]
fn what_a_browser_says_is_read_strictly() {
    let right = r#""type":"webauthn.get","challenge":"c","origin":"https://a.example""#;
    for (text, outcome) in [
        (format!("{{{right}}}"), Ok(())),
        (format!("\u{feff}{{{right},\"crossOrigin\":false,\"more\":{{}}}}"), Ok(())),
        (format!("{{{right},\"crossOrigin\":true}}"), Err(Flaw::CrossOrigin)),
        (format!("{{{right},\"crossOrigin\":null}}"), Err(Flaw::CrossOrigin)),
        (format!("{{{right},\"topOrigin\":\"https://a.example\"}}"), Err(Flaw::CrossOrigin)),
        (format!("{{\"challenge\":\"c\",{right}}}"), Err(Flaw::ClientData)),
        (format!("{{\"x\":1,\"x\":1,{right}}}"), Err(Flaw::ClientData)),
        (format!("{{{right}}} "), Ok(())),
        (format!("{{{right}}}x"), Err(Flaw::ClientData)),
        (format!("\u{feff}\u{feff}{{{right}}}"), Err(Flaw::ClientData)),
        (format!("{{{right},\"more\":\"{}\"}}", "x".repeat(9000)), Err(Flaw::ClientData)),
        (r"[]".to_owned(), Err(Flaw::ClientData)),
        (r"{}".to_owned(), Err(Flaw::Type)),
        (format!("{{{}}}", right.replace("get", "create")), Err(Flaw::Type)),
        (format!("{{{}}}", right.replace("\"c\"", "\"C\"")), Err(Flaw::Challenge)),
        (format!("{{{}}}", right.replace("\"c\"", "\"\"")), Err(Flaw::Challenge)),
        (format!("{{{}}}", right.replace("a.example", "a.example/")), Err(Flaw::Origin)),
        (format!("{{{}}}", right.replace("a.example", "A.example")), Err(Flaw::Origin)),
    ] {
        assert_eq!(said(&text), outcome, "{text}");
    }
}

/// A key's entries as CBOR: numbers, and texts of bytes.
fn cose(entries: &[(i64, Result<i64, &[u8]>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.map(entries.len() as u64).unwrap();
    for (name, value) in entries {
        encoder.i64(*name).unwrap();
        match value {
            Ok(number) => encoder.i64(*number).unwrap(),
            Err(text) => encoder.bytes(text).unwrap(),
        };
    }
    bytes
}

#[test]
fn a_key_is_of_one_kind_and_has_nothing_else() {
    let x: &[u8] = &[7; 32];
    let right = [(1, Ok(1)), (3, Ok(-8)), (-1, Ok(6)), (-2, Err(x))];
    let (key, length) = Key::parse(&cose(&right)).expect("a key");
    assert_eq!((key, length), (Key::Ed25519(x.to_vec()), cose(&right).len()));
    for (entries, flaw) in [
        (vec![right[0], right[1], right[2]], Flaw::Key),
        ([&right[..], &[(-2, Err(x))]].concat(), Flaw::Key),
        ([&right[..], &[(4, Ok(1))]].concat(), Flaw::Key),
        (vec![(1, Ok(2)), right[1], right[2], right[3]], Flaw::Key),
        (vec![right[0], (3, Ok(-7)), right[2], right[3]], Flaw::Key),
        (vec![right[0], (3, Ok(-36)), right[2], right[3]], Flaw::Algorithm),
        (vec![right[0], right[2], right[3]], Flaw::Algorithm),
        (vec![right[0], right[1], right[2], (-2, Err(&x[1..]))], Flaw::Key),
        (vec![(1, Ok(2)), (3, Ok(-7)), (-1, Ok(1)), (-2, Err(x)), (-3, Err(x))], Flaw::Key),
    ] {
        assert_eq!(Key::parse(&cose(&entries)).map(drop), Err(flaw), "{entries:?}");
    }
}

#[test]
fn an_rsa_key_has_2048_bits_at_least_and_odd_numbers() {
    let modulus = |bytes: usize, last: u8| [&vec![0x80; bytes - 1][..], &[last]].concat();
    for (n, e, is_taken) in [
        (modulus(256, 1), &[1, 0, 1][..], true),
        (modulus(1024, 1), &[3], true),
        (modulus(255, 1), &[1, 0, 1], false),
        (modulus(128, 1), &[1, 0, 1], false),
        (modulus(1025, 1), &[1, 0, 1], false),
        (modulus(256, 2), &[1, 0, 1], false),
        ([&[0][..], &modulus(256, 1)].concat(), &[1, 0, 1], false),
        (modulus(256, 1), &[1], false),
        (modulus(256, 1), &[2], false),
        (modulus(256, 1), &[0, 3], false),
        (modulus(256, 1), &[1, 0, 0, 0, 0, 1], false),
        (modulus(256, 1), &[], false),
    ] {
        let key = cose(&[(1, Ok(3)), (3, Ok(-257)), (-1, Err(&n)), (-2, Err(e))]);
        assert_eq!(Key::parse(&key).is_ok(), is_taken, "{} {e:?}", n.len());
    }
}

/// Authenticator data of such flags, with bytes behind it.
fn data(flags: u8, behind: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    [&Sha256::digest("a.example")[..], &[flags], &7u32.to_be_bytes(), behind].concat()
}

#[test]
fn authenticator_data_are_as_their_flags_say() {
    let map = [0xa1, 0x61, b'x', 0xf5];
    for (bytes, outcome) in [
        (data(0x05, b""), Ok(())),
        (data(0x1d, b""), Ok(())),
        (data(0x27, b""), Ok(())),
        (data(0x85, &map), Ok(())),
        (data(0x85, &map[..3]), Err(Flaw::AuthenticatorData)),
        (data(0x85, b"\xf6"), Err(Flaw::AuthenticatorData)),
        (data(0x85, b""), Err(Flaw::AuthenticatorData)),
        (data(0x05, &map), Err(Flaw::AuthenticatorData)),
        (data(0x45, b""), Err(Flaw::AuthenticatorData)),
        (data(0x45, &[0; 20]), Err(Flaw::IdLength)),
        (data(0x05, b"")[..36].to_vec(), Err(Flaw::AuthenticatorData)),
        (data(0x04, b""), Err(Flaw::Presence)),
        (data(0x01, b""), Err(Flaw::Verification)),
        (data(0x15, b""), Err(Flaw::Backup)),
    ] {
        let read = AuthenticatorData::parse(&bytes).and_then(|data| data.check("a.example"));
        assert_eq!(read, outcome, "{bytes:x?}");
    }
    let other = AuthenticatorData::parse(&data(0x05, b"")).expect("data").check("b.a.example");
    assert_eq!(other, Err(Flaw::RelyingParty));
}

fn known() -> Known {
    Known { key: Vec::new(), counter: 0, is_backup_eligible: false, user_handle: b"u".to_vec() }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ClientData::parse(&bytes);
        let _ = Key::parse(&bytes);
        let _ = Attestation::parse(&bytes);
        let _ = AuthenticatorData::parse(&bytes);
        for flags in [0x45, 0xc5, 0x85] {
            let _ = AuthenticatorData::parse(&data(flags, &bytes));
            let _ = AuthenticatorData::parse(&data(flags, &[&[0; 16], &[0, 1, 9][..], &bytes].concat()));
        }
    }

    #[test]
    fn no_object_of_almost_the_right_form_makes_one_panic(
        place in 0usize..120, other in any::<u8>(), cut in 0usize..120,
    ) {
        let key = cose(&[(1, Ok(1)), (3, Ok(-8)), (-1, Ok(6)), (-2, Err(&[7; 32]))]);
        let made = data(0x45, &[&[0; 16], &[0, 1, 9][..], &key].concat());
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.map(3).unwrap().str("fmt").unwrap().str("packed").unwrap();
        encoder.str("attStmt").unwrap().map(2).unwrap();
        encoder.str("alg").unwrap().i64(-8).unwrap().str("sig").unwrap().bytes(b"x").unwrap();
        encoder.str("authData").unwrap().bytes(&made).unwrap();
        prop_assert!(Attestation::parse(&bytes).is_ok_and(|object| object.own.is_some()));
        let place = place.min(bytes.len() - 1);
        bytes[place] = other;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Ok(object) = Attestation::parse(&bytes) {
            let _ = AuthenticatorData::parse(object.data);
        }
    }

    #[test]
    fn no_credential_makes_a_ceremony_panic(a in ".{0,40}", b in "[A-Za-z0-9_-]{0,80}", c in any::<bool>()) {
        let client = r#"{"type":"webauthn.get","challenge":"c","origin":"https://a.example"}"#;
        let handle = if c { json!("dQ") } else { json!(a) };
        let credential = json!({
            "id": b, "rawId": b, "type": "public-key",
            "response": {
                "clientDataJSON": BASE64.encode(client), "authenticatorData": b, "attestationObject": b,
                "signature": a, "userHandle": handle, "transports": [a, 1, null],
            },
        });
        let credential = Credential::of(&credential);
        prop_assert!(ceremony::register(&site(), "c", credential).is_err());
        prop_assert!(ceremony::sign_in(&site(), "c", credential, &known()).is_err());
    }
}
