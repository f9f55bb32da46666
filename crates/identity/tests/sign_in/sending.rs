//! How mails are sent, whatever the mail server does.

use serde_json::{Value, json};

use crate::house::EMAIL;
use crate::mailing::{URL, mailing, mailing_with, run, with_codes};

#[tokio::test]
async fn a_mail_says_who_sends_it_and_leads_to_the_services_own_address_whatever_the_request_said() {
    let Some(house) = mailing(&json!({})).await else { return };
    let _running = house.run();
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example"),
        ("origin", "https://evil.example"),
    ];
    let path = "/api/collections/users/request-password-reset";
    let (status, _) = house.house.send_from([10, 0, 0, 9], &headers, path, &json!({ "email": EMAIL })).await;
    assert_eq!(status, 204);
    let mail = house.mail(EMAIL, 1).await;
    assert_eq!((&mail["from"], &mail["to"]), (&json!("hello@ondol.example"), &json!([EMAIL])));
    assert!(mail["subject"].as_str().is_some_and(|s| s.starts_with("온돌: 새 비밀번호")), "{mail}");
    let link = format!("{URL}/auth/confirm-password-reset?token=");
    let links = mail["links"].as_array().expect("links");
    assert!(
        links.len() == 2 && links.iter().all(|l| l.as_str().is_some_and(|l| l.starts_with(&link))),
        "{mail}"
    );
    assert!(
        mail["html"].as_str().is_some_and(|html| html.contains(&link)) && !mail.to_string().contains("evil")
    );
    let header =
        |name: &str| mail["headers"].as_array().into_iter().flatten().find(|h| h[0] == name).cloned();
    assert_eq!(header("Auto-Submitted"), Some(json!(["Auto-Submitted", "auto-generated"])));
}

#[tokio::test]
async fn a_mail_that_the_server_wants_later_is_sent_later() {
    let Some(house) = mailing(&json!({})).await else { return };
    house.peer.tell(r#"{"mode": "greylist"}"#);
    let _running = house.run();
    assert_eq!(house.ask("request-verification", json!({ "email": EMAIL })).await.0, 204);
    let waits = |tries: f64| {
        let house = &house;
        async move || {
            let mail = house.own("_mails").await.pop()?;
            let is_told = mail["reason"].as_str().is_some_and(|reason| reason.contains("451"));
            (is_told && mail["tries"].as_f64() == Some(tries)).then_some(mail)
        }
    };
    let mail = house.wait("first try", waits(1.0)).await;
    assert_eq!(mail["state"], "waiting");
    assert!(house.mails(EMAIL).await.is_empty());
    house.house.pass(10);
    house.mail(EMAIL, 1).await;
    sent(&house, 1).await;
}

#[tokio::test]
async fn a_mail_that_is_refused_is_kept_with_the_reason_and_not_tried_again() {
    let Some(house) = mailing(&json!({})).await else { return };
    house.peer.tell(r#"{"mode": "refuse_rcpt"}"#);
    let _running = house.run();
    house.ask("request-verification", json!({ "email": EMAIL })).await;
    let failed = house
        .wait("failure", async || house.own("_mails").await.pop().filter(|mail| mail["state"] == "failed"))
        .await;
    assert!(failed["reason"].as_str().is_some_and(|reason| reason.contains("550")), "{failed:?}");
    assert_eq!(failed["tries"].as_f64(), Some(1.0));
}

#[tokio::test]
async fn a_server_that_hangs_up_or_is_silent_is_tried_again_until_it_is_enough() {
    let Some(house) = mailing_with(&json!({}), |config| config.mail_tries_max = 3).await else { return };
    let _running = house.run();
    house.peer.tell(r#"{"mode": "drop"}"#);
    house.ask("request-verification", json!({ "email": EMAIL })).await;
    for (tries, mode) in [(1.0, "slow"), (2.0, "drop")] {
        let tried = async || {
            house
                .own("_mails")
                .await
                .pop()
                .filter(|m| m["tries"].as_f64() == Some(tries) && m["reason"] != "")
        };
        let mail = house.wait("try", tried).await;
        assert_eq!(mail["state"], "waiting", "{mail:?}");
        house.peer.tell(&json!({ "mode": mode }).to_string());
        house.house.pass(60);
    }
    let gave_up = async || house.own("_mails").await.pop().filter(|mail| mail["state"] == "failed");
    let mail = house.wait("end", gave_up).await;
    assert_eq!(mail["tries"].as_f64(), Some(3.0));
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_sent_by_another_web_server() {
    let Some(house) = mailing(&json!({})).await else { return };
    house.peer.tell(r#"{"mode": "slow", "times": 1}"#);
    house.ask("request-verification", json!({ "email": EMAIL })).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let dying = house.house.identity.run(stop.clone());
    let taken = async || house.own("_mails").await.pop().filter(|mail| mail["tries"].as_f64() == Some(1.0));
    // dropped in the middle of its work, as by a power cut
    tokio::select! { () = dying => {}, _ = house.wait("one who takes it", taken) => {} }
    house.peer.reset();
    let _other = run(house.second());
    house.house.pass(119);
    tokio::task::yield_now().await;
    assert_eq!(house.own("_mails").await[0]["tries"].as_f64(), Some(1.0), "it is still the first one's");
    house.house.pass(1);
    house.mail(EMAIL, 1).await;
    sent(&house, 1).await;
}

#[tokio::test]
async fn two_web_servers_send_each_mail_once() {
    let Some(house) = mailing(&with_codes()).await else { return };
    let mut asked = 0;
    for _ in 0..8 {
        assert_eq!(house.ask("request-otp", json!({ "email": EMAIL })).await.0, 200);
        asked += 1;
    }
    let (_one, _two) = (house.run(), run(house.second()));
    sent(&house, asked).await;
    let mails = house.mails(EMAIL).await;
    let ids: std::collections::HashSet<String> = mails.iter().map(id).collect();
    assert_eq!((mails.len(), ids.len()), (asked, asked));
}

#[tokio::test]
async fn nothing_that_a_mail_opens_lies_in_the_database() {
    let Some(house) = mailing(&with_codes()).await else { return };
    house.ask("request-verification", json!({ "email": EMAIL })).await;
    let (_, body) = house.ask("request-otp", json!({ "email": EMAIL })).await;
    let waiting = house.own("_mails").await;
    let _running = house.run();
    house.mail(EMAIL, 2).await;
    let mails = house.mails(EMAIL).await;
    let first =
        |of: &str| mails.iter().find_map(|mail| mail[of][0].as_str()).expect("it is there").to_owned();
    let (link, code) = (first("links"), first("codes"));
    let token = link.split_once("?token=").expect("a token").1;
    assert!(body["otpId"].is_string() && code.len() == 6);
    let mut kept = serde_json::to_string(&waiting).expect("JSON");
    for collection in ["_mails", "_otps", "_mfas", "_tallies", "_authOrigins", "users"] {
        kept += &serde_json::to_string(&house.own(collection).await).expect("JSON");
    }
    let signature = token.rsplit('.').next().expect("a signature");
    assert!(!kept.contains(signature) && !kept.contains(&format!("\"{code}\"")), "{kept}");
}

#[tokio::test]
async fn a_name_with_line_breaks_and_markup_in_it_neither_adds_headers_nor_markup() {
    let template = json!({ "verificationTemplate": { "subject": "Hi {RECORD:name}", "body": "<p>{RECORD:name}</p>{TOKEN}" } });
    let Some(house) = mailing(&template).await else { return };
    let hostile = "Kim\r\nBcc: other@example.com\r\n\r\n<img src=x onerror=alert(1)>{OTP}";
    rename(&house, hostile).await;
    let _running = house.run();
    house.ask("request-verification", json!({ "email": EMAIL })).await;
    let mail = house.mail(EMAIL, 1).await;
    assert_eq!(mail["to"], json!([EMAIL]));
    let names: Vec<&str> =
        mail["headers"].as_array().into_iter().flatten().filter_map(|h| h[0].as_str()).collect();
    assert!(!names.contains(&"Bcc"), "{names:?}");
    let html = mail["html"].as_str().expect("a page");
    assert!(html.contains("&lt;img") && !html.contains("<img"), "{html}");
    assert!(house.mails("other@example.com").await.is_empty());
}

async fn rename(house: &crate::mailing::Mailing, name: &str) {
    let request = crate::house::as_superuser(&house.house.records, &json!({ "name": name })).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    let (users, shape) = ("users", records::Shape::default());
    house.house.records.update(&request, users, &house.house.user, draft, &shape).await.expect("renamed");
}

/// Waits until so many mails are marked as sent.
async fn sent(house: &crate::mailing::Mailing, count: usize) {
    let all = async || {
        let mails = house.own("_mails").await;
        (mails.iter().filter(|mail| mail["state"] == "sent").count() == count).then_some(())
    };
    house.wait("mark of a sent mail", all).await;
}

fn id(mail: &Value) -> String {
    let header = mail["headers"].as_array().into_iter().flatten().find(|h| h[0] == "Message-ID");
    header.expect("a name").to_string()
}
