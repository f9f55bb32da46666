//! The legs against a provider that others wrote, which checks each signature, and against each way in which it misbehaves.

use base::error::{Fault, Kind, chain};
use base::secret::Secret;
use serde_json::Value;
use testbed::SignInPeer;

use super::client::{Client, consumer};
use super::core::sign::Credentials;
use crate::fetch::{Fetch, Limits};
use crate::provider::{self, Profile, Provider, Written};
use crate::refusal::Refusal;

/// With a query of its own, of reserved characters and of more than ASCII.
const CALLBACK: &str = "http://127.0.0.1:9/back?state=a%26b%3D%20c&q=%EC%98%A8%EB%8F%8C+(~!*')";

struct House {
    peer: SignInPeer,
    fetch: Fetch,
    provider: Provider,
    consumer: Credentials,
}

fn house() -> Option<House> {
    let peer = testbed::sign_in_peer("oauth1", &["--auto", "approve"])?;
    // the preset as it is, at another address
    let table = format!(
        r#"
            vars = {{ base = "{}" }}
            client_id = "ondolconsumer0000000001"
            request_token = "{{base}}/oauth/request_token"
            authorize = "{{base}}/oauth/authenticate"
            access_token = "{{base}}/oauth/access_token"
            [[fetch]]
            name = "me"
            url = "{{base}}/1.1/account/verify_credentials.json"
            query = {{ include_email = "true", skip_status = "true", odd = "a b+c/온돌~" }}
            auth = "oauth1"
        "#,
        peer.base()
    );
    let table = table.parse().expect("TOML");
    let secret = Secret::new("ondol-consumer-secret-0000000000000000001");
    let layer = Written { table, secret: Some(secret) };
    let provider = provider::load("twitter", &[&layer], true).expect("a provider");
    let consumer = consumer(&provider);
    let fetch = Fetch::new(Limits { may_ask_loopback: true, ..Limits::default() });
    Some(House { peer, fetch, provider, consumer })
}

impl House {
    fn client(&self) -> Client<'_> {
        // the peer looks at the time of a signature
        let now = base::time::Clock::System.now();
        let provider::Kind::OAuth1(settings) = &self.provider.kind else { panic!("another kind") };
        Client { fetch: &self.fetch, settings, consumer: &self.consumer, now }
    }

    /// A round as the person walks it: what was begun, and the query that they come back with.
    async fn walk(&self) -> Result<(Credentials, String), Refusal> {
        let (begun, to) = self.client().begin(CALLBACK).await?;
        let back = self.peer.visit(to.as_str()).location().expect("it leads back").to_owned();
        assert!(back.starts_with(CALLBACK), "{back}");
        let (_, query) = back.split_once('?').expect("a query");
        Ok((begun, query.to_owned()))
    }

    /// A whole round, up to the profile.
    async fn round(&self) -> Result<Profile, Refusal> {
        let (begun, query) = self.walk().await?;
        let documents = self.client().run(&self.provider, &begun, &query).await?;
        provider::read(&self.provider.about, &self.provider.client_id, &documents)
    }

    /// The paths that were asked.
    fn asked(&self) -> Vec<String> {
        let log: Vec<Value> = serde_json::from_str(&self.peer.log()).expect("a list");
        log.iter().filter_map(|entry| entry["path"].as_str()).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn every_signature_is_accepted_by_a_library_that_we_did_not_write() {
    let Some(house) = house() else { return };
    let profile = house.round().await.expect("a profile");
    assert_eq!((profile.subject.as_str(), profile.login.as_str()), ("10001", "alice"));
    let address = profile.address.expect("an address");
    assert_eq!((address.text.as_str(), address.is_verified), ("alice@example.test", true));
    let secret = house.consumer.secret.reveal();
    assert!(!house.peer.log().contains(secret), "the secret was sent");
}

#[tokio::test]
async fn a_profile_that_is_not_to_be_trusted_is_nobodys() {
    let Some(house) = house() else { return };
    for (mode, why) in [
        ("user_mismatch", "do not agree"),
        ("revoked", "status 401"),
        ("rate_limited", "status 429"),
        ("huge", "is longer than 1 MiB"),
    ] {
        house.peer.reset();
        house.peer.tell(&format!(r#"{{ "mode": "{mode}" }}"#));
        let refusal = house.round().await.expect_err(mode);
        assert!(chain(&refusal).contains(why), "{mode}: {}", chain(&refusal));
        let may_try_later = refusal.kind() == Kind::Unavailable;
        assert!(may_try_later || mode != "rate_limited", "{mode}");
    }
    house.peer.tell(r#"{ "mode": "no_email" }"#);
    assert_eq!(house.round().await.expect("a profile").address, None);
}

#[tokio::test]
async fn a_number_that_floats_can_not_hold_is_the_subject_to_its_last_digit() {
    let Some(house) = house() else { return };
    house.peer.tell(r#"{ "mode": "big_id" }"#);
    // the token's answer names the number of before, and so it is not let in
    assert!(house.round().await.is_err());
    let mut lenient = house.provider.clone();
    lenient.about.require.clear();
    let house = House { provider: lenient, ..house };
    assert_eq!(house.round().await.expect("a profile").subject, "9007199254740995");
}

#[tokio::test]
async fn a_round_that_is_not_as_it_was_begun_ends_before_the_next_leg() {
    let Some(house) = house() else { return };
    let begin: &[&str] = &["/oauth/request_token"];
    let come_back: &[&str] = &["/oauth/request_token", "/oauth/authenticate"];
    let exchange: &[&str] = &["/oauth/request_token", "/oauth/authenticate", "/oauth/access_token"];
    for (mode, asked) in [
        ("callback_unconfirmed", begin),
        ("request_token_html", begin),
        ("request_token_401", begin),
        ("swap_token", come_back),
        ("dup_token", come_back),
        ("no_verifier", come_back),
        ("wrong_verifier", exchange),
        ("expired_token", exchange),
        ("access_no_secret", exchange),
    ] {
        house.peer.reset();
        house.peer.tell(&format!(r#"{{ "mode": "{mode}" }}"#));
        let refusal = house.round().await.err();
        assert!(matches!(refusal, Some(Refusal::Mismatch(_))), "{mode}: {refusal:?}");
        assert_eq!(house.asked(), asked, "{mode}");
    }
}

#[tokio::test]
async fn whoever_declines_is_not_suspected() {
    let Some(house) = house() else { return };
    house.peer.tell(r#"{ "auto": "deny" }"#);
    let refusal = house.round().await.err();
    assert!(matches!(refusal, Some(Refusal::Refused(_))), "{refusal:?}");
}

#[tokio::test]
async fn a_request_token_and_a_signature_are_good_for_once() {
    let Some(house) = house() else { return };
    let (begun, query) = house.walk().await.expect("a token");
    house.client().finish(&begun, &query).await.expect("an access token");
    let refusal = house.client().finish(&begun, &query).await.err();
    assert!(matches!(refusal, Some(Refusal::Mismatch(_))), "{refusal:?}");
}
