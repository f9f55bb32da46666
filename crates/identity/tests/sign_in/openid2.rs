//! Rounds of OpenID 2.0 against a provider that others wrote: each way in which it misbehaves, and what came of it.

use std::path::Path;
use std::time::Duration;

use base::error::chain;
use base::secret::Secret;
use base::time::Clock;
use identity::fetch::{Fetch, Limits};
use identity::oauth1::client::Client;
use identity::oauth1::core::sign::Credentials;
use identity::openid2::core::assertion::{Proven, SKEW_MAX};
use identity::openid2::core::association::{Association, Hash, Key};
use identity::openid2::core::hybrid;
use identity::openid2::core::identifier::{Allowed, normalise};
use identity::openid2::round::{Party, Round};
use identity::openid2::{Error, Settings, kept};
use records::Records;
use serde_json::Value;
use store::{Engine, Store};
use testbed::SignInPeer;

const EMAIL: &str = "http://axschema.org/contact/email";
const CONSUMER: &str = "ondolconsumer0000000001";
/// Has a query of its own, as every address that a round comes back to.
const BACK: &str = "http://127.0.0.1:9/api/back?state=s%20t";

/// Records, a provider, and what joins them.
struct House {
    _dir: tempfile::TempDir,
    _database: Option<testbed::Database>,
    records: Records,
    peer: SignInPeer,
    fetch: Fetch,
    allowed: Allowed,
    settings: Settings,
}

async fn house() -> Option<House> {
    let peer = testbed::sign_in_peer("openid2", &["--auto", "approve"])?;
    let dir = tempfile::tempdir().expect("a folder");
    // the peer's clock is the machine's
    let (records, database) = records(dir.path(), Clock::System).await;
    let fetch = Fetch::new(Limits { may_ask_loopback: true, ..Limits::default() });
    let allowed = Allowed::parse([peer.base().as_str()]).expect("a list");
    let ax = [("email".to_owned(), EMAIL.to_owned())].into();
    let settings = Settings { ax, sreg: vec!["nickname".into()], ..Settings::default() };
    Some(House { _dir: dir, _database: database, records, peer, fetch, allowed, settings })
}

/// Records on the engine of this run.
async fn records(dir: &Path, clock: Clock) -> (Records, Option<testbed::Database>) {
    let database = testbed::chosen();
    let mut config = store::Config::new(dir);
    if let Some(database) = &database {
        config.engine = Engine::from_url(&database.url()).expect("a server's address");
    }
    let store = Store::open(config, clock.clone()).await.expect("a store");
    let records = Records::open(store, clock, records::Limits::default()).await.expect("records");
    (records, database)
}

/// A round that was begun: what is kept of it, and what the provider has sent the browser back with.
struct Begun {
    round: Round,
    came_to: String,
    parameters: String,
}

impl House {
    fn party(&self) -> Party<'_> {
        Party { fetch: &self.fetch, records: &self.records, allowed: &self.allowed, hash: Hash::Sha256 }
    }

    async fn begin(&self, path: &str) -> Result<Begun, Error> {
        let identifier = normalise(&format!("{}{path}", self.peer.base())).expect("an identifier");
        let asked = [self.settings.questions(), hybrid::ask(CONSUMER, "profile")].concat();
        let (round, to) = self.party().begin(&identifier, BACK, "http://127.0.0.1:9/", &asked).await?;
        let answer = self.peer.visit(to.as_str());
        Ok(match answer.location() {
            Some(back) => {
                let query = back.split_once('?').expect("a query").1.to_owned();
                Begun { round, came_to: back.to_owned(), parameters: query }
            }
            None => Begun { round, came_to: BACK.to_owned(), parameters: posted(&answer.body) },
        })
    }

    async fn finish(&self, begun: &Begun) -> Result<Proven, Error> {
        self.party().finish(&begun.round, &begun.came_to, &begun.parameters).await
    }

    async fn sign_in(&self, path: &str) -> Result<Proven, Error> {
        let begun = self.begin(path).await?;
        self.finish(&begun).await
    }

    fn misbehave(&self, mode: &str) {
        self.peer.reset();
        self.peer.tell(&format!(r#"{{ "mode": "{mode}" }}"#));
    }

    /// How often the provider was asked in a mode of the protocol.
    fn asked(&self, mode: &str) -> usize {
        let log: Vec<Value> = serde_json::from_str(&self.peer.log()).expect("a list");
        let is_mode = |entry: &&Value| {
            let pairs = entry["form"].as_array().into_iter().flatten();
            pairs.clone().any(|pair| pair[0] == "openid.mode" && pair[1] == mode)
        };
        log.iter().filter(is_mode).count()
    }

    /// Lets the key that was agreed on be forgotten by us, so that the next round agrees on a new one.
    async fn forget_key(&self) {
        let endpoint = format!("{}/op", self.peer.base());
        let soon = self.records.clock().now();
        if let Some(key) = kept::association(&self.records, &endpoint, soon).await.expect("reads") {
            kept::forget(&self.records, &endpoint, &key.handle).await.expect("writes");
        }
    }
}

/// The parameters of a form that a page posts by itself.
fn posted(page: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for input in page.split("<input ").skip(1) {
        let value = |name: &str| {
            let text = input.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
            Some(text.replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&"))
        };
        pairs.append_pair(&value("name").expect("a name"), &value("value").expect("a value"));
    }
    pairs.finish()
}

fn words(result: &Result<Proven, Error>) -> String {
    match result {
        Ok(proven) => format!("signed in as {}", proven.claimed_id()),
        Err(error) => chain(error),
    }
}

#[tokio::test]
async fn a_person_signs_in_and_the_key_is_agreed_on_once() {
    let Some(house) = house().await else { return };
    let base = house.peer.base();
    for path in ["/", "/id/header/alice", "/id/delegate/alice", "/id/html/alice", "/id/redirect/alice"] {
        let proven = house.sign_in(path).await.unwrap_or_else(|error| panic!("{path}: {}", chain(&error)));
        let told = house.settings.told(&proven);
        let claimed = match path {
            "/" => "/id/header/alice",
            "/id/redirect/alice" => "/id/html/alice",
            path => path,
        };
        assert_eq!(told["claimed_id"], format!("{base}{claimed}"), "{path}");
        assert_eq!(
            (&told["email"], &told["nickname"]),
            (&"alice@example.test".into(), &"alice".into()),
            "{path}"
        );
    }
    assert_eq!((house.asked("associate"), house.asked("check_authentication")), (1, 0));
}

#[tokio::test]
async fn a_provider_that_knows_the_older_hash_only_agrees_on_a_key_by_it() {
    let Some(house) = house().await else { return };
    let party = Party { hash: Hash::Sha1, ..house.party() };
    let identifier = normalise(&house.peer.base()).expect("an identifier");
    let asked = house.settings.questions();
    let (round, to) = party.begin(&identifier, BACK, "http://127.0.0.1:9/", &asked).await.expect("begins");
    assert!(to.as_str().contains("HMAC-SHA1"), "{to}");
    let back = house.peer.visit(to.as_str()).location().expect("back").to_owned();
    let (_, query) = back.split_once('?').expect("a query");
    party.finish(&round, &back, query).await.expect("signs in");
    assert_eq!((house.asked("associate"), house.asked("check_authentication")), (1, 0));
}

#[tokio::test]
async fn an_assertion_is_good_for_one_sign_in_whoever_sends_it_again() {
    let Some(house) = house().await else { return };
    let begun = house.begin("/").await.expect("begins");
    let all = futures_util::future::join_all((0..8).map(|_| house.finish(&begun))).await;
    assert_eq!(
        all.iter().filter(|one| one.is_ok()).count(),
        1,
        "{:?}",
        all.iter().map(words).collect::<Vec<_>>()
    );
    assert!(house.finish(&begun).await.is_err());
}

#[tokio::test]
async fn a_provider_that_does_not_prove_the_person_is_refused() {
    let Some(house) = house().await else { return };
    for (mode, path, why) in [
        ("bad_sig", "/", "signature is wrong"),
        ("old_nonce", "/", "too old"),
        ("future_nonce", "/", "too old, or from the future"),
        ("no_nonce", "/", "no nonce"),
        ("other_return_to", "/", "another address"),
        ("foreign_claimed_id", "/", "another provider"),
        ("foreign_op_endpoint", "/", "another provider"),
        ("unsigned_claimed_id", "/", "leaves out what counts"),
        ("swapped_claimed_id", "/", "signature is wrong"),
        ("swapped_claimed_id", "/id/header/alice", "signature is wrong"),
        ("dup_param", "/", "a parameter twice"),
        ("no_identity", "/", "about nobody"),
        ("openid1_response", "/", "no message of OpenID 2.0"),
        ("error_mode", "/", "the provider refused: error"),
        ("cancel", "/", "the provider refused: cancel"),
    ] {
        house.misbehave(mode);
        let result = house.sign_in(path).await;
        assert!(result.as_ref().is_err_and(|error| chain(error).contains(why)), "{mode}: {}", words(&result));
        assert_eq!(house.asked("check_authentication"), 0, "{mode}: nothing more was asked");
    }
    house.misbehave("");
    house.sign_in("/").await.expect("a nonce is used");
    house.misbehave("reuse_nonce");
    let result = house.sign_in("/").await;
    assert!(words(&result).contains("used before"), "{}", words(&result));
}

#[tokio::test]
async fn a_provider_whose_key_is_worth_nothing_is_asked_about_each_assertion() {
    let Some(house) = house().await else { return };
    for mode in [
        "assoc_refuse",
        "assoc_plaintext",
        "assoc_downgrade",
        "assoc_type_swap",
        "assoc_dh_one",
        "assoc_short_mac",
        "assoc_instant_expiry",
        "unknown_handle",
    ] {
        house.forget_key().await;
        house.misbehave(mode);
        let result = house.sign_in("/").await;
        assert!(result.is_ok(), "{mode}: {}", words(&result));
        assert_eq!(house.asked("check_authentication"), 1, "{mode}");
    }
    for (mode, why) in [
        ("checkauth_false", "disowns its signature"),
        ("checkauth_html", "does not say whether"),
        ("checkauth_500", "status 500"),
    ] {
        house.forget_key().await;
        house.misbehave("assoc_refuse");
        let begun = house.begin("/").await.expect("begins");
        house.misbehave(mode);
        let result = house.finish(&begun).await;
        assert!(words(&result).contains(why), "{mode}: {}", words(&result));
    }
}

#[tokio::test]
async fn a_key_that_the_provider_forgot_is_forgotten_here() {
    let Some(house) = house().await else { return };
    let endpoint = format!("{}/op", house.peer.base());
    let key = Key::from_base64("AAAA").expect("a key");
    let until = house.records.clock().now().after(Duration::from_secs(86_400));
    let association = Association { handle: "gone".into(), hash: Hash::Sha256, key, until };
    kept::keep(&house.records, &endpoint, &association).await.expect("writes");
    for asked in [(0, 1), (1, 1)] {
        house.sign_in("/").await.expect("signs in");
        assert_eq!((house.asked("associate"), house.asked("check_authentication")), asked);
    }
}

#[tokio::test]
async fn an_answer_may_come_as_a_form() {
    let Some(house) = house().await else { return };
    house.misbehave("post_response");
    house.sign_in("/").await.expect("signs in");
}

#[tokio::test]
async fn what_is_not_signed_is_not_believed() {
    let Some(house) = house().await else { return };
    for mode in ["ax_shadow", "unsigned_ax"] {
        house.misbehave(mode);
        let proven = house.sign_in("/").await.unwrap_or_else(|error| panic!("{mode}: {}", chain(&error)));
        assert!(!house.settings.told(&proven).contains_key("email"), "{mode}");
    }
    for (mode, has_token) in [("", true), ("hybrid_declined", false), ("hybrid_unsigned", false)] {
        house.misbehave(mode);
        let proven = house.sign_in("/").await.unwrap_or_else(|error| panic!("{mode}: {}", chain(&error)));
        assert_eq!(hybrid::request_token(&proven).is_some(), has_token, "{mode}");
    }
}

#[tokio::test]
async fn the_hybrids_token_is_exchanged_once_and_only_by_whom_it_is_for() {
    let Some(house) = house().await else { return };
    let secret = Secret::new("ondol-consumer-secret-0000000000000000001");
    let consumer = Credentials { key: CONSUMER.into(), secret };
    let access_token = format!("{}/oauth/access_token", house.peer.base());
    let settings = identity::oauth1::Settings { access_token, ..Default::default() };
    let now = Clock::System.now();
    let client = Client { fetch: &house.fetch, settings: &settings, consumer: &consumer, now };
    for (mode, is_exchanged) in [("", true), ("hybrid_foreign", false)] {
        house.misbehave(mode);
        let proven = house.sign_in("/").await.expect("signs in");
        let key = hybrid::request_token(&proven).expect("a token").to_owned();
        let request = Credentials { key, secret: Secret::new("") };
        assert_eq!(client.exchange(&request, None).await.is_ok(), is_exchanged, "{mode}");
        assert!(client.exchange(&request, None).await.is_err(), "{mode}: twice");
    }
}

#[tokio::test]
async fn a_nonce_is_remembered_for_as_long_as_it_could_be_sent_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(base::time::Timestamp(1_800_000_000_000));
    let (records, _database) = records(dir.path(), clock.clone()).await;
    let uses_up =
        async |endpoint: &str, nonce: &str| kept::use_up(&records, endpoint, nonce).await.expect("writes");
    assert!(uses_up("https://op.example/", "1").await);
    assert!(!uses_up("https://op.example/", "1").await);
    assert!(uses_up("https://other.example/", "1").await, "another provider's nonces are its own");
    let Clock::Manual(now) = &clock else { panic!("a manual clock") };
    let longest = i64::try_from(SKEW_MAX.as_millis()).expect("small") * 2;
    now.fetch_add(longest, std::sync::atomic::Ordering::SeqCst);
    assert!(!uses_up("https://op.example/", "1").await);
    now.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    assert!(uses_up("https://op.example/", "2").await);
    let flows = records.catalog().find("_flows").expect("there").clone();
    let left = store::query::Select::table(&flows.table());
    assert_eq!(records.store().reader().await.expect("reads").count(&left).await.expect("counts"), 1);
}
