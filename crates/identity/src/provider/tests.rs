//! Settings in, providers or sentences out; answers in, profiles out.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use toml::Table;

use super::*;
use crate::provider::preset::PRESETS;

fn written(text: &str) -> Written {
    Written { table: text.parse().expect("TOML"), secret: Some(Secret::new("s")) }
}

fn faults(name: &str, text: &str, wanted: Expect) {
    let told =
        load(name, &[&written(text)], false).map_or_else(|faults| faults.0.join("\n"), |_| "none".into());
    wanted.assert_eq(&told);
}

fn documents(answers: Value) -> Documents {
    answers
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, answer)| (name.clone(), answer.clone()))
        .collect()
}

fn profile(name: &str, more: &str, answers: Value) -> Result<Profile, String> {
    let layer = written(&format!("client_id = \"app\"\n{more}"));
    let provider = load(name, &[&layer], false).expect("a provider");
    read(&provider.about, &provider.client_id, &documents(answers)).map_err(|refusal| refusal.to_string())
}

#[test]
fn every_preset_is_a_provider_with_nothing_but_its_client() {
    for (name, _) in PRESETS {
        let more = match name {
            "oidc" => "issuer = \"https://op.example\"",
            "apple" => "team_id = \"T\"\nkey_id = \"K\"",
            "openid2" => "allow = [\"*\"]",
            "openid2_hybrid" => {
                "identifier = \"https://op.example\"\naccess_token = \"https://op.example/token\""
            }
            "oauth2" => {
                "authorize = \"https://a.example\"\ntoken = \"https://t.example\"\nuserinfo = \"https://u.example\""
            }
            _ => "",
        };
        let layer = written(&format!("client_id = \"app\"\n{more}"));
        let provider = load(name, &[&layer], false).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        assert_eq!(provider.name, name);
        assert!(!format!("{provider:?}").contains("\"s\""), "no secret is printed");
    }
}

#[test]
fn the_page_tells_of_every_preset_and_every_word() {
    use base::word::keys;
    let page = include_str!("../../../../docs/sign-in.md");
    let words = [
        keys::<About>(),
        keys::<crate::oauth2::Settings>(),
        keys::<crate::oidc::Settings>(),
        keys::<Ask>(),
        keys::<Map>(),
    ];
    for word in PRESETS.iter().map(|(name, _)| *name).chain(words.into_iter().flatten().copied()) {
        assert!(page.contains(&format!("`{word}`")), "docs/sign-in.md does not tell of {word}");
    }
}

#[test]
fn a_wrong_word_is_told_with_the_right_one() {
    faults(
        "google",
        "clientid = \"a\"\nissuer_alias = []\nemail_trust = \"always\"",
        expect![[r#"
            `email_trust`: `always` may be `never`, `assist`, `hd` or `domain:example.com,example.org`
            unknown key `clientid`; did you mean `client_id`?
            unknown key `issuer_alias`; did you mean `issuer_aliases`?
            `client_id` is missing: it is what the provider calls your application"#]],
    );
    faults("gogle", "client_id = \"a\"", expect!["there is no preset `gogle`; did you mean `google`?"]);
    faults("team", "kind = \"oicd\"", expect!["`kind` may not be `oicd`; did you mean oidc?"]);
}

#[test]
fn addresses_must_be_encrypted_and_words_must_stand_for_something() {
    faults(
        "facebook",
        "client_id = \"a\"\nauthorize = \"http://www.facebook.com/{w}\"\ntoken = \"https://u:p@x.example/#f\"",
        expect![[r#"
            in `http://www.facebook.com/{w}`: `w` stands for nothing; there is v
            `authorize` must begin with https:// (on this machine, for development: set may_ask_loopback in [identity])
            `token` may have no name, no password and no # in it"#]],
    );
    let layer = written("client_id = \"a\"\nissuer = \"http://127.0.0.1:1\"");
    assert!(load("oidc", &[&layer], false).is_err());
    assert!(load("oidc", &[&layer], true).is_ok());
    assert!(load("oidc", &[&written("client_id = \"a\"\nissuer = \"http://op.example\"")], true).is_err());
}

#[test]
fn later_layers_lie_over_earlier_ones() {
    let service = written("client_id = \"a\"\nvars = { v = \"v99.0\" }\nlabel = \"Ours\"");
    let own = layer::of_collection(
        json!({ "name": "facebook", "clientId": "b", "clientSecret": "t", "extra": { "links_silently": false } })
            .as_object()
            .expect("an object"),
    );
    let provider = load("facebook", &[&service, &own], false).expect("a provider");
    assert_eq!((provider.client_id.as_str(), provider.label.as_str()), ("b", "Ours"));
    assert_eq!(provider.secret.as_ref().map(Secret::reveal), Some("t"));
    assert_eq!(provider.about.fetch[0].url, "https://graph.facebook.com/v99.0/me");
    assert_eq!(provider.issuer(), "https://graph.facebook.com");
}

#[test]
fn a_collections_own_addresses_are_taken_as_the_client_library_sets_them() {
    let sent = json!({
        "name": "oidc", "clientId": "a", "clientSecret": "b", "authURL": "https://op.example/auth",
        "tokenURL": "https://op.example/token", "userInfoURL": "https://op.example/me", "displayName": "Team", "pkce": true,
    });
    let layer = layer::of_collection(sent.as_object().expect("an object"));
    let provider = load("oidc", &[&layer], false).expect("a provider");
    assert!(matches!(&provider.kind, Kind::OAuth2(settings) if settings.token == "https://op.example/token"));
    assert_eq!(
        (provider.about.fetch[0].url.as_str(), provider.label.as_str()),
        ("https://op.example/me", "Team")
    );
    let mut sent = sent;
    sent["extra"] =
        json!({ "issuers": ["https://op.example", "op.example"], "jwksURL": "https://op.example/jwks" });
    let layer = layer::of_collection(sent.as_object().expect("an object"));
    let provider = load("oidc", &[&layer], false).expect("a provider");
    assert!(matches!(&provider.kind, Kind::Oidc(settings) if settings.issuer_aliases == ["op.example"]));
}

#[test]
fn the_same_person_is_the_same_whether_the_number_is_a_text_or_not() {
    for id in [json!(10001), json!("10001")] {
        let found = profile("github", "", json!({ "me": { "id": id, "login": "a" }, "mails": [] }))
            .expect("a profile");
        assert_eq!((found.subject.as_str(), found.address), ("10001", None));
    }
    for id in [
        json!(null),
        json!(true),
        json!(1.5),
        json!(""),
        json!(["1"]),
        json!("a\u{0}"),
        json!("x".repeat(256)),
    ] {
        assert!(profile("github", "", json!({ "me": { "id": id } })).is_err(), "{id}");
    }
}

#[test]
fn an_address_is_verified_by_the_boolean_alone() {
    let kakao = |valid: Value, verified: Value| {
        let account =
            json!({ "email": " A@B.example ", "is_email_valid": valid, "is_email_verified": verified });
        let found =
            profile("kakao", "", json!({ "me": { "id": 1, "kakao_account": account } })).expect("a profile");
        found.address.map(|address| (address.text, address.is_verified, address.is_authoritative))
    };
    assert_eq!(kakao(json!(true), json!(true)), Some(("a@b.example".into(), true, false)));
    for (valid, verified) in
        [(json!(true), json!("true")), (json!(1), json!(true)), (json!(true), json!(null))]
    {
        assert_eq!(kakao(valid, verified), Some(("a@b.example".into(), false, false)));
    }
    let list = profile(
        "google",
        "",
        json!({ "id": { "sub": "1", "email": ["a@b.example"], "email_verified": true } }),
    );
    assert_eq!(list.expect("a profile").address, None);
}

#[test]
fn google_is_the_authority_for_its_own_and_for_hosted_domains_only() {
    for (email, hd, is_authority) in [
        ("a@gmail.com", json!(null), true),
        ("a@team.example", json!("team.example"), true),
        ("a@team.example", json!(null), false),
        ("a@other.example", json!("team.example"), false),
    ] {
        let id = json!({ "sub": "1", "email": email, "email_verified": true, "hd": hd });
        let address =
            profile("google", "", json!({ "id": id })).expect("a profile").address.expect("an address");
        assert_eq!((address.is_verified, address.is_authoritative), (true, is_authority), "{email} {hd}");
    }
}

#[test]
fn members_of_other_domains_are_not_let_in() {
    let more = "restrict = { hd = [\"team.example\"] }";
    assert!(profile("google", more, json!({ "id": { "sub": "1", "hd": "team.example" } })).is_ok());
    for hd in [json!("other.example"), json!(null), json!(["team.example"])] {
        assert!(profile("google", more, json!({ "id": { "sub": "1", "hd": hd } })).is_err(), "{hd}");
    }
}

#[test]
fn a_token_of_another_application_is_refused() {
    let answers = |app: &str, valid: Value, user: &str| {
        let dbg = json!({ "data": { "app_id": app, "is_valid": valid, "user_id": user } });
        profile("facebook", "", json!({ "me": { "id": "7" }, "dbg": dbg }))
    };
    assert!(answers("app", json!(true), "7").is_ok());
    assert!(answers("other", json!(true), "7").is_err());
    assert!(answers("app", json!("true"), "7").is_err());
    assert!(answers("app", json!(true), "8").is_err());
    assert!(profile("facebook", "", json!({ "me": { "id": "7" } })).is_err(), "not asked");
}

#[test]
fn the_older_kinds_say_what_is_wrong_with_them() {
    faults(
        "twitter",
        "signature = \"PLAINTEXT\"",
        expect![[r#"
        `client_id` is missing: it is what the provider calls your application
        `signature` may be "HMAC-SHA1": the other kinds send the secret, or are offered by nobody"#]],
    );
    faults(
        "openid2",
        "",
        expect![[
            r#"`allow` is missing: say whose identifiers are let in; ["*"] lets this server ask whoever is named"#
        ]],
    );
    faults(
        "openid2",
        "allow = [\"op.example\"]\nemail_trust = \"assist\"",
        expect![[r#"
        `allow` has `op.example`, which is neither "*" nor the beginning of addresses such as https://op.example/
        `email_trust` must be "never": by OpenID 2.0 anybody may be a provider of any address"#]],
    );
    faults(
        "openid2",
        "identifier = \"http://op.example/\"",
        expect![
            "`identifier` must begin with https:// (on this machine, for development: set may_ask_loopback in [identity])"
        ],
    );
    faults(
        "openid2",
        "identifier = \"https://op.example/\"\nalow = []",
        expect!["unknown key `alow`; did you mean `allow`?"],
    );
    faults(
        "openid2_hybrid",
        "identifier = \"ask\"\nclient_id = \"c\"",
        expect![[r#"
        `identifier` may not be "ask": a consumer key is known to one provider only
        `allow` is missing: say whose identifiers are let in; ["*"] lets this server ask whoever is named
        `access_token` is no address of the web"#]],
    );
    faults("openid2", "allow = [\"https://*.op.example/\"]", expect!["none"]);
}

proptest::proptest! {
    #[test]
    fn no_settings_and_no_answers_make_it_panic(
        key in "[a-z_]{1,12}",
        text in ".{0,40}",
        answer in proptest::arbitrary::any::<Vec<u8>>(),
    ) {
        let mut table = Table::new();
        table.insert(key, text.into());
        drop(load("github", &[&Written { table, secret: None }], true));
        if let Ok(answer) = crate::fetch::json::parse(&answer) {
            drop(profile("github", "", json!({ "me": answer })));
        }
    }
}
