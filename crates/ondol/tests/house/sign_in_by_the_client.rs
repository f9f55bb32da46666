//! The unmodified client library signs people in through providers, as a page does it that opens a window: on one box, and on
//! three web servers of which the browser comes back to another one than the client waits on.

use testbed::{SignInPeer, sign_in_peer};

use crate::server::{House, Server, run_app};

#[test]
fn the_client_library_signs_people_in_through_providers() {
    let Some((house, _peers)) = opened(House::empty()) else { return };
    let servers = [house.start_first().0];
    let checks = run_app(&["sign-in.js"], &[("BASE_URL", servers[0].url())], &house);
    assert_eq!(checks, 6);
}

#[test]
fn the_client_library_signs_people_in_on_three_web_servers() {
    let house = House::empty_on("postgres", testbed::postgres().database());
    let Some((house, _peers)) = opened(house) else { return };
    let servers = [house.start_first().0, house.start_first().0, house.start_first().0];
    let others: Vec<String> = servers[1..].iter().map(Server::url).collect();
    let settings = [("BASE_URL", servers[0].url()), ("SERVERS", others.join(" "))];
    let checks = run_app(&["--import", "./spread.js", "sign-in.js"], &settings, &house);
    assert_eq!(checks, 6);
}

#[test]
fn the_client_library_signs_people_in_by_a_detour() {
    let Some((house, peers)) = opened_for_detours(House::empty(), AGREED) else { return };
    let servers = [house.start_first().0];
    let settings = [("BASE_URL", servers[0].url()), ("OPENID", peers[1].base())];
    assert_eq!(run_app(&["sign-in-detour.js"], &settings, &house), 5);
    let log = house.log();
    assert!(log.contains("/api/oauth2-return/"), "it says what was asked");
    for secret in
        ["ondol-consumer-secret", "oauth_token", "oauth_verifier", "openid.sig", "flow=", "ondol-browser"]
    {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
}

#[test]
fn the_client_library_signs_people_in_by_a_detour_over_three_web_servers() {
    let house = House::empty_on("mariadb", testbed::mariadb().database());
    let Some((house, peers)) = opened_for_detours(house, AGREED) else { return };
    let servers = [house.start_first().0, house.start_first().0, house.start_first().0];
    let others: Vec<String> = servers[1..].iter().map(Server::url).collect();
    let settings =
        [("BASE_URL", servers[0].url()), ("SERVERS", others.join(" ")), ("OPENID", peers[1].base())];
    assert_eq!(run_app(&["--import", "./spread.js", "sign-in-detour.js"], &settings, &house), 5);
}

#[test]
fn a_window_of_chromium_signs_in_by_a_detour() {
    // another site than 127.0.0.1, as providers are
    let Some((house, peers)) = opened_for_detours(House::empty(), &["--host", "localhost"]) else { return };
    let servers = [house.start_first().0];
    let [twitter, op] = peers.each_ref().map(|peer| peer.base().replace("127.0.0.1", "localhost"));
    let settings = [("BASE_URL", servers[0].url()), ("TWITTER", twitter), ("OPENID", op)];
    assert_eq!(run_app(&["sign-in-window.js"], &settings, &house), 5);
}

/// A peer that agrees without asking the person.
const AGREED: &[&str] = &["--auto", "approve"];

/// A house whose service file offers the peers of OAuth 1.0a and OpenID 2.0.
fn opened_for_detours(house: House, manner: &[&str]) -> Option<(House, [SignInPeer; 2])> {
    let oauth1 = sign_in_peer("oauth1", manner)?;
    let openid2 = sign_in_peer("openid2", manner)?;
    let host = if manner.contains(&"localhost") { "localhost" } else { "127.0.0.1" };
    let [twitter, op] = [&oauth1, &openid2].map(|peer| peer.base().replace("127.0.0.1", host));
    let client =
        "client_id = \"ondolconsumer0000000001\"\nsecret = \"ondol-consumer-secret-0000000000000000001\"";
    house.settings(&format!(
        r#"
[log]
level = "trace"

[web]
rates = []
access_log = "all"

[identity]
may_ask_loopback = true

[sign-in.twitter]
{client}
request_token = "{twitter}/oauth/request_token"
authorize = "{twitter}/oauth/authenticate"
access_token = "{twitter}/oauth/access_token"
fetch = [{{ name = "me", url = "{twitter}/1.1/account/verify_credentials.json", query = {{ include_email = "true" }}, auth = "oauth1" }}]

[sign-in.openid]
preset = "openid2"
identifier = "{op}/"

[sign-in.any]
preset = "openid2"
allow = ["{op}/id"]

[sign-in.oldsite]
preset = "openid2_hybrid"
{client}
identifier = "{op}/"
access_token = "{op}/oauth/access_token"
fetch = [{{ name = "me", url = "{op}/oauth/me", auth = "oauth1" }}]
"#
    ));
    Some((house, [oauth1, openid2]))
}

/// A house whose service file offers the peers' providers.
fn opened(house: House) -> Option<(House, [SignInPeer; 2])> {
    let oauth2 = sign_in_peer("oauth2", &["--auto", "approve"])?;
    let oidc = sign_in_peer("oidc", &["--auto", "approve"])?;
    let (base, issuer) = (oauth2.base(), oidc.base());
    let secret = "ondol-client-secret-00000000000000000001";
    house.settings(&format!(
        r#"
[web]
rates = []

[identity]
may_ask_loopback = true
answer_time_max = "3 s"

[sign-in.x]
client_id = "ondol-client"
secret = "ondol-client-secret-00000001"
authorize = "{base}/x/i/oauth2/authorize"
token = "{base}/x/2/oauth2/token"
fetch = [{{ name = "me", url = "{base}/x/2/users/me" }}]

[sign-in.github]
client_id = "ondol-client"
secret = "ondol-client-secret-00000001"
authorize = "{base}/github/login/oauth/authorize"
token = "{base}/github/login/oauth/access_token"
fetch = [{{ name = "me", url = "{base}/github/user" }}, {{ name = "mails", url = "{base}/github/user/emails" }}]

[sign-in.op]
preset = "oidc"
issuer = "{issuer}"
client_id = "ondol-client"
secret = "{secret}"

[sign-in.hybrid]
preset = "oidc"
issuer = "{issuer}"
client_id = "ondol-client"
secret = "{secret}"
response = "code id_token"
response_mode = "form_post"
"#
    ));
    Some((house, [oauth2, oidc]))
}
