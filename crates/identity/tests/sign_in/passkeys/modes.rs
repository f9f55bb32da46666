//! Every way in which a browser or an authenticator may misbehave, and what comes of it.

use serde_json::{Value, json};
use testbed::http;

use super::Outcome::{self, Refused, Taken};
use super::{CHALLENGE, check, house};
use crate::house::EMAIL;

const DATA: &str = "the authenticator data is too short, too long or not as its flags say";
const ORIGIN_FLAW: &str = "the page is at another address than this service says of itself";
const CLIENT: &str = "clientDataJSON is no JSON object, or names something twice";
const TYPE: &str = "clientDataJSON is of another ceremony";
const FRAMED: &str = "the page was shown inside a page of another site";
const SITE: &str = "the passkey is for another site";
const ABSENT: &str = "the authenticator saw nobody (user presence)";
const LOCKED: &str =
    "the authenticator did not verify the person (user verification); unlock it by a PIN, finger or face";
const BACKUP: &str = "the authenticator says that the passkey is backed up and can not be";
const BACKUP_CHANGED: &str =
    "the passkey can be backed up and could not when it was made, or the other way round";
const KEY: &str = "the public key is none that can be used";
const SIGNATURE: &str = "the signature is wrong";
const HANDLE: &str = "the passkey does not say that it is of the account that it was made for";
const COUNTER: &str =
    "the passkey's counter went back, as if there were two of it; delete it and add a new one";

/// Every way in which a browser or an authenticator may misbehave when a passkey is made, and what comes of it.
const REGISTER: [(&str, i64, Outcome); 25] = [
    ("", -8, Taken),
    ("", -7, Taken),
    ("", -257, Taken),
    ("wrong_challenge", 0, Refused(CHALLENGE)),
    ("wrong_origin", 0, Refused(ORIGIN_FLAW)),
    ("sub_origin", 0, Refused(ORIGIN_FLAW)),
    ("wrong_port", 0, Refused(ORIGIN_FLAW)),
    ("wrong_rp", 0, Refused(SITE)),
    ("wrong_type", 0, Refused(TYPE)),
    ("cross_origin", 0, Refused(FRAMED)),
    ("no_up", 0, Refused(ABSENT)),
    ("no_uv", 0, Refused(LOCKED)),
    ("backup_without_eligible", 0, Refused(BACKUP)),
    // it is bound to its device then, which is as good
    ("be_flip", 0, Taken),
    ("short_authdata", 0, Refused(DATA)),
    ("trailing", 0, Refused(DATA)),
    ("no_at", 0, Refused(DATA)),
    ("alg_not_offered", 0, Refused("the public key is of an algorithm that was not offered")),
    ("point_off_curve", -7, Refused(KEY)),
    ("rsa_small", -257, Refused(KEY)),
    ("id_too_long", 0, Refused("the credential's id is empty or longer than 1023 bytes")),
    ("id_mismatch", 0, Refused("the credential's id and rawId differ")),
    ("bom_json", 0, Taken),
    ("dup_json", 0, Refused(CLIENT)),
    ("fmt_unknown", 0, Taken),
];

/// The same when somebody signs in.
const SIGN_IN: [(&str, Outcome); 23] = [
    ("", Taken),
    ("wrong_challenge", Refused(CHALLENGE)),
    ("wrong_origin", Refused(ORIGIN_FLAW)),
    ("sub_origin", Refused(ORIGIN_FLAW)),
    ("wrong_port", Refused(ORIGIN_FLAW)),
    ("wrong_rp", Refused(SITE)),
    ("wrong_type", Refused(TYPE)),
    ("cross_origin", Refused(FRAMED)),
    ("no_up", Refused(ABSENT)),
    ("no_uv", Refused(LOCKED)),
    ("bad_sig", Refused(SIGNATURE)),
    ("other_key", Refused(SIGNATURE)),
    // the signature is of this account's passkey, the id of the other's
    ("other_credential", Refused(HANDLE)),
    ("other_user_handle", Refused(HANDLE)),
    ("no_user_handle", Refused(HANDLE)),
    ("backup_without_eligible", Refused(BACKUP)),
    ("be_flip", Refused(BACKUP_CHANGED)),
    ("short_authdata", Refused(DATA)),
    ("trailing", Refused(DATA)),
    ("bom_json", Taken),
    // the answer before this one, once more
    ("replay", Refused(CHALLENGE)),
    ("dup_json", Refused(CLIENT)),
    ("", Taken),
];

#[tokio::test]
async fn a_new_passkey_is_taken_when_all_is_right_and_refused_when_anything_is_not() {
    let Some(house) = house().await else { return };
    let token = house.house.token().await;
    let mut kept = 0;
    for (mode, algorithm, wanted) in REGISTER {
        let answer = house.try_register(&token, algorithm, mode).await;
        check(&format!("{mode} {algorithm}"), &answer, wanted);
        kept += usize::from(wanted == Taken);
        assert_eq!(house.rows().await.len(), kept, "{mode}");
    }
    for algorithm in [-8, -7, -257] {
        check("fmt_packed_self", &house.try_register(&token, algorithm, "fmt_packed_self").await, Taken);
    }
}

#[tokio::test]
async fn a_passkey_signs_in_when_all_is_right_and_not_when_anything_is_not() {
    let Some(house) = house().await else { return };
    let (token, (_, others)) = (house.house.token().await, house.other().await);
    house.registered(&others, 0).await;
    for algorithm in [-8, -7, -257] {
        let mine = house.registered(&token, algorithm).await;
        for (mode, wanted) in SIGN_IN {
            let answer = house.try_sign_in(&mine, mode).await;
            check(&format!("{mode} {algorithm}"), &answer, wanted);
            if wanted == Taken {
                assert_eq!(answer.1["record"]["email"], json!(EMAIL));
                let holder = house.house.holder(answer.1["token"].as_str().expect("a token")).await;
                assert_eq!(holder.expect("a token").row.id, house.house.user);
            }
        }
    }
}

#[tokio::test]
async fn every_misbehaviour_that_the_authenticator_knows_has_been_tried() {
    let Some(house) = house().await else { return };
    let state = http::send("GET", &format!("{}/__test/state", house.peer.base()), &[], "").body;
    let state: Value = serde_json::from_str(&state).expect("JSON");
    let known: Vec<&String> = state["modes"].as_object().expect("modes").keys().collect();
    assert_eq!(known.len(), 31, "{known:?}");
    let tried = REGISTER.iter().map(|row| row.0).chain(SIGN_IN.iter().map(|row| row.0));
    let tried: Vec<&str> = tried.chain(["fmt_packed_self", "counter_back", "counter_same"]).collect();
    for mode in known {
        assert!(tried.contains(&mode.as_str()), "{mode}");
    }
}
