//! Signing in on the pages, without any script.

use serde_json::json;

use super::tab::Tab;
use crate::authenticator::{code, enrolled};
use crate::house::{EMAIL, Fixture, PASSWORD, open};
use crate::mailing::{URL, mailing, with_codes};

const PASSWORD_FORM: &str = "/auth/sign-in/password";

async fn house() -> Fixture {
    open(identity::Config::default(), 100_000, |identity| identity).await
}

/// Says who it is, and gives the password.
pub(super) async fn sign_in(tab: &mut Tab<'_>, email: &str, password: &str) {
    tab.open("/auth/sign-in").await;
    tab.send("/auth/sign-in", &[("who", email)]).await;
    tab.send(PASSWORD_FORM, &[("password", password)]).await;
}

#[tokio::test]
async fn a_person_signs_in_by_password_and_is_sent_where_it_wanted_to_go() {
    let house = house().await;
    let mut tab = Tab::new(&house.front);
    tab.open("/auth/sign-in?return_to=/bills?page=2").await;
    tab.send("/auth/sign-in", &[("who", EMAIL)]).await;
    let fields = tab.page.form(PASSWORD_FORM);
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| if name == "password" { (name, PASSWORD.to_owned()) } else { (name, value) })
        .collect();
    tab.post(PASSWORD_FORM, &fields, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!((tab.page.status, tab.page.header("location")), (303, "/bills?page=2"));
    let token = tab.token().expect("a session").to_owned();
    assert_eq!(house.holder(&token).await.expect("somebody").row.id, house.user);
    let page = tab.open("/auth/account").await.text.clone();
    assert!(page.contains(EMAIL) && page.contains("Where you are signed in"), "{page}");
    assert_eq!(tab.open("/auth/sign-in?return_to=/auth/account").await.status, 200);
    assert!(tab.page.text.contains("Your account"), "who has signed in is sent on");
}

#[tokio::test]
async fn no_page_tells_whether_there_is_an_account() {
    let house = house().await;
    let mut pages = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let mut tab = Tab::new(&house.front);
        tab.open("/auth/sign-in").await;
        tab.send("/auth/sign-in", &[("who", email)]).await;
        let ways = tab.page.clone();
        tab.send(PASSWORD_FORM, &[("password", "wrong password")]).await;
        assert_eq!(tab.page.status, 401);
        assert!(tab.page.text.contains("The email or the password is wrong."), "{}", tab.page.text);
        let mark = ways.form(PASSWORD_FORM).into_iter().find(|(name, _)| name == "mark").expect("a mark").1;
        let plain = |text: &str| {
            text.replace(email, "WHO").replace(&email.replace('@', "%40"), "WHO").replace(&mark, "MARK")
        };
        pages.push((plain(&ways.text), plain(&tab.page.text)));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    let house = house().await;
    for to in [
        "//evil.example",
        "/%5Cevil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
        "%2F%2Fevil.example",
    ] {
        let mut tab = Tab::new(&house.front);
        tab.open(&format!("/auth/sign-in?return_to={to}")).await;
        assert!(
            !tab.page.text.contains("evil") || tab.page.text.matches("evil").count() == 1,
            "only the switch of the language keeps it"
        );
        tab.send("/auth/sign-in", &[("who", EMAIL), ("return_to", "//evil.example")]).await;
        tab.send(PASSWORD_FORM, &[("password", PASSWORD), ("return_to", "//evil.example")]).await;
        assert!(tab.page.text.contains("Your account"), "{to}: {}", tab.page.text);
    }
}

#[tokio::test]
async fn no_other_site_signs_somebody_in_as_somebody_else() {
    let house = house().await;
    let mut evil = Tab::new(&house.front);
    evil.open("/auth/sign-in").await;
    evil.send("/auth/sign-in", &[("who", EMAIL)]).await;
    let mut form = evil.page.form(PASSWORD_FORM);
    form.iter_mut()
        .filter(|(name, _)| name == "password")
        .for_each(|field| PASSWORD.clone_into(&mut field.1));
    let mut victim = Tab::new(&house.front);
    victim.open("/auth/sign-in").await;
    for site in ["cross-site", "same-site", "same-origin"] {
        victim.post(PASSWORD_FORM, &form, &[("sec-fetch-site", site)]).await;
        assert_eq!((victim.page.status, victim.token()), (403, None), "{site}");
    }
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let house = house().await;
    let mut tab = Tab::new(&house.front);
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    let planted = tab.token().expect("a session").to_owned();
    tab.open("/auth/sign-in?again=1").await;
    tab.send(PASSWORD_FORM, &[("password", PASSWORD)]).await;
    let own = tab.token().expect("a session").to_owned();
    assert_ne!(own, planted);
    assert!(house.holder(&planted).await.is_none() && house.holder(&own).await.is_some());
}

#[tokio::test]
async fn an_authenticator_is_enrolled_asked_for_and_turned_off_on_the_pages() {
    const HERE: &str = "/auth/account/authenticator";
    let house = house().await;
    let mut tab = Tab::new(&house.front);
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    tab.open(HERE).await;
    tab.send(HERE, &[("step", "begin")]).await;
    assert!(tab.page.text.contains("<svg"), "the square");
    let secret = tab
        .page
        .text
        .split("id=\"secret\">")
        .nth(1)
        .expect("the seed")
        .split('<')
        .next()
        .expect("its end")
        .to_owned();
    tab.send(HERE, &[("step", "prove"), ("code", "000000")]).await;
    assert!(
        tab.page.text.contains("The code is wrong") && tab.page.text.contains(&secret),
        "the same square once more"
    );
    tab.send(HERE, &[("step", "prove"), ("code", &code(&secret, 1_800_000_000))]).await;
    let recovery = tab.page.text.split("class=\"codes\"").nth(1).expect("codes").to_owned();
    let recovery =
        recovery.split("<li>").nth(1).expect("a code").split('<').next().expect("its end").to_owned();
    assert!(!tab.open(HERE).await.text.contains(&recovery), "they are shown once");
    house.pass(60);
    let mut other = Tab::new(&house.front);
    sign_in(&mut other, EMAIL, PASSWORD).await;
    assert!(other.token().is_none() && other.page.text.contains("Second step"), "{}", other.page.text);
    other.send("/auth/sign-in/second", &[("code", "123456")]).await;
    assert_eq!((other.page.status, other.token()), (401, None));
    other.send("/auth/sign-in/second", &[("code", &recovery)]).await;
    assert!(other.page.text.contains("Your account"), "{}", other.page.text);
    other.open(HERE).await;
    other.send(HERE, &[("step", "off"), ("code", &code(&secret, 1_800_000_060))]).await;
    assert!(other.page.text.contains("Your authenticator is off."), "{}", other.page.text);
}

#[tokio::test]
async fn an_account_is_changed_only_by_whoever_has_just_shown_who_it_is() {
    let house = house().await;
    let mut tab = Tab::new(&house.front);
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    tab.open("/auth/account/password").await;
    let form = tab.page.form("/auth/account/password");
    house.pass(301);
    for page in ["password", "authenticator"] {
        assert!(tab.open(&format!("/auth/account/{page}")).await.text.contains("Is it you?"), "{page}");
    }
    let mut filled = form.clone();
    for field in &mut filled {
        if field.0.starts_with("password") {
            "another horse".clone_into(&mut field.1);
        }
    }
    tab.post("/auth/account/password", &filled, &[("sec-fetch-site", "same-origin")]).await;
    assert!(tab.page.header("location").starts_with("/auth/sign-in?"), "{}", tab.page.header("location"));
    for action in ["passkeys/remove", "link", "unlink", "authenticator", "email"] {
        let path = format!("/auth/account/{action}");
        tab.post(&path, &form, &[("sec-fetch-site", "same-origin")]).await;
        assert!(tab.page.header("location").starts_with("/auth/sign-in?"), "{action}");
    }
    tab.open("/auth/account/password").await;
    tab.send(PASSWORD_FORM, &[("password", PASSWORD)]).await;
    tab.send("/auth/account/password", &[("password", "another horse"), ("passwordConfirm", "another hors")])
        .await;
    assert!(tab.page.text.contains("The two passwords differ."), "{}", tab.page.text);
    let elsewhere = house.token().await;
    tab.send(
        "/auth/account/password",
        &[("password", "another horse"), ("passwordConfirm", "another horse")],
    )
    .await;
    assert!(tab.page.text.contains("Your password is new"), "{}", tab.page.text);
    assert!(house.holder(&elsewhere).await.is_none(), "signed out everywhere else");
    assert_eq!(house.sign_in("users", EMAIL, "another horse").await.0, 200);
}

#[tokio::test]
async fn a_person_ends_one_session_or_all_others() {
    let house = house().await;
    let others = [house.token().await, house.token().await];
    let mut tab = Tab::new(&house.front);
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    tab.open("/auth/account").await;
    let form = tab.page.form("/auth/account/sessions");
    let id = tab
        .page
        .text
        .split("/auth/account/sessions")
        .nth(1)
        .and_then(|rest| rest.split("name=\"id\" value=\"").nth(1));
    let id = id.expect("a session").split('"').next().expect("its end").to_owned();
    tab.send("/auth/account/sessions", &[("id", &id)]).await;
    let mut alive = 0;
    for token in &others {
        alive += usize::from(house.holder(token).await.is_some());
    }
    assert_eq!(alive, 1);
    let mut others_form = form;
    others_form.push(("others".into(), "1".into()));
    tab.post("/auth/account/sessions", &others_form, &[("sec-fetch-site", "same-origin")]).await;
    for token in &others {
        assert!(house.holder(token).await.is_none());
    }
    assert!(house.holder(tab.token().expect("a session")).await.is_some());
}

#[tokio::test]
async fn a_person_signs_in_by_a_mailed_code_and_is_asked_for_the_second_way() {
    let mut settings = with_codes();
    settings["mfa"] = json!({ "enabled": true, "duration": 300, "rule": "" });
    let Some(mailing) = mailing(&settings).await else { return };
    let _running = mailing.run();
    let mut tab = Tab::new(&mailing.house.front);
    sign_in(&mut tab, EMAIL, PASSWORD).await;
    assert!(tab.token().is_none() && tab.page.text.contains("a second way"), "{}", tab.page.text);
    assert!(!tab.page.text.contains("name=\"password\""), "not the same way twice");
    tab.send("/auth/sign-in/mail", &[]).await;
    let code = mailing.code(EMAIL, 1).await;
    tab.send("/auth/sign-in/code", &[("code", "000000")]).await;
    assert_eq!((tab.page.status, tab.token()), (401, None));
    tab.send("/auth/sign-in/code", &[("code", &code)]).await;
    assert!(
        tab.page.text.contains("Your account") && tab.page.text.contains("password + otp"),
        "{}",
        tab.page.text
    );
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_a_link_to_the_services_own_address() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    let _running = mailing.run();
    let mut texts = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let mut tab = Tab::new(&mailing.house.front);
        tab.host = "evil.example";
        tab.open("/auth/recover").await;
        let fields = [("who".to_owned(), email.to_owned())].into_iter();
        let fields: Vec<_> = tab
            .page
            .form("/auth/recover")
            .into_iter()
            .filter(|(name, _)| name != "who")
            .chain(fields)
            .collect();
        let poison = [
            ("sec-fetch-site", "same-origin"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
        ];
        tab.post("/auth/recover", &fields, &poison).await;
        assert_eq!(tab.page.status, 200, "{}", tab.page.text);
        texts.push(tab.page.text.replace(email, "WHO"));
    }
    assert_eq!(texts[0], texts[1]);
    let mail = mailing.mail(EMAIL, 1).await;
    let link = mail["links"][0].as_str().expect("a link");
    assert!(link.starts_with(URL) && !mail.to_string().contains("evil"), "{mail}");
    assert!(mailing.mails("nobody@example.com").await.is_empty());
}

#[tokio::test]
async fn whoever_recovers_is_still_asked_for_the_second_factor() {
    let Some(mailing) = mailing(&json!({})).await else { return };
    mailing.house.set("users", &json!({})).await;
    let _running = mailing.run();
    let token = {
        mailing.ask("request-verification", json!({ "email": EMAIL })).await;
        mailing.token(EMAIL, 1).await
    };
    mailing.ask("confirm-verification", json!({ "token": token })).await;
    let (secret, _) = enrolled(&mailing.house).await;
    let mut tab = Tab::new(&mailing.house.front);
    tab.open("/auth/recover").await;
    tab.send("/auth/recover", &[("who", EMAIL)]).await;
    let token = mailing.token(EMAIL, 2).await;
    let body = json!({ "token": token, "password": "another horse", "passwordConfirm": "another horse" });
    assert_eq!(mailing.ask("confirm-password-reset", body).await.0, 204);
    mailing.house.pass(60);
    sign_in(&mut tab, EMAIL, "another horse").await;
    assert!(tab.token().is_none() && tab.page.text.contains("Second step"), "{}", tab.page.text);
    tab.send("/auth/sign-in/second", &[("code", &code(&secret, 1_800_000_060))]).await;
    assert!(tab.page.text.contains("Your account"), "{}", tab.page.text);
}
