//! The pages of sign-in in Chromium, against the true program: through a provider of each kind, with an authenticator, and
//! after a forgotten password.

use testbed::{SignInPeer, sign_in_peer};

use crate::server::{House, run_app};

/// Peers that agree without asking the person.
const AGREED: &[&str] = &["--auto", "approve"];

#[test]
fn people_sign_in_on_the_pages_in_chromium() {
    let smtp = testbed::free_port();
    let Some(mails) = sign_in_peer("mail", &["--smtp", &smtp.to_string()]) else { return };
    let peers = ["oidc", "oauth2", "oauth1", "openid2"].map(|peer| sign_in_peer(peer, AGREED));
    let [Some(oidc), Some(oauth2), Some(oauth1), Some(openid2)] = peers else { return };
    let house = House::empty();
    house.sends_mail_to(smtp);
    house.settings(&settings([&oidc, &oauth2, &oauth1, &openid2]));
    let (server, _) = house.start_first();
    let settings = [
        ("BASE_URL", server.url()),
        ("MAILS", mails.base()),
        ("PROVIDERS", "op hybrid github twitter openid oldsite".to_owned()),
    ];
    assert_eq!(run_app(&["sign-in-pages.js"], &settings, &house), 11);
    let log = house.log();
    for secret in ["ondol-browser", "oauth_verifier", "client_secret", "따뜻한-바닥", "otpauth"] {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
}

fn settings([oidc, oauth2, oauth1, openid2]: [&SignInPeer; 4]) -> String {
    let consumer =
        "client_id = \"ondolconsumer0000000001\"\nsecret = \"ondol-consumer-secret-0000000000000000001\"";
    format!(
        r#"
[web]
rates = []

[identity]
may_ask_loopback = true

[sign-in.op]
preset = "oidc"
issuer = "{issuer}"
client_id = "ondol-client"
secret = "ondol-client-secret-00000000000000000001"

[sign-in.hybrid]
preset = "oidc"
issuer = "{issuer}"
client_id = "ondol-client"
secret = "ondol-client-secret-00000000000000000001"
response = "code id_token"
response_mode = "form_post"

[sign-in.github]
client_id = "ondol-client"
secret = "ondol-client-secret-00000001"
authorize = "{oauth2}/github/login/oauth/authorize"
token = "{oauth2}/github/login/oauth/access_token"
fetch = [{{ name = "me", url = "{oauth2}/github/user" }}, {{ name = "mails", url = "{oauth2}/github/user/emails" }}]

[sign-in.twitter]
{consumer}
request_token = "{twitter}/oauth/request_token"
authorize = "{twitter}/oauth/authenticate"
access_token = "{twitter}/oauth/access_token"
fetch = [{{ name = "me", url = "{twitter}/1.1/account/verify_credentials.json", query = {{ include_email = "true" }}, auth = "oauth1" }}]

[sign-in.openid]
preset = "openid2"
identifier = "{op}/"
sreg = ["nickname", "fullname", "email"]

[sign-in.oldsite]
preset = "openid2_hybrid"
{consumer}
identifier = "{op}/"
access_token = "{op}/oauth/access_token"
fetch = [{{ name = "me", url = "{op}/oauth/me", auth = "oauth1" }}]
"#,
        issuer = oidc.base(),
        oauth2 = oauth2.base(),
        twitter = oauth1.base(),
        op = openid2.base(),
    )
}
