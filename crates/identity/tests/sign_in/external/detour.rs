//! Providers that are reached by a detour, through our true endpoints: the browser begins at a page of ours, and comes back to
//! one. Each misbehaviour of the provider, each of a browser and each of a client, and what came of it.

use axum::body::{Body, to_bytes};
use identity::provider::OnService;
use serde_json::{Value, json};
use testbed::{SignInPeer, sign_in_peer};
use url::Url;

use super::browser::{Begun, Ended, asked, form};
use super::house::{House, on_service};

const CONSUMER: &str = "ondolconsumer0000000001";
const SECRET: &str = "ondol-consumer-secret-0000000000000000001";
/// How browsers call the house.
const HOST: &str = "127.0.0.1:8090";

/// What the house says to a browser.
#[derive(Debug)]
pub(super) struct Page {
    status: u16,
    location: Option<String>,
    cookie: Option<String>,
    text: String,
}

/// A browser: it keeps one cookie, and likes Korean or not.
#[derive(Default)]
pub(super) struct Browser {
    cookie: String,
    language: &'static str,
}

impl Browser {
    async fn ask(&mut self, house: &House, method: &str, url: &str, form: &str) -> Page {
        let url = Url::parse(url).expect("an address");
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header("accept-language", self.language)
            .header("content-type", "application/x-www-form-urlencoded");
        // a form that another site's page sends goes without our cookie
        if !self.cookie.is_empty() && (method == "GET" || url.path().contains("begin")) {
            request = request.header("cookie", &self.cookie);
        }
        let page = house.browse(request.body(Body::from(form.to_owned())).expect("a request")).await;
        if let Some(cookie) = &page.cookie {
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert_eq!(cookie.starts_with("__Host-"), cookie.ends_with("; Secure"), "{cookie}");
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        page
    }

    /// Goes where the client sends it, and to the provider; gives what the provider answers.
    async fn leave(
        &mut self,
        house: &House,
        peer: &SignInPeer,
        begun: &Begun,
        more: &str,
    ) -> Option<testbed::http::Answer> {
        let page = self.ask(house, "GET", &begun.url, "").await;
        let to = page.location.filter(|_| page.status == 303)?;
        assert!(to.starts_with(&peer.base()), "{to}");
        Some(peer.visit(&format!("{to}{more}")))
    }

    /// Comes back with what the provider has answered.
    async fn come_back(&mut self, house: &House, answer: &testbed::http::Answer) -> Page {
        match answer.location() {
            Some(to) => self.ask(house, "GET", to, "").await,
            None => {
                let to = answer
                    .body
                    .split_once("action=\"")
                    .expect("a form")
                    .1
                    .split('"')
                    .next()
                    .expect("its end");
                let to = to.replace("&amp;", "&");
                let page = self.ask(house, "POST", &to, &form(&answer.body)).await;
                let to = page.location.expect("it is told to come again");
                self.ask(house, "GET", &format!("http://{HOST}{to}"), "").await
            }
        }
    }
}

impl House {
    async fn browse(&self, request: axum::http::Request<Body>) -> Page {
        let response = self.answer(request).await;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (location, cookie, status) =
            (header("location"), header("set-cookie"), response.status().as_u16());
        let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        Page { status, location, cookie, text: String::from_utf8(bytes.to_vec()).expect("text") }
    }

    /// All of it, as a person does it who agrees.
    pub(super) async fn detour(&self, peer: &SignInPeer, provider: &str, more: &str) -> Ended {
        let begun = self.begin(provider, "").await;
        let mut browser = Browser::default();
        if let Some(answer) = browser.leave(self, peer, &begun, more).await {
            browser.come_back(self, &answer).await;
        }
        self.redeem(&begun, "", json!({})).await
    }
}

pub(crate) fn oauth1(base: &str) -> (&'static str, OnService) {
    let text = r#"
        client_id = "CONSUMER"
        request_token = "BASE/oauth/request_token"
        authorize = "BASE/oauth/authenticate"
        access_token = "BASE/oauth/access_token"
        [[fetch]]
        name = "me"
        url = "BASE/1.1/account/verify_credentials.json"
        query = { include_email = "true", skip_status = "true" }
        auth = "oauth1"
    "#;
    ("twitter", on_service(&text.replace("BASE", base).replace("CONSUMER", CONSUMER), SECRET))
}

pub(crate) fn openid2(name: &'static str, base: &str, more: &str) -> (&'static str, OnService) {
    let text =
        format!("preset = \"openid2\"\nsreg = [\"nickname\", \"fullname\"]\n{}", more.replace("BASE", base));
    (name, on_service(&text, "unused"))
}

pub(crate) fn hybrid(base: &str) -> (&'static str, OnService) {
    let text = r#"
        preset = "openid2_hybrid"
        client_id = "CONSUMER"
        identifier = "BASE/"
        scope = "profile"
        access_token = "BASE/oauth/access_token"
        [[fetch]]
        name = "me"
        url = "BASE/oauth/me"
        auth = "oauth1"
        [map]
        picture = "me:/picture"
    "#;
    ("oldsite", on_service(&text.replace("BASE", base).replace("CONSUMER", CONSUMER), SECRET))
}

async fn opened(peer: &str) -> Option<(SignInPeer, House)> {
    let peer = sign_in_peer(peer, &["--auto", "approve"])?;
    let base = peer.base();
    let providers = vec![
        oauth1(&base),
        openid2("myopenid", &base, "identifier = \"BASE/\""),
        openid2("anyopenid", &base, "allow = [\"BASE/id\", \"BASE/evil\"]"),
        hybrid(&base),
    ];
    Some((peer, House::open(providers).await))
}

/// What must come of a misbehaviour.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// The client hears of an error, and this path was not asked any more.
    Error(&'static str, &'static str),
    /// The client hears nothing, and this path was not asked any more.
    Unheard(&'static str),
    /// All is well.
    In,
    /// All is well, but there is no mail address.
    InWithoutMail,
}

use Wanted::{Error, In, InWithoutMail, Unheard};

/// Tries each misbehaviour with a provider.
async fn try_each(peer: &SignInPeer, house: &House, provider: &str, rows: &[(&str, Wanted)]) {
    for (mode, wanted) in rows {
        peer.reset();
        peer.tell(&json!({ "mode": mode, "auto": "approve" }).to_string());
        let before = house.users().await;
        let ended = house.detour(peer, provider, "").await;
        let (is_so, must_not_be_asked) = match wanted {
            Error(code, path) => (matches!(&ended, Ended::Error(told) if told == code), Some(path)),
            Unheard(path) => (matches!(ended, Ended::Unheard), Some(path)),
            In => (ended.token().is_some(), None),
            InWithoutMail => {
                let mail = match &ended {
                    Ended::Answered(200, body) => body["meta"]["email"].as_str().map(str::to_owned),
                    _ => None,
                };
                (mail.as_deref() == Some(""), None)
            }
        };
        assert!(is_so, "{provider} {mode}: {wanted:?}, but {ended:?}");
        if let Some(path) = must_not_be_asked {
            assert_eq!(asked(peer, path), 0, "{provider} {mode}: {path}");
            assert_eq!(house.users().await, before, "{provider} {mode}");
        }
        assert!(!peer.log().contains(SECRET), "{provider} {mode}: the secret was sent");
        assert!(!format!("{ended:?}").contains(SECRET), "{provider} {mode}: the secret was told");
    }
}

#[tokio::test]
async fn each_way_of_oauth1_to_cheat_ends_as_it_should() {
    let Some((peer, house)) = opened("oauth1").await else { return };
    let me = "verify_credentials";
    try_each(
        &peer,
        &house,
        "twitter",
        &[
            ("", In),
            ("callback_unconfirmed", Error("server_error", "authenticate")),
            ("request_token_html", Error("server_error", "authenticate")),
            ("request_token_401", Error("server_error", "authenticate")),
            ("swap_token", Unheard("access_token")),
            ("dup_token", Unheard("access_token")),
            ("no_verifier", Error("server_error", "access_token")),
            ("wrong_verifier", Error("server_error", me)),
            ("expired_token", Error("server_error", me)),
            ("access_no_secret", Error("server_error", me)),
            ("user_mismatch", Error("server_error", "nothing")),
            ("revoked", Error("server_error", "nothing")),
            ("rate_limited", Error("temporarily_unavailable", "nothing")),
            ("huge", Error("temporarily_unavailable", "nothing")),
            ("big_id", Error("server_error", "nothing")),
            ("no_email", InWithoutMail),
        ],
    )
    .await;
    peer.reset();
    let ended = house.detour(&peer, "twitter", "&auto=deny").await;
    assert!(matches!(&ended, Ended::Error(told) if told == "access_denied"), "{ended:?}");
    assert_eq!(asked(&peer, "access_token"), 0);
}

#[tokio::test]
async fn each_way_of_openid_to_cheat_ends_as_it_should() {
    let Some((peer, house)) = opened("openid2").await else { return };
    let out = Error("server_error", "nothing");
    try_each(
        &peer,
        &house,
        "myopenid",
        &[
            ("assoc_refuse", In),
            ("assoc_downgrade", In),
            ("assoc_plaintext", In),
            ("assoc_type_swap", In),
            ("assoc_dh_one", In),
            ("assoc_short_mac", In),
            ("assoc_instant_expiry", In),
            ("", In),
            ("unknown_handle", In),
            ("post_response", In),
            // nobody is asked without being shown anything
            ("setup_needed", In),
            ("ax_shadow", InWithoutMail),
            ("unsigned_ax", InWithoutMail),
            ("bad_sig", out),
            ("old_nonce", out),
            ("future_nonce", out),
            ("reuse_nonce", out),
            ("no_nonce", out),
            ("other_return_to", out),
            ("foreign_claimed_id", out),
            ("foreign_op_endpoint", out),
            ("unsigned_claimed_id", out),
            ("swapped_claimed_id", out),
            ("no_identity", out),
            ("openid1_response", out),
            ("dup_param", Unheard("nothing")),
            ("cancel", Error("access_denied", "nothing")),
            ("error_mode", Error("access_denied", "nothing")),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_hybrid_signs_in_and_keeps_no_token_that_is_not_its_own() {
    let Some((peer, house)) = opened("openid2").await else { return };
    for (mode, exchanges, picture) in [
        ("", 1, "https://example.test/a.png"),
        ("hybrid_declined", 0, ""),
        ("hybrid_unsigned", 0, ""),
        ("hybrid_foreign", 1, ""),
    ] {
        peer.reset();
        peer.tell(&json!({ "mode": mode }).to_string());
        let ended = house.detour(&peer, "oldsite", "").await;
        let Ended::Answered(200, body) = &ended else { panic!("{mode}: {ended:?}") };
        assert_eq!(body["meta"]["avatarURL"], picture, "{mode}");
        assert_eq!(body["meta"]["accessToken"], "", "{mode}");
        assert_eq!(
            (asked(&peer, "access_token"), asked(&peer, "/oauth/me")),
            (exchanges, usize::from(!picture.is_empty())),
            "{mode}"
        );
        assert!(!peer.log().contains(SECRET), "{mode}");
    }
}

#[tokio::test]
async fn a_person_is_known_again_by_the_subject_alone() {
    for (peer, provider, subject) in [
        ("oauth1", "twitter", "10001"),
        ("openid2", "myopenid", "/id/header/alice"),
        ("openid2", "oldsite", "/id/header/alice"),
    ] {
        let Some((peer, house)) = opened(peer).await else { return };
        let first = house.detour(&peer, provider, "").await.account();
        peer.tell(r#"{ "users": { "alice": { "sub": "10001", "login": "alice", "name": "Other", "email": "other@example.test", "email_verified": true, "locale": "en", "picture": null } } }"#);
        let again = house.detour(&peer, provider, "").await;
        assert_eq!(again.account(), first, "{provider}");
        let identities = house.identities(&first).await;
        let is_theirs = |(name, id): &(String, String)| name == provider && id.ends_with(subject);
        assert!(identities.len() == 1 && identities.iter().all(is_theirs), "{identities:?}");
        assert_eq!(house.users().await, 1, "{provider}");
    }
}

#[tokio::test]
async fn a_browser_that_did_not_begin_does_not_come_back() {
    for (peer, provider) in [("oauth1", "twitter"), ("openid2", "myopenid")] {
        let Some((peer, house)) = opened(peer).await else { return };
        let begun = house.begin(provider, "").await;
        let answer = Browser::default().leave(&house, &peer, &begun, "").await.expect("it leaves");
        let mut other = Browser::default();
        other.ask(&house, "GET", &house.begin(provider, "").await.url, "").await;
        for mut browser in [Browser::default(), other] {
            assert_eq!(browser.come_back(&house, &answer).await.status, 400, "{provider}");
        }
        assert!(matches!(house.redeem(&begun, "", json!({})).await, Ended::Unheard), "{provider}");
        assert_eq!((asked(&peer, "access_token"), house.users().await), (0, 0), "{provider}");
    }
}

#[tokio::test]
async fn coming_back_twice_or_elsewhere_or_late_opens_nothing() {
    for (peer, provider, other) in [("oauth1", "twitter", "oldsite"), ("openid2", "myopenid", "oldsite")] {
        let Some((peer, house)) = opened(peer).await else { return };
        let mut browser = Browser::default();
        let begun = house.begin(provider, "").await;
        let mut answer = browser.leave(&house, &peer, &begun, "").await.expect("it leaves");
        let to = answer.location().expect("back").replace(provider, other);
        assert_eq!(browser.ask(&house, "GET", &to, "").await.status, 400, "{provider}: at another's address");
        assert_eq!(browser.come_back(&house, &answer).await.status, 200, "{provider}");
        assert_eq!(browser.come_back(&house, &answer).await.status, 400, "{provider}: twice");
        let begun = house.begin(provider, "").await;
        answer = browser.leave(&house, &peer, &begun, "").await.expect("it leaves");
        house.pass(601);
        assert_eq!(browser.come_back(&house, &answer).await.status, 400, "{provider}: late");
    }
}

#[tokio::test]
async fn a_code_is_for_the_client_that_began_and_for_once() {
    let Some((peer, house)) = opened("openid2").await else { return };
    let begun = house.begin("myopenid", "").await;
    let mut browser = Browser::default();
    let answer = browser.leave(&house, &peer, &begun, "").await.expect("it leaves");
    assert_eq!(browser.come_back(&house, &answer).await.status, 200);
    let code = house.streams.heard(&begun.client).expect("told")["code"].as_str().expect("a code").to_owned();
    // somebody else's verifier does not fit, and ends it
    let thief = house.begin("myopenid", "").await;
    assert!(matches!(house.bring(&thief, &code, "", json!({})).await, Ended::Answered(400, _)));
    assert!(matches!(house.bring(&begun, &code, "", json!({})).await, Ended::Answered(400, _)));
    assert_eq!(house.users().await, 0);
    let begun = house.begin("myopenid", "").await;
    let answer = browser.leave(&house, &peer, &begun, "").await.expect("it leaves");
    browser.come_back(&house, &answer).await;
    assert!(house.redeem(&begun, "", json!({})).await.token().is_some());
    assert!(house.redeem(&begun, "", json!({})).await.token().is_none(), "twice");
}

#[tokio::test]
async fn a_person_is_asked_for_an_address_in_their_language_and_only_those_of_the_list_are_let_in() {
    let Some((peer, house)) = opened("openid2").await else { return };
    let begun = house.begin("anyopenid", "").await;
    let mut browser = Browser { language: "ko-KR,ko;q=0.9", ..Browser::default() };
    let page = browser.ask(&house, "GET", &begun.url, "").await;
    assert!(page.status == 200 && page.text.contains("OpenID 주소"), "{page:?}");
    assert!(!page.text.contains("<script"), "{page:?}");
    browser.language = "en";
    for (typed, said) in [
        ("", "begins with http://"),
        ("=alice", "XRIs"),
        ("http://op.example/", "does not accept"),
        ("http://169.254.169.254/latest/meta-data/", "does not accept"),
        ("BASE/", "does not accept"),
        ("BASE/evil/foreign", ""),
        ("BASE/evil/bomb", "No provider"),
        ("BASE/evil/xxe", "No provider"),
        ("BASE/evil/huge", "No provider"),
        ("BASE/evil/slow", "No provider"),
        ("BASE/evil/loop", "No provider"),
        ("BASE/evil/xrdsloop", "No provider"),
        ("BASE/evil/tofile", "No provider"),
        ("BASE/evil/tometadata", "No provider"),
        ("BASE/evil/notxml", "No provider"),
        ("BASE/evil/jsuri", "No provider"),
        ("BASE/evil/many", "No provider"),
        ("BASE/evil/bodylink", "No provider"),
        ("BASE/evil/commentlink", "No provider"),
        ("BASE/id/html1/alice", "No provider"),
    ] {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("identifier", &typed.replace("BASE", &peer.base()))
            .finish();
        let page = browser.ask(&house, "POST", &begun.url, &form).await;
        match said {
            // it names a provider that can't be asked, so nobody is sent there
            "" => assert!(page.location.is_none(), "{typed}: {page:?}"),
            said => assert!(page.status == 400 && page.text.contains(said), "{typed}: {page:?}"),
        }
    }
    for how in ["header", "meta", "conneg", "html", "delegate", "redirect"] {
        let form = format!("identifier={}%2Fid%2F{how}%2Fnoemail", peer.base().replace("://", "%3A%2F%2F"));
        let begun = house.begin("anyopenid", "").await;
        let page = browser.ask(&house, "POST", &begun.url, &form).await;
        let answer = peer.visit(&page.location.unwrap_or_else(|| panic!("{how}: {}", page.text)));
        assert_eq!(browser.come_back(&house, &answer).await.status, 200, "{how}");
        assert!(house.redeem(&begun, "", json!({})).await.token().is_some(), "{how}");
    }
}

#[tokio::test]
async fn a_cookie_that_another_host_has_planted_is_not_the_browsers() {
    let Some((peer, house)) = opened("openid2").await else { return };
    for (plants, status) in [(true, 400), (false, 200)] {
        let mut begun = house.begin("myopenid", "").await;
        begun.url = begun.url.replace("redirect_uri=http%3A", "redirect_uri=https%3A");
        let mut browser = Browser::default();
        let answer = browser.leave(&house, &peer, &begun, "").await.expect("it leaves");
        let value =
            browser.cookie.strip_prefix("__Host-ondol-browser=").expect("the name that browsers guard");
        if plants {
            browser.cookie = format!("ondol-browser={value}");
        }
        assert_eq!(browser.come_back(&house, &answer).await.status, status);
    }
}

#[tokio::test]
async fn a_beginning_that_leads_elsewhere_is_refused() {
    let Some((peer, house)) = opened("oauth1").await else { return };
    let begun = house.begin("twitter", "").await;
    for (from, to) in [
        ("redirect_uri=http%3A%2F%2F127.0.0.1%3A8090", "redirect_uri=http%3A%2F%2Fevil.example"),
        ("oauth2-redirect", "oauth2-redirect%3Fx"),
        ("code_challenge=", "challenge="),
        ("state=", "state=x&state="),
    ] {
        assert!(begun.url.contains(from), "{}", begun.url);
        let page = Browser::default().ask(&house, "GET", &begun.url.replace(from, to), "").await;
        assert_eq!((page.status, page.location, page.cookie), (400, None, None), "{to}");
    }
    assert_eq!(peer.log(), "[]");
    let unknown = begun.url.replace("/twitter", "/nobody");
    assert_eq!(Browser::default().ask(&house, "GET", &unknown, "").await.status, 404);
}

#[tokio::test]
async fn a_collection_may_offer_such_a_provider_itself() {
    let Some(peer) = sign_in_peer("openid2", &["--auto", "approve"]) else { return };
    let house = House::open(Vec::new()).await;
    let extra = json!({ "preset": "openid2", "identifier": peer.base() });
    // the client library's words want both, which this protocol has not
    let provider = json!({
        "name": "ours", "clientId": "-", "clientSecret": "-", "displayName": "우리 것", "pkce": false, "extra": extra,
    });
    house.set(json!({ "oauth2": { "enabled": true, "providers": [provider] } })).await;
    assert_eq!(house.way("ours").await["displayName"], "우리 것");
    assert!(house.detour(&peer, "ours", "").await.token().is_some());
}

#[tokio::test]
async fn the_list_of_ways_gives_the_page_to_begin_at() {
    let Some((_peer, house)) = opened("oauth1").await else { return };
    let way: Value = house.way("twitter").await;
    let url = way["authURL"].as_str().expect("an address");
    assert!(url.starts_with("http://test/api/oauth2-begin/_pb_users_auth_/twitter?state="), "{url}");
    assert!(url.ends_with("&redirect_uri="), "the client puts its own behind: {url}");
    assert_eq!(way["displayName"], "X (OAuth 1.0a)");
}
