//! A proxy asks who it is.

use base::time::Clock;
use serde_json::{Value, json};

use super::service::{Ground, Service, said};
use crate::house::{EMAIL, as_superuser};

const CHECK: &str = "/auth/check";

async fn opened() -> (Ground, Service, String) {
    let ground = Ground::lay(Clock::System).await;
    let service = ground.serve(&[], |_| {}).await;
    let cookie = service.cookie(&ground).await;
    (ground, service, cookie)
}

async fn change_user(ground: &Ground, values: Value) {
    let request = as_superuser(&ground.records, &values).await;
    let draft = records::Draft { values: request.body.clone(), uploads: Vec::new() };
    let user = ground.user().await.row.id.clone();
    ground
        .records
        .update(&request, "users", &user, draft, &records::Shape::default())
        .await
        .expect("changed");
}

#[tokio::test]
async fn a_proxy_is_told_who_it_is_by_headers_and_by_a_token_that_our_public_keys_prove() {
    let (ground, service, cookie) = opened().await;
    change_user(&ground, json!({ "name": "김온돌" })).await;
    let asked =
        [("cookie", cookie.as_str()), ("x-forwarded-host", "tools.example"), ("x-forwarded-method", "POST")];
    let page = service.ask("GET", &format!("{CHECK}?app=grafana"), &asked, "").await;
    let user = ground.user().await.row.id.clone();
    assert_eq!(
        (page.status, page.header("x-ondol-user"), page.header("x-ondol-accounts")),
        (200, user.as_str(), "users")
    );
    assert_eq!(
        (page.header("x-ondol-email"), page.header("x-ondol-groups")),
        ("", ""),
        "nobody has proved the address"
    );
    let assertion = page.header("x-ondol-assertion").to_owned();
    let told = said(&assertion);
    let wanted = [
        ("iss", json!(service.url)),
        ("aud", json!("grafana")),
        ("sub", json!(user)),
        ("host", json!("tools.example")),
        ("method", json!("POST")),
        ("name", json!("김온돌")),
        ("amr", json!(["pwd"])),
        ("collection", json!("users")),
    ];
    for (name, value) in wanted {
        assert_eq!(told[name], value, "{name}");
    }
    assert_eq!(told.get("email"), None);
    assert_eq!(told["exp"].as_i64().zip(told["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(60));
    // it is no token for anything else
    assert_eq!(service.about(&assertion).await.0, 401);
    assert!(service.identity.session(&assertion, records::Moment::default()).await.expect("reads").is_none());
    change_user(&ground, json!({ "verified": true })).await;
    let page = service.ask("GET", CHECK, &[("cookie", &cookie)], "").await;
    assert_eq!(
        (page.header("x-ondol-email"), said(page.header("x-ondol-assertion"))["email"].as_str()),
        (EMAIL, Some(EMAIL))
    );
}

#[tokio::test]
async fn a_hidden_field_is_nobodys_group() {
    let (ground, service, cookie) = opened().await;
    change_user(&ground, json!({ "name": "admins" })).await;
    for (field, groups) in [("name", "admins"), ("tokenKey", ""), ("password", ""), ("nonsense", "")] {
        let page = service.ask("GET", &format!("{CHECK}?groups={field}"), &[("cookie", &cookie)], "").await;
        assert_eq!((page.status, page.header("x-ondol-groups")), (200, groups), "{field}");
        let told = said(page.header("x-ondol-assertion"));
        assert!(
            !told.to_string().contains("argon2")
                && told["groups"] == json!(if groups.is_empty() { vec![] } else { vec![groups] })
        );
    }
}

#[tokio::test]
async fn a_person_without_a_session_is_sent_to_sign_in_and_a_script_is_refused() {
    let (_ground, service, _) = opened().await;
    let host = service.url.trim_start_matches("http://").to_owned();
    let navigates = ("sec-fetch-mode", "navigate");
    let back = ("x-forwarded-uri", "/grafana/d/1?a=b");
    let wanted = "/auth/sign-in?return_to=%2Fgrafana%2Fd%2F1%3Fa%3Db";
    let leads = |to: &str, other: &str| (303, to.to_owned(), other.to_owned());
    for (asked, query, answer) in [
        (vec![navigates, back], "", leads(wanted, wanted)),
        (vec![navigates, back, ("x-forwarded-host", &host)], "", leads(wanted, wanted)),
        (
            vec![navigates, back, ("host", "10.0.0.3:8090"), ("x-forwarded-host", &host)],
            "",
            leads(wanted, wanted),
        ),
        (vec![("accept", "text/html"), back], "", leads(wanted, wanted)),
        (
            vec![("accept", "text/html"), ("sec-fetch-mode", "cors"), back],
            "",
            (401, String::new(), wanted.to_owned()),
        ),
        (vec![back], "", (401, String::new(), wanted.to_owned())),
        (
            vec![navigates, ("x-original-uri", "/grafana/d/1?a=b")],
            "?on_failure=401",
            (401, String::new(), wanted.to_owned()),
        ),
    ] {
        let page = service.ask("GET", &format!("{CHECK}{query}"), &asked, "").await;
        let told =
            (page.status, page.header("location").to_owned(), page.header("x-ondol-location").to_owned());
        assert_eq!(told, answer, "{asked:?}");
        assert!(page.header("x-ondol-user").is_empty() && page.header("cache-control") == "no-store");
    }
}

#[tokio::test]
async fn a_way_back_leads_to_a_path_of_this_host_or_to_its_first_page() {
    let (_ground, service, _) = opened().await;
    for (name, value) in [
        ("x-forwarded-uri", "//evil.example"),
        ("x-forwarded-uri", "https://evil.example/"),
        ("x-forwarded-uri", "/\\evil.example"),
        ("x-forwarded-uri", "/%2fevil.example"),
        ("x-forwarded-uri", "javascript:alert(1)"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
    ] {
        let asked = [("sec-fetch-mode", "navigate"), (name, value)];
        let page = service.ask("GET", CHECK, &asked, "").await;
        assert_eq!(
            (page.status, page.header("location")),
            (303, "/auth/sign-in?return_to=%2F"),
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn other_accounts_do_not_pass_nor_does_an_ended_session() {
    let (ground, service, cookie) = opened().await;
    let page = service.ask("GET", &format!("{CHECK}?accounts=_superusers"), &[("cookie", &cookie)], "").await;
    assert_eq!(
        (page.status, page.header("x-ondol-location")),
        (401, "/auth/sign-in?collection=_superusers&return_to=%2F")
    );
    let token = cookie.trim_start_matches("ondol=");
    let by_header = [("authorization", format!("Bearer {token}"))];
    let by_header = [(by_header[0].0, by_header[0].1.as_str())];
    assert_eq!(service.ask("GET", CHECK, &by_header, "").await.status, 200, "clients of the API pass too");
    service.end(&cookie).await;
    assert_eq!(service.ask("GET", CHECK, &by_header, "").await.status, 401);
    assert_eq!(service.ask("GET", CHECK, &[("cookie", &cookie)], "").await.status, 401);
    drop(ground);
}
