//! Every known way to get into somebody else's account, or to keep a foot in it; each test is named after one.

use identity::provider::OnService;
use serde_json::json;
use testbed::{SignInPeer, sign_in_peer};

use super::house::{House, on_service};
use super::oauth2::providers;

const ALICE: &str = "alice@example.test";
const PASSWORD: &str = "chosen by somebody";

async fn opened() -> Option<(SignInPeer, House)> {
    let peer = sign_in_peer("oauth2", &["--auto", "approve"])?;
    let house = House::open(providers(&peer.base())).await;
    Some((peer, house))
}

impl House {
    /// Signs in by password; the token, if it fits.
    async fn by_password(&self, email: &str) -> Option<String> {
        let (_, body) =
            self.post("auth-with-password", "", &json!({ "identity": email, "password": PASSWORD })).await;
        body["token"].as_str().map(str::to_owned)
    }
}

/// A certified provider that says it is the authority for a domain, and may link on its own.
fn authority(peer: &SignInPeer, domain: &str) -> OnService {
    let text = format!(
        "preset = \"oidc\"\nclient_id = \"ondol-client\"\nissuer = \"{}\"\nemail_trust = \"domain:{domain}\"\nlinks_silently = true",
        peer.base()
    );
    on_service(&text, "ondol-client-secret-00000000000000000001")
}

#[tokio::test]
async fn hijacked_beforehand_by_a_password_under_the_victims_address() {
    let Some((peer, house)) = opened().await else { return };
    let account = house.user(ALICE, PASSWORD, false).await;
    let token = house.by_password(ALICE).await.expect("the attacker is in");
    assert_eq!(house.holder(&token).await, Some(account.clone()));
    let arrived = house.sign_in(&peer, "github", "").await;
    assert_eq!(arrived.account(), account, "the address's owner gets the account");
    assert_eq!(house.holder(&token).await, None, "the attacker's session is dead");
    assert_eq!(house.by_password(ALICE).await, None, "and so is the attacker's password");
    assert_eq!(house.values(&account).await["verified"], true);
}

#[tokio::test]
async fn hijacked_beforehand_through_another_provider_that_does_not_verify_addresses() {
    let Some((peer, house)) = opened().await else { return };
    // at Naver the attacker (bob) writes the victim's address
    peer.tell(
        r#"{ "users": { "bob": { "sub": "10002", "login": "bob", "name": "Bob", "email": "alice@example.test",
        "email_verified": false, "picture": null } } }"#,
    );
    let planted = house.sign_in(&peer, "naver", "&user=bob").await;
    let (account, token) = (planted.account(), planted.token().expect("a token").to_owned());
    assert_eq!(house.values(&account).await["verified"], false);
    // the victim arrives by GitHub
    assert_eq!(house.sign_in(&peer, "github", "").await.account(), account);
    assert_eq!(house.holder(&token).await, None, "the attacker's session is dead");
    assert_eq!(
        house.identities(&account).await,
        [("github".to_owned(), "10001".to_owned())],
        "and the attacker's link"
    );
    // the attacker comes back by Naver, and finds nothing to get into
    let back = house.sign_in(&peer, "naver", "&user=bob").await;
    assert_eq!(back.refusal(), "address_unverified");
}

#[tokio::test]
async fn an_address_that_the_provider_has_not_verified_opens_nobodys_account() {
    let Some((peer, house)) = opened().await else { return };
    for (provider, user) in [("facebook", "alice"), ("naver", "alice"), ("kakao", "bob")] {
        for is_verified in [true, false] {
            let email = format!("{user}@example.test");
            let account = house.user(&email, PASSWORD, is_verified).await;
            let ended = house.sign_in(&peer, provider, &format!("&user={user}")).await;
            assert_eq!(ended.refusal(), "address_unverified", "{provider} {is_verified}");
            assert_eq!(house.identities(&account).await, []);
            assert!(house.by_password(&email).await.is_some(), "nothing happened to it");
            house.records.delete(&house.root(&json!({})).await, "users", &account).await.expect("deleted");
        }
    }
}

#[tokio::test]
async fn a_verified_address_alone_does_not_open_an_account_that_has_proved_it() {
    let Some((peer, house)) = opened().await else { return };
    let account = house.user(ALICE, PASSWORD, true).await;
    let ended = house.sign_in(&peer, "github", "").await;
    assert_eq!(ended.refusal(), "link_first");
    assert!(format!("{ended:?}").contains("Sign in to it first"), "it says what to do: {ended:?}");
    assert_eq!((house.identities(&account).await.len(), house.users().await), (0, 1));
    assert!(house.by_password(ALICE).await.is_some());
}

#[tokio::test]
async fn a_provider_links_silently_only_where_it_is_the_authority_and_allowed_to() {
    let Some(peer) = sign_in_peer("oidc", &["--auto", "approve"]) else { return };
    for (domain, mode, has_second_factor, links) in [
        ("example.test", "", false, true),
        ("other.test", "", false, false),
        ("example.test", "email_unverified", false, false),
        ("example.test", "email_string_true", false, false),
        ("example.test", "", true, false),
    ] {
        peer.reset();
        peer.tell(&json!({ "mode": mode }).to_string());
        let house = House::open(vec![("op", authority(&peer, domain))]).await;
        if has_second_factor {
            house.set(json!({ "otp": { "enabled": true }, "mfa": { "enabled": true } })).await;
        }
        let account = house.user(ALICE, PASSWORD, true).await;
        let ended = house.sign_in(&peer, "op", "").await;
        assert_eq!(ended.token().is_some(), links, "{domain} {mode} {has_second_factor}: {ended:?}");
        assert_eq!(house.identities(&account).await.len(), usize::from(links));
        let is_in = house.by_password(ALICE).await.is_some();
        assert_eq!(is_in, !has_second_factor, "the account's own ways stay, two where two are asked for");
    }
}

#[tokio::test]
async fn a_provider_that_is_the_authority_links_nothing_to_an_account_with_an_authenticator() {
    let Some(peer) = sign_in_peer("oidc", &["--auto", "approve"]) else { return };
    let house = House::open(vec![("op", authority(&peer, "example.test"))]).await;
    let account = house.user(ALICE, PASSWORD, true).await;
    let token = house.by_password(ALICE).await.expect("a token");
    let (status, body) = house.post("totp-enrol", &token, &json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{body}");
    let now = house.clock.now().0.div_euclid(1000);
    let code = crate::authenticator::code(body["secret"].as_str().expect("a secret"), now);
    let (status, body) = house.post("totp-confirm", &token, &json!({ "code": code })).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(house.sign_in(&peer, "op", "").await.refusal(), "link_first");
    assert!(house.identities(&account).await.is_empty());
}

#[tokio::test]
async fn an_identity_of_a_provider_that_is_gone_signs_nobody_in() {
    let Some((peer, house)) = opened().await else { return };
    let account = house.sign_in(&peer, "x", "").await.account();
    let begun = house.begin("x", "").await;
    house.come_back(&peer.visit(&begun.url)).await;
    // the same database, served by a house whose settings have lost the provider
    let heard = house.streams.heard(&begun.client).expect("heard");
    let without = providers(&peer.base()).into_iter().filter(|(name, _)| *name != "x").collect();
    let other = house.beside(without);
    let ended = other.bring(&begun, heard["code"].as_str().expect("a code"), "", json!({})).await;
    assert!(ended.token().is_none(), "{ended:?}");
    assert_eq!(house.identities(&account).await.len(), 1);
}

#[tokio::test]
async fn the_same_subject_at_another_service_under_the_same_name_is_somebody_else() {
    let (Some(first), Some(second)) =
        (sign_in_peer("oidc", &["--auto", "approve"]), sign_in_peer("oidc", &["--auto", "approve"]))
    else {
        return;
    };
    let house = House::open(vec![("op", authority(&first, "example.test"))]).await;
    let account = house.sign_in(&first, "op", "").await.account();
    // the operator points the name `op` at another issuer, where anybody may be number 10001
    let other = house.beside(vec![("op", authority(&second, "example.test"))]);
    assert_eq!(other.sign_in(&second, "op", "").await.refusal(), "issuer_changed");
    assert_eq!(house.sign_in(&first, "op", "").await.account(), account);
}

#[tokio::test]
async fn an_identity_that_is_somebodys_is_not_linked_to_another_account() {
    let Some((peer, house)) = opened().await else { return };
    let owner = house.sign_in(&peer, "x", "").await.account();
    house.user("thief@example.test", PASSWORD, true).await;
    let token = house.by_password("thief@example.test").await.expect("a token");
    let ended = house.sign_in_as(&peer, "x", "", &token, json!({})).await;
    assert_eq!(ended.refusal(), "identity_taken");
    assert_eq!(house.identities(&owner).await.len(), 1);
}

#[tokio::test]
async fn one_identity_that_two_accounts_link_at_once_is_one_accounts() {
    let Some((peer, house)) = opened().await else { return };
    let mut tokens = Vec::new();
    for email in ["one@example.test", "two@example.test"] {
        house.user(email, PASSWORD, true).await;
        tokens.push(house.by_password(email).await.expect("a token"));
    }
    let (one, two) = tokio::join!(
        house.sign_in_as(&peer, "x", "", &tokens[0], json!({})),
        house.sign_in_as(&peer, "x", "", &tokens[1], json!({})),
    );
    let linked = [&one, &two].iter().filter(|ended| ended.token().is_some()).count();
    assert_eq!(linked, 1, "{one:?} {two:?}");
    assert!([&one, &two].iter().any(|ended| ended.refusal() == "identity_taken"), "{one:?} {two:?}");
}

#[tokio::test]
async fn somebody_new_in_two_windows_at_once_gets_one_account() {
    let Some((peer, house)) = opened().await else { return };
    let (one, two) = tokio::join!(house.sign_in(&peer, "x", ""), house.sign_in(&peer, "x", ""));
    assert_eq!(one.account(), two.account());
    assert_eq!(house.users().await, 1);
}

#[tokio::test]
async fn a_deleted_account_is_not_found_again_by_its_identity() {
    let Some((peer, house)) = opened().await else { return };
    let account = house.sign_in(&peer, "x", "").await.account();
    house.records.delete(&house.root(&json!({})).await, "users", &account).await.expect("deleted");
    assert_eq!(house.identities(&account).await, [], "its identities went with it");
    // somebody else takes the free id; the former person's identity does not lead there
    let squatter = json!({ "id": account, "email": "s@example.test", "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = house.root(&squatter).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    house.records.create(&request, "users", draft, &records::Shape::default()).await.expect("made");
    assert_ne!(house.sign_in(&peer, "x", "").await.account(), account);
}

#[tokio::test]
async fn nobody_verifies_himself_or_takes_an_address_by_what_he_asks_a_new_account_to_have() {
    let Some((peer, house)) = opened().await else { return };
    house.user("taken@example.test", PASSWORD, true).await;
    let wanted = json!({ "createData": { "email": "taken@example.test" } });
    let ended = house.sign_in_as(&peer, "x", "", "", wanted).await;
    assert!(ended.token().is_none(), "{ended:?}");
    let wanted = json!({ "createData": { "email": "free@example.test", "verified": true } });
    let ended = house.sign_in_as(&peer, "x", "", "", wanted).await;
    assert!(ended.token().is_none(), "{ended:?}");
    let wanted = json!({ "createData": { "email": "free@example.test", "name": "Me" } });
    let account = house.sign_in_as(&peer, "x", "", "", wanted).await.account();
    let values = house.values(&account).await;
    assert_eq!(
        (&values["verified"], &values["name"]),
        (&json!(false), &json!("Me")),
        "not what the provider saw"
    );
}
