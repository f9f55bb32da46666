//! The legs against a provider that others wrote, which checks each signature, and against each way in which it misbehaves.

use base::secret::Secret;
use serde_json::Value;
use testbed::SignInPeer;

use super::client::Client;
use super::core::answer::Access;
use super::core::sign::Credentials;
use super::settings::Settings;
use crate::fetch::{Fetch, Limits, Request};
use crate::refusal::Refusal;

/// With a query of its own, of reserved characters and of more than ASCII.
const CALLBACK: &str = "http://127.0.0.1:9/back?state=a%26b%3D%20c&q=%EC%98%A8%EB%8F%8C+(~!*')";

struct House {
    peer: SignInPeer,
    fetch: Fetch,
    settings: Settings,
    consumer: Credentials,
}

fn house() -> Option<House> {
    let peer = testbed::sign_in_peer("oauth1", &["--auto", "approve"])?;
    let at = |path: &str| format!("{}/oauth/{path}", peer.base());
    let settings = Settings {
        request_token: at("request_token"),
        authorize: at("authenticate"),
        access_token: at("access_token"),
        signature: "HMAC-SHA1".into(),
        denied_param: "denied".into(),
    };
    let consumer = Credentials {
        key: "ondolconsumer0000000001".into(),
        secret: Secret::new("ondol-consumer-secret-0000000000000000001"),
    };
    let fetch = Fetch::new(Limits { may_ask_loopback: true, ..Limits::default() });
    Some(House { peer, fetch, settings, consumer })
}

impl House {
    fn client(&self) -> Client<'_> {
        // the peer looks at the time of a signature
        let now = base::time::Clock::System.now();
        Client { fetch: &self.fetch, settings: &self.settings, consumer: &self.consumer, now }
    }

    /// A whole round, up to the access token.
    async fn round(&self) -> Result<Access, Refusal> {
        let (begun, to) = self.client().begin(CALLBACK).await?;
        let back = self.peer.visit(to.as_str()).location().expect("it leads back").to_owned();
        assert!(back.starts_with(CALLBACK), "{back}");
        let (_, query) = back.split_once('?').expect("a query");
        self.client().finish(&begun, query).await
    }

    /// Asks who the account is.
    async fn profile(&self, access: &Access) -> (u16, Value) {
        let text = format!(
            "{}/1.1/account/verify_credentials.json?include_email=true&skip=a%20%2Bb",
            self.peer.base()
        );
        let url = url::Url::parse(&text).expect("an address");
        let header = self.client().authorization(&access.token, &url);
        let request = Request::get(url).header(hyper::header::AUTHORIZATION, &header);
        let answer = self.fetch.send(request).await.expect("an answer");
        (answer.status.as_u16(), answer.json().unwrap_or_default())
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
    let access = house.round().await.expect("an access token");
    assert_eq!(access.rest.get("user_id"), Some("10001"));
    let (status, profile) = house.profile(&access).await;
    assert_eq!((status, profile["email"].as_str()), (200, Some("alice@example.test")));
    let secret = house.consumer.secret.reveal();
    assert!(!house.peer.log().contains(secret), "the secret was sent");
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
    let (begun, to) = house.client().begin(CALLBACK).await.expect("a token");
    let back = house.peer.visit(to.as_str()).location().expect("it leads back").to_owned();
    let (_, query) = back.split_once('?').expect("a query");
    house.client().finish(&begun, query).await.expect("an access token");
    let refusal = house.client().finish(&begun, query).await.err();
    assert!(matches!(refusal, Some(Refusal::Mismatch(_))), "{refusal:?}");
}
