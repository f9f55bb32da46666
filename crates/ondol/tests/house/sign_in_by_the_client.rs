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
