//! OAuth 2.0 in its dialects, and every way in which the provider or somebody between may cheat.

use identity::provider::OnService;
use serde_json::json;
use testbed::{SignInPeer, sign_in_peer};

use super::browser::{Ended, asked};
use super::house::{House, SECRET, on_service};

/// The dialects as presets, with the peer's addresses in place of the true ones.
pub(crate) fn providers(base: &str) -> Vec<(&'static str, OnService)> {
    let preset = |preset: &str, addresses: &str| {
        let text = format!(
            "preset = \"{preset}\"\nclient_id = \"ondol-client\"\n{}",
            addresses.replace("BASE", base)
        );
        on_service(&text, SECRET)
    };
    vec![
        ("x", preset("x", X)),
        ("github", preset("github", GITHUB)),
        ("kakao", preset("kakao", KAKAO)),
        ("naver", preset("naver", NAVER)),
        ("facebook", preset("facebook", FACEBOOK)),
    ]
}

const X: &str = r#"
authorize = "BASE/x/i/oauth2/authorize"
token = "BASE/x/2/oauth2/token"
fetch = [{ name = "me", url = "BASE/x/2/users/me", query = { "user.fields" = "confirmed_email,profile_image_url" } }]
"#;
const GITHUB: &str = r#"
authorize = "BASE/github/login/oauth/authorize"
token = "BASE/github/login/oauth/access_token"
fetch = [{ name = "me", url = "BASE/github/user" }, { name = "mails", url = "BASE/github/user/emails", optional = true }]
"#;
const KAKAO: &str = r#"
authorize = "BASE/kakao/oauth/authorize"
token = "BASE/kakao/oauth/token"
fetch = [{ name = "me", url = "BASE/kakao/v2/user/me" }]
"#;
const NAVER: &str = r#"
authorize = "BASE/naver/oauth2.0/authorize"
token = "BASE/naver/oauth2.0/token"
fetch = [{ name = "me", url = "BASE/naver/v1/nid/me" }]
"#;
const FACEBOOK: &str = r#"
authorize = "BASE/facebook/{v}/dialog/oauth"
token = "BASE/facebook/{v}/oauth/access_token"
[[fetch]]
name = "me"
url = "BASE/facebook/{v}/me"
query = { fields = "id,name,email,picture" }
derive = { appsecret_proof = "hmac_sha256_hex(client_secret, access_token)" }
[[fetch]]
name = "dbg"
url = "BASE/facebook/debug_token"
query = { input_token = "{access_token}", access_token = "{client_id}|{client_secret}" }
auth = "none"
"#;

/// What must come of a misbehaviour.
enum Wanted {
    /// The client hears nothing, and nothing is sent to the provider.
    Unheard,
    /// It hears of an error, and nothing is sent to the provider.
    Error(&'static str),
    /// Its code is not even shown to the provider.
    KeptBack,
    /// The provider is asked, and nobody gets in.
    Out,
    /// All is well.
    In,
}

async fn opened() -> Option<(SignInPeer, House)> {
    let peer = sign_in_peer("oauth2", &["--auto", "approve"])?;
    let house = House::open(providers(&peer.base())).await;
    Some((peer, house))
}

#[tokio::test]
async fn everybody_signs_in_through_every_dialect() {
    let Some((peer, house)) = opened().await else { return };
    for (provider, subject, email, is_verified) in [
        ("x", "10001", "alice@example.test", true),
        ("github", "10001", "alice@example.test", true),
        ("kakao", "10001", "alice@example.test", true),
        ("naver", "10001", "alice@example.test", false),
        ("facebook", "10001", "alice@example.test", false),
    ] {
        house.delete_users().await;
        let Ended::Answered(status, body) = house.sign_in(&peer, provider, "").await else {
            panic!("{provider}")
        };
        assert_eq!(status, 200, "{provider}: {body}");
        let (record, meta) = (&body["record"], &body["meta"]);
        assert_eq!(
            (&record["email"], &record["verified"], &record["name"]),
            (&json!(email), &json!(is_verified), &json!("Alice Kim")),
            "{provider}: {body}"
        );
        assert_eq!(
            (&meta["id"], &meta["isNew"], &meta["email"]),
            (&json!(subject), &json!(true), &json!(email))
        );
        assert!(
            meta["rawUser"].is_object()
                && meta["accessToken"].as_str().is_some_and(|token| token.starts_with("at-"))
        );
        let id = record["id"].as_str().expect("an id").to_owned();
        assert_eq!(
            house.holder(body["token"].as_str().expect("a token")).await,
            Some(id.clone()),
            "{provider}"
        );
        let again = house.sign_in(&peer, provider, "").await;
        assert_eq!(again.account(), id, "{provider}: the same account");
        let Ended::Answered(_, body) = again else { panic!("{provider}") };
        assert_eq!(body["meta"]["isNew"], false);
        assert_eq!(house.users().await, 1, "{provider}");
    }
    let none = house.sign_in(&peer, "github", "&user=noemail").await.account();
    assert_eq!(house.values(&none).await["email"], "");
}

#[tokio::test]
async fn each_way_to_cheat_ends_as_it_should() {
    use Wanted::{Error, In, KeptBack, Out, Unheard};
    let Some((peer, house)) = opened().await else { return };
    for (provider, mode, wanted) in [
        ("x", "wrong_state", Unheard),
        ("x", "no_state", Unheard),
        ("x", "dup_state", Unheard),
        ("x", "error_no_state", Unheard),
        ("x", "error_redirect", Error("server_error")),
        ("x", "iss_other", KeptBack),
        ("github", "iss_other", KeptBack),
        ("x", "code_of_attacker", Out),
        ("kakao", "code_of_attacker", Out),
        ("github", "code_of_attacker", Out),
        ("x", "token_html", Out),
        ("x", "token_500", Out),
        ("github", "token_200_error", Out),
        ("naver", "token_200_error", Out),
        ("x", "token_redirect", Out),
        ("facebook", "token_redirect", Out),
        ("x", "token_type_mac", Out),
        ("x", "token_no_access", Out),
        ("x", "token_slow", Out),
        ("x", "profile_401", Out),
        ("kakao", "profile_401", Out),
        ("x", "profile_huge", Out),
        ("x", "profile_no_id", Out),
        ("kakao", "profile_no_id", Out),
        ("github", "profile_id_null", Out),
        ("facebook", "other_app_token", Out),
        ("x", "expires_string", In),
        ("x", "expires_negative", In),
        ("github", "scope_shrunk", In),
        ("x", "code_twice", In),
    ] {
        peer.reset();
        peer.tell(&json!({ "mode": mode }).to_string());
        let ended = house.sign_in(&peer, provider, "&user=bob").await;
        let exchanges = asked(&peer, "token");
        let is_so = match wanted {
            Unheard => matches!(ended, Ended::Unheard) && exchanges == 0,
            Error(code) => matches!(&ended, Ended::Error(told) if told == code) && exchanges == 0,
            KeptBack => matches!(&ended, Ended::Answered(400, _)) && exchanges == 0,
            Out => {
                matches!(&ended, Ended::Answered(400 | 503, _)) && ended.token().is_none() && exchanges >= 1
            }
            In => ended.token().is_some(),
        };
        assert!(is_so, "{provider} {mode}: {ended:?}, {exchanges} exchanges");
        let text = format!("{ended:?}");
        assert!(
            !text.contains("<script>") && !text.contains(SECRET) && !text.contains("maintenance"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_number_or_a_text_is_the_same_person() {
    let Some((peer, house)) = opened().await else { return };
    for provider in ["x", "github", "kakao"] {
        peer.reset();
        let first = house.sign_in(&peer, provider, "&user=noemail").await.account();
        peer.tell(r#"{ "mode": "profile_id_swapped_type" }"#);
        assert_eq!(house.sign_in(&peer, provider, "&user=noemail").await.account(), first, "{provider}");
    }
}

#[tokio::test]
async fn an_address_in_capitals_is_the_same_and_a_look_alike_is_another() {
    let Some((peer, house)) = opened().await else { return };
    let owner = house.user("alice@example.test", "a long password", true).await;
    peer.tell(r#"{ "mode": "profile_case_email" }"#);
    assert_eq!(house.sign_in(&peer, "x", "").await.refusal(), "link_first");
    peer.tell(r#"{ "mode": "profile_unicode_email" }"#);
    let other = house.sign_in(&peer, "github", "").await;
    assert_ne!(other.token().map(|_| other.account()), Some(owner.clone()));
    assert_eq!(house.identities(&owner).await, []);
}

#[tokio::test]
async fn a_verifier_is_good_once_for_its_provider_and_for_ten_minutes() {
    let Some((peer, house)) = opened().await else { return };
    // the callback twice: one session
    let begun = house.begin("x", "").await;
    let back = peer.visit(&begun.url);
    assert_eq!(house.come_back(&back).await, 200);
    let heard = house.streams.heard(&begun.client);
    house.pass(1);
    house.come_back(&back).await;
    assert_eq!(house.streams.heard(&begun.client), heard, "it is told once");
    let first = house.redeem(&begun, "", json!({})).await;
    assert!(first.token().is_some(), "{first:?}");
    peer.reset();
    assert!(house.redeem(&begun, "", json!({})).await.token().is_none());
    assert_eq!(asked(&peer, "token"), 0, "no code is sent twice");
    // another provider's
    let begun = super::browser::Begun { provider: "github".into(), ..house.begin("x", "").await };
    house.come_back(&peer.visit(&begun.url)).await;
    peer.reset();
    assert!(matches!(house.redeem(&begun, "", json!({})).await, Ended::Answered(400, _)));
    assert_eq!(asked(&peer, "token"), 0, "no secret of GitHub's is sent for a code of X's");
    // of yesterday
    let begun = house.begin("x", "").await;
    house.come_back(&peer.visit(&begun.url)).await;
    house.pass(601);
    peer.reset();
    assert!(matches!(house.redeem(&begun, "", json!({})).await, Ended::Answered(400, _)));
    assert_eq!(asked(&peer, "token"), 0);
    // one that the client made itself
    let begun = super::browser::Begun { verifier: "a".repeat(86), ..house.begin("x", "").await };
    house.come_back(&peer.visit(&begun.url)).await;
    assert!(matches!(house.redeem(&begun, "", json!({})).await, Ended::Answered(400, _)));
}

#[tokio::test]
async fn a_code_reaches_only_the_browser_that_began() {
    let Some((peer, house)) = opened().await else { return };
    // the attacker's own code, brought to a victim's browser, is told to the attacker's stream
    let (attacker, victim) = (house.begin("x", "&user=bob").await, house.begin("x", "").await);
    house.come_back(&peer.visit(&attacker.url)).await;
    assert!(matches!(house.redeem(&victim, "", json!({})).await, Ended::Unheard));
    // and with the victim's verifier the provider refuses it
    let heard = house.streams.heard(&attacker.client).expect("heard");
    let ended = house.bring(&victim, heard["code"].as_str().expect("a code"), "", json!({})).await;
    assert!(ended.token().is_none(), "{ended:?}");
}

#[tokio::test]
async fn a_callback_that_comes_twice_is_one_session_also_where_the_provider_takes_its_code_twice() {
    let Some((peer, house)) = opened().await else { return };
    peer.tell(r#"{ "mode": "code_twice" }"#);
    let begun = house.begin("x", "").await;
    let back = peer.visit(&begun.url);
    house.come_back(&back).await;
    assert!(house.redeem(&begun, "", json!({})).await.token().is_some());
    let asked_once = asked(&peer, "token");
    house.come_back(&back).await;
    let again = house.redeem(&begun, "", json!({})).await;
    assert!(matches!(again, Ended::Answered(400, _)), "{again:?}");
    assert_eq!(asked(&peer, "token"), asked_once, "the code is not even shown again");
    let sessions = house.records.catalog().find("_sessions").expect("there").clone();
    assert_eq!(house.records.find_by(&sessions, &[("provider", "x")], 10).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn a_plain_code_that_another_page_of_the_team_received_is_taken() {
    let Some((peer, house)) = opened().await else { return };
    let begun = house.begin("kakao", "").await;
    let to = peer.visit(&begun.url);
    let to = url::Url::parse(to.location().expect("a redirect")).expect("an address");
    let code = to.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    assert!(house.bring(&begun, &code, "", json!({})).await.token().is_some());
}

#[tokio::test]
async fn what_is_missing_is_told_by_field() {
    let Some((_peer, house)) = opened().await else { return };
    let (status, body) = house.post("auth-with-oauth2", "", &json!({ "provider": "nothing" })).await;
    assert_eq!(status, 400);
    for field in ["provider", "code", "codeVerifier"] {
        assert!(body["data"][field]["code"].is_string(), "{field}: {body}");
    }
}

#[tokio::test]
async fn a_provider_set_in_the_collection_is_offered_as_the_client_library_sets_it() {
    let Some(peer) = sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let house = House::open(Vec::new()).await;
    assert_eq!(house.post("auth-with-oauth2", "", &json!({})).await.0, 403, "nothing is offered yet");
    let base = peer.base();
    let mut provider = json!({
        "name": "kakao", "clientId": "ondol-client", "clientSecret": SECRET, "displayName": "Kakao",
        "authURL": format!("{base}/kakao/oauth/authorize"), "tokenURL": format!("{base}/kakao/oauth/token"),
        "userInfoURL": format!("{base}/kakao/v2/user/me"),
    });
    house.set(json!({ "oauth2": { "enabled": true, "providers": [provider] } })).await;
    let way = house.way("kakao").await;
    assert_eq!((&way["displayName"], &way["codeChallengeMethod"]), (&json!("Kakao"), &json!("S256")));
    assert!(way["authURL"].as_str().is_some_and(|url| url.ends_with("&redirect_uri=")), "{way}");
    assert!(house.sign_in(&peer, "kakao", "").await.token().is_some());
    // the secret is kept when the settings come back without it, and is never shown
    provider.as_object_mut().expect("an object").remove("clientSecret");
    house.set(json!({ "oauth2": { "enabled": true, "providers": [provider] } })).await;
    assert!(house.sign_in(&peer, "kakao", "").await.token().is_some());
    // switched off, it signs nobody in
    let begun = house.begin("kakao", "").await;
    house.come_back(&peer.visit(&begun.url)).await;
    house.set(json!({ "oauth2": { "enabled": false } })).await;
    peer.reset();
    assert!(matches!(house.redeem(&begun, "", json!({})).await, Ended::Answered(403, _)));
    assert_eq!(asked(&peer, "token"), 0);
}
