//! An assertion as a provider makes it, and each way in which it can be wrong.

use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::openid2::core::association::{Hash, Key};
use crate::openid2::core::services::Claimed;
use crate::openid2::core::{NAMESPACE, extension, hybrid};

const NOW: Timestamp = Timestamp(1_800_000_000_000); // 2027-01-15T08:00:00Z
const RETURN_TO: &str = "https://us.example/back?state=s";
const ENDPOINT: &str = "https://op.example/op";
const ID: &str = "https://op.example/alice";
const AX: &str = "http://openid.net/srv/ax/1.0";
const EMAIL: &str = "http://axschema.org/contact/email";

fn begun() -> Discovered {
    let claimed = Claimed { id: ID.into(), local_id: ID.into() };
    Discovered { endpoint: ENDPOINT.into(), claimed: Some(claimed) }
}

fn association() -> Association {
    let key = Key::from_base64(&BASE64.encode([7; 32])).expect("a key");
    Association { handle: "h".into(), hash: Hash::Sha256, key, until: NOW }
}

/// What a provider says, before it signs.
#[derive(Clone)]
struct Said(Vec<(&'static str, String)>);

fn said() -> Said {
    Said(
        [
            ("ns", NAMESPACE),
            ("mode", "id_res"),
            ("op_endpoint", ENDPOINT),
            ("claimed_id", ID),
            ("identity", ID),
            ("return_to", RETURN_TO),
            ("response_nonce", "2027-01-15T08:00:00Zabc"),
            ("assoc_handle", "h"),
            ("ns.e", AX),
            ("e.mode", "fetch_response"),
            ("e.type.m", EMAIL),
            ("e.value.m", "alice@example.test"),
            ("ns.oauth", "http://specs.openid.net/extensions/oauth/1.0"),
            ("oauth.request_token", "hyb1"),
        ]
        .map(|(key, value)| (key, value.to_owned()))
        .into(),
    )
}

impl Said {
    fn with(mut self, key: &'static str, value: &str) -> Said {
        self.0.retain(|(k, _)| *k != key);
        self.0.push((key, value.to_owned()));
        self
    }

    fn without(mut self, key: &str) -> Said {
        self.0.retain(|(k, _)| *k != key);
        self
    }

    /// The query that it becomes, with a signature over all but `unsigned`.
    fn signed_but(mut self, unsigned: &[&str]) -> String {
        let keys: Vec<&str> = self
            .0
            .iter()
            .map(|(k, _)| *k)
            .filter(|k| !["ns", "mode"].contains(k) && !unsigned.contains(k))
            .collect();
        let text: String =
            self.0.iter().filter(|(k, _)| keys.contains(k)).map(|(k, v)| format!("{k}:{v}\n")).collect();
        let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
        mac.update(text.as_bytes());
        let list = keys.join(",");
        self.0.push(("signed", list));
        self.0.push(("sig", BASE64.encode(mac.finalize().into_bytes())));
        let pairs = self.0.iter().map(|(k, v)| parameter(k, v));
        url::form_urlencoded::Serializer::new("state=s".to_owned()).extend_pairs(pairs).finish()
    }

    fn signed(self) -> String {
        self.signed_but(&[])
    }
}

fn checked(query: &str) -> Result<Checked, Refusal> {
    let came_to = format!("https://us.example/back?{query}");
    let begun = Begun { discovered: &begun(), return_to: RETURN_TO, came_to: &came_to };
    read(query)?.check(&begun, NOW)
}

fn proven(query: &str) -> Result<Proven, Refusal> {
    checked(query)?.proven_by(&association())
}

#[test]
fn what_the_provider_signed_is_proven() {
    let proven = proven(&said().signed()).expect("proven");
    assert_eq!((proven.claimed_id(), proven.endpoint()), (ID, ENDPOINT));
    assert_eq!(proven.nonce(), "2027-01-15T08:00:00Zabc");
    assert_eq!(extension::ax(&proven, EMAIL), Some("alice@example.test"));
    assert_eq!(hybrid::request_token(&proven), Some("hyb1"));
}

#[test]
fn whatever_does_not_fit_is_refused() {
    let rows = [
        ("return_to of another", said().with("return_to", "https://evil.example/back?state=s").signed()),
        ("return_to of another flow", said().with("return_to", "https://us.example/back?state=t").signed()),
        ("no return_to", said().without("return_to").signed()),
        ("another state in the address", said().signed().replace("state=s&", "state=t&")),
        ("more in the address", said().signed().replace("state=s&", "state=s&more=1&")),
        ("another provider", said().with("op_endpoint", "https://other.example/op").signed()),
        ("no provider", said().without("op_endpoint").signed()),
        ("another name at the provider", said().with("identity", "https://op.example/bob").signed()),
        ("no identity", said().without("identity").signed()),
        ("no claimed identifier", said().without("claimed_id").signed()),
        ("another way to write it", said().with("claimed_id", "https://OP.example/alice").signed()),
        ("no address", said().with("claimed_id", "javascript:alert(1)").signed()),
        ("an old nonce", said().with("response_nonce", "2027-01-15T07:54:59Zabc").signed()),
        ("a nonce of tomorrow", said().with("response_nonce", "2027-01-15T08:05:01Zabc").signed()),
        ("no nonce", said().without("response_nonce").signed()),
        ("no time in the nonce", said().with("response_nonce", "abc").signed()),
        ("a nonce in letters of many bytes", said().with("response_nonce", &"온".repeat(20)).signed()),
        (
            "a long nonce",
            said().with("response_nonce", &format!("2027-01-15T08:00:00Z{}", "a".repeat(256))).signed(),
        ),
        ("unsigned claimed_id", said().signed_but(&["claimed_id"])),
        ("unsigned identity", said().signed_but(&["identity"])),
        ("unsigned return_to", said().signed_but(&["return_to"])),
        ("unsigned nonce", said().signed_but(&["response_nonce"])),
        ("unsigned provider", said().signed_but(&["op_endpoint"])),
        ("unsigned handle", said().signed_but(&["assoc_handle"])),
        ("no signature", said().signed().replace("openid.sig=", "openid.sug=")),
        ("a changed value", said().signed().replace("alice%40", "mallory%40")),
        ("a key of another", said().with("assoc_handle", "other").signed()),
        ("a key twice", format!("{}&openid.claimed_id=x", said().signed())),
        ("OpenID 1", said().without("ns").signed()),
        ("a line break that makes another line", said().with("e.value.m", "a\nclaimed_id:b").signed()),
        ("another mode", said().with("mode", "checkid_setup").signed()),
    ];
    for (name, query) in rows {
        assert!(matches!(proven(&query), Err(Refusal::Mismatch(_))), "{name}: {:?}", proven(&query));
    }
}

#[test]
fn a_signed_list_that_names_a_key_twice_or_one_that_is_missing_is_refused() {
    let query = said().signed();
    for more in ["e.mode", "missing", ""] {
        let query = query.replace("openid.signed=", &format!("openid.signed={more}%2C"));
        assert!(matches!(checked(&query), Err(Refusal::Mismatch(_))), "{more}");
    }
}

#[test]
fn what_is_no_assertion_ends_as_it_should() {
    let ended = |mode: &str| read(&said().with("mode", mode).signed());
    for mode in ["cancel", "error", "setup_needed"] {
        assert!(matches!(ended(mode), Err(Refusal::Refused(_))), "{mode}");
    }
}

#[test]
fn an_identifier_that_was_not_asked_about_must_be_confirmed() {
    let bob = "https://op.example/bob#2";
    let checked = checked(&said().with("claimed_id", bob).with("identity", "b").signed()).expect("fits");
    assert_eq!(checked.rediscover.as_ref().map(Url::as_str), Some("https://op.example/bob"));
    assert!(checked.clone().proven_by(&association()).is_err(), "nobody has confirmed it");
    let found = |endpoint: &str, id: &str, local_id: &str| Discovered {
        endpoint: endpoint.into(),
        claimed: Some(Claimed { id: id.into(), local_id: local_id.into() }),
    };
    for other in [
        found("https://other.example/op", "https://op.example/bob", "b"),
        found(ENDPOINT, "https://op.example/carol", "b"),
        found(ENDPOINT, "https://op.example/bob", "c"),
        Discovered { endpoint: ENDPOINT.into(), claimed: None },
    ] {
        assert!(checked.clone().confirm(&other).is_err(), "{other:?}");
    }
    let confirmed = checked.confirm(&found(ENDPOINT, "https://op.example/bob", "b")).expect("confirmed");
    assert_eq!(confirmed.proven_by(&association()).expect("proven").claimed_id(), bob);
}

#[test]
fn without_a_key_the_providers_word_decides() {
    let yes = format!("ns:{NAMESPACE}\nis_valid:true\n");
    let checked = checked(&said().signed()).expect("fits");
    let question = checked.question();
    assert_eq!(question[0], parameter("mode", "check_authentication"));
    assert_eq!(question.iter().filter(|(name, _)| name == "openid.mode").count(), 1);
    assert!(question.contains(&parameter("e.value.m", "alice@example.test")));
    assert!(checked.clone().proven_by_answer(200, yes.as_bytes()).is_ok());
    for (status, body) in [
        (500, yes.as_str()),
        (302, &yes),
        (200, "is_valid:true\n"),
        (200, "<html>is_valid:true</html>"),
        (200, &yes.replace("true", "false")),
        (200, &yes.replace("true", "True")),
        (200, &format!("{yes}is_valid:true\n")),
        (200, ""),
    ] {
        assert!(checked.clone().proven_by_answer(status, body.as_bytes()).is_err(), "{status} {body}");
    }
}

#[test]
fn what_is_not_signed_is_not_told() {
    let rows: [(&str, String); 4] = [
        ("value", said().signed_but(&["e.value.m"])),
        ("type", said().signed_but(&["e.type.m"])),
        ("name", said().signed_but(&["ns.e"])),
        (
            "shadow",
            format!("{}&openid.ns.zz={}", said().signed(), AX.replace(':', "%3A").replace('/', "%2F")),
        ),
    ];
    for (name, query) in rows {
        let proven = proven(&query).expect("proven");
        assert_eq!(extension::ax(&proven, EMAIL), None, "{name}");
    }
    for unsigned in ["ns.oauth", "oauth.request_token"] {
        let proven = proven(&said().signed_but(&[unsigned])).expect("proven");
        assert_eq!(hybrid::request_token(&proven), None, "{unsigned}");
    }
}

proptest! {
    #[test]
    fn one_changed_value_never_passes(at in 0usize..12, value in "[ -~]{0,20}") {
        let mut said = said();
        let (key, before) = said.0[at].clone();
        prop_assume!(before != value && key != "mode");
        let signed = said.clone().signed();
        said.0[at].1 = value.clone();
        // the signature is the one of before
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = |value: &str| format!("&openid.{key}={}&", encode(value));
        let query = signed.replacen(&pair(&before), &pair(&value), 1);
        prop_assert!(query != signed);
        prop_assert!(proven(&query).is_err());
    }

    #[test]
    fn no_query_makes_it_panic(query in "(openid\\.|ns|mode|id_res|signed|=|&|,|%3A|http://specs.openid.net/auth/2.0|.){0,30}") {
        let _ = proven(&query);
    }
}
