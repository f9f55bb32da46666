//! Sign-in as clients meet it: requests through the router, on a store of its own, of the engine of this run.

#[path = "sign_in/external.rs"]
mod external;
#[path = "sign_in/openid2.rs"]
mod openid2;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use base::secret::Secret;
use base::time::{Clock, Timestamp};
use base::unit::Span;
use identity::{Config, Identity, superusers};
use records::{Authenticate, Draft, Limits, Moment, Principal, Records, Request, Shape};
use serde_json::{Value, json};
use store::{Engine, Store};
use tokio_util::sync::CancellationToken;
use web::Front;
use web::limiter::{Allowance, Limiter};

const EMAIL: &str = "test@example.com";
const PASSWORD: &str = "correct horse";
const START: Timestamp = Timestamp(1_800_000_000_000);

/// An open house of records and identity, with a superuser and one user.
struct Fixture {
    _dir: tempfile::TempDir,
    clock: Clock,
    records: Records,
    identity: Identity,
    front: Front,
    user: String,
    _database: Option<testbed::Database>,
}

async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(START);
    let database = testbed::chosen();
    let mut config = store::Config::new(dir.path());
    if let Some(database) = &database {
        config.engine = Engine::from_url(&database.url()).expect("a server's address");
    }
    let store = Store::open(config, clock.clone()).await.expect("a store");
    let records = Records::open_cached(
        store,
        clock.clone(),
        Limits::default(),
        Some(cache::Config::in_process(1 << 20)),
    )
    .await
    .expect("records");
    let web = web::Config {
        rates: vec![Allowance {
            label: "*:auth".into(),
            requests: 20,
            per: Span(std::time::Duration::from_secs(60)),
        }],
        ..web::Config::default()
    };
    let limiter = Arc::new(Limiter::new(&web, clock.clone()));
    let identity = Identity::new(Config::default(), records.clone(), limiter);
    let front = Front::new(identity.router(), Arc::new(web));
    superusers::create(&records, "root@example.com", &Secret::new("rootrootroot"))
        .await
        .expect("a superuser");
    let user = create_user(&records).await;
    Fixture { _dir: dir, clock, records, identity, front, user, _database: database }
}

/// A request of a superuser.
async fn as_superuser(records: &Records, body: &Value) -> Request {
    let collection = records.catalog().find("_superusers").expect("there").clone();
    let account =
        records.find_account(&collection, &["email".into()], "root@example.com").await.expect("reads");
    Request {
        method: "POST".into(),
        body: body.as_object().expect("an object").clone(),
        auth: account.map(Arc::new),
        ..Request::default()
    }
}

async fn create_user(records: &Records) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let request = as_superuser(records, &body).await;
    let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
    records.create(&request, "users", draft, &Shape::default()).await.expect("a user").row.id.clone()
}

impl Fixture {
    async fn send(&self, method: &str, path: &str, token: &str, kind: &str, body: &str) -> (u16, Value) {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "test")
            .header("content-type", kind)
            .header("authorization", token)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, token, "application/json", &body.to_string()).await
    }

    async fn sign_in(&self, collection: &str, identity: &str, password: &str) -> (u16, Value) {
        let path = format!("/api/collections/{collection}/auth-with-password");
        self.post(&path, "", json!({ "identity": identity, "password": password })).await
    }

    async fn token(&self) -> String {
        let (status, body) = self.sign_in("users", EMAIL, PASSWORD).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    async fn superuser_token(&self) -> String {
        let (status, body) = self.sign_in("_superusers", "root@example.com", "rootrootroot").await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    async fn holder(&self, token: &str) -> Option<Arc<Principal>> {
        self.identity.principal(token, Moment::default()).await.expect("reads")
    }

    async fn change_password(&self) {
        let body = json!({ "password": "another horse", "passwordConfirm": "another horse" });
        let request = as_superuser(&self.records, &body).await;
        let draft = Draft { values: request.body.clone(), uploads: Vec::new() };
        self.records.update(&request, "users", &self.user, draft, &Shape::default()).await.expect("changed");
    }

    fn pass(&self, seconds: i64) {
        let Clock::Manual(at) = &self.clock else { panic!("a manual clock") };
        at.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_right_password_gets_the_record_and_a_token() {
    let house = fixture().await;
    let (status, body) = house.sign_in("users", EMAIL, PASSWORD).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["record"]["id"], &body["record"]["email"]), (&json!(house.user), &json!(EMAIL)));
    assert_eq!(body["record"]["collectionName"], "users");
    for hidden in ["password", "tokenKey"] {
        assert_eq!(body["record"].get(hidden), None);
    }
    let holder = house.holder(body["token"].as_str().expect("a token")).await.expect("somebody");
    assert_eq!((holder.row.id.as_str(), holder.is_superuser()), (house.user.as_str(), false));
}

#[tokio::test]
async fn a_form_signs_in_as_json_does() {
    let house = fixture().await;
    let path = "/api/collections/users/auth-with-password?fields=token";
    let form = "identity=test%40example.com&password=correct+horse&identityField=email";
    let (status, body) = house.send("POST", path, "", "application/x-www-form-urlencoded", form).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body.as_object().map(|b| b.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["token".to_owned()])
    );
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let house = fixture().await;
    let expected = json!({ "status": 400, "message": "Failed to authenticate.", "data": {} });
    for (identity, password) in
        [(EMAIL, "wrong horse"), ("nobody@example.com", PASSWORD), ("' OR 1=1", PASSWORD)]
    {
        assert_eq!(house.sign_in("users", identity, password).await, (400, expected.clone()));
    }
}

#[tokio::test]
async fn what_is_missing_or_too_long_is_told_by_field() {
    let house = fixture().await;
    let (status, body) = house.sign_in("users", "", &"x".repeat(256)).await;
    assert_eq!(status, 400);
    assert_eq!(body["data"]["identity"]["code"], "validation_required");
    assert_eq!(body["data"]["password"]["code"], "validation_length_out_of_range");
    let path = "/api/collections/users/auth-with-password";
    let other = json!({ "identity": EMAIL, "password": PASSWORD, "identityField": "name" });
    let (status, body) = house.post(path, "", other).await;
    assert_eq!((status, &body["data"]["identityField"]["code"]), (400, &json!("validation_in_invalid")));
    let (status, body) = house.send("POST", path, "", "application/json", "{\"identity\":").await;
    assert_eq!((status, &body["data"]), (400, &json!({})));
    assert_eq!(house.sign_in("nothing", EMAIL, PASSWORD).await.0, 404);
}

#[tokio::test]
async fn too_many_tries_are_refused() {
    let house = fixture().await;
    for _ in 0..20 {
        assert_eq!(house.sign_in("users", "", "").await.0, 400);
    }
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 429);
    house.pass(61);
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 200);
}

#[tokio::test]
async fn a_new_password_voids_the_tokens() {
    let house = fixture().await;
    let token = house.token().await;
    assert!(house.holder(&token).await.is_some());
    house.change_password().await;
    assert!(house.holder(&token).await.is_none());
    assert_eq!(house.sign_in("users", EMAIL, PASSWORD).await.0, 400);
    assert_eq!(house.sign_in("users", EMAIL, "another horse").await.0, 200);
}

#[tokio::test]
async fn a_new_password_voids_the_tokens_that_are_kept_at_hand() {
    let house = fixture().await;
    let stop = CancellationToken::new();
    let (identity, until) = (house.identity.clone(), stop.clone());
    let following = async move { identity.run(until).await };
    let asking = async {
        let token = house.token().await;
        for _ in 0..3 {
            assert!(house.holder(&token).await.is_some());
            // lets the follower of the change log have its turn
            tokio::task::yield_now().await;
        }
        house.change_password().await;
        assert!(house.holder(&token).await.is_none(), "at once");
        stop.cancel();
    };
    tokio::join!(following, asking);
}

#[tokio::test]
async fn a_token_dies_with_its_account_and_in_its_time() {
    let house = fixture().await;
    let token = house.token().await;
    let seconds =
        house.records.catalog().find("users").and_then(|c| c.auth.clone()).expect("auth").token_seconds;
    house.pass(i64::try_from(seconds).expect("small") - 1);
    assert!(house.holder(&token).await.is_some());
    house.pass(1);
    assert!(house.holder(&token).await.is_none(), "expired");
    let token = house.token().await;
    let request = as_superuser(&house.records, &json!({})).await;
    house.records.delete(&request, "users", &house.user).await.expect("deleted");
    assert!(house.holder(&token).await.is_none(), "deleted");
}

#[tokio::test]
async fn a_refreshed_token_lives_longer() {
    let house = fixture().await;
    let token = house.token().await;
    house.pass(60);
    let path = "/api/collections/users/auth-refresh";
    let (status, body) = house.post(path, &format!("Bearer {token}"), json!({})).await;
    assert_eq!((status, &body["record"]["id"]), (200, &json!(house.user)), "{body}");
    assert_ne!(body["token"], json!(token));
    assert!(house.holder(body["token"].as_str().expect("a token")).await.is_some());
    assert_eq!(house.post(path, "", json!({})).await.0, 401);
    assert_eq!(house.post(path, "nonsense", json!({})).await.0, 401);
    assert_eq!(house.post("/api/collections/_superusers/auth-refresh", &token, json!({})).await.0, 403);
}

#[tokio::test]
async fn a_superuser_acts_as_another_for_as_long_as_said() {
    let house = fixture().await;
    let (root, user) = (house.superuser_token().await, house.token().await);
    let path = format!("/api/collections/users/impersonate/{}", house.user);
    assert_eq!(house.post(&path, "", json!({})).await.0, 401);
    assert_eq!(house.post(&path, &user, json!({})).await.0, 403);
    assert_eq!(house.post("/api/collections/users/impersonate/none", &root, json!({})).await.0, 404);
    let (status, body) = house.post(&path, &root, json!({ "duration": -1 })).await;
    assert_eq!((status, body["data"]["duration"]["code"].is_string()), (400, true));
    let (status, body) = house.post(&path, &root, json!({ "duration": 100 })).await;
    assert_eq!((status, &body["record"]["email"]), (200, &json!(EMAIL)), "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();
    assert_eq!(house.holder(&token).await.map(|p| p.row.id.clone()), Some(house.user.clone()));
    let (status, body) = house.post("/api/collections/users/auth-refresh", &token, json!({})).await;
    assert_eq!((status, &body["token"]), (200, &json!(token)), "it is not renewed");
    house.pass(100);
    assert!(house.holder(&token).await.is_none());
}

#[tokio::test]
async fn a_file_token_opens_files_only() {
    let house = fixture().await;
    assert_eq!(house.post("/api/files/token", "", json!({})).await.0, 401);
    let (status, body) = house.post("/api/files/token", &house.token().await, json!({})).await;
    let token = body["token"].as_str().expect("a token");
    assert_eq!(status, 200);
    assert!(house.holder(token).await.is_none());
    let holder = house.identity.file_principal(token).await.expect("reads").expect("somebody");
    assert_eq!(holder.row.id, house.user);
    assert!(house.identity.file_principal(&house.token().await).await.expect("reads").is_none());
}

#[tokio::test]
async fn a_token_of_another_collection_does_not_pass() {
    let house = fixture().await;
    let users = house.records.catalog().find("users").expect("there").clone();
    let row = house.records.find(&users, &house.user).await.expect("reads").expect("there");
    let superusers = house.records.catalog().find("_superusers").expect("there").clone();
    let forged = house.identity.sign_in_token(&Principal { collection: superusers, row }).expect("a token");
    assert!(house.holder(&forged).await.is_none());
}

#[tokio::test]
async fn the_ways_to_sign_in_are_listed() {
    let house = fixture().await;
    let (status, body) = house.send("GET", "/api/collections/users/auth-methods", "", "", "").await;
    assert_eq!(status, 200);
    assert_eq!(body["password"], json!({ "identityFields": ["email"], "enabled": true }));
    for absent in ["oauth2", "mfa", "otp"] {
        assert_eq!(body[absent]["enabled"], false, "{absent}");
    }
    assert_eq!(body["oauth2"]["providers"], json!([]));
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let house = fixture().await;
    for (name, status) in [
        ("auth-with-oauth2", 403),
        ("request-otp", 403),
        ("auth-with-otp", 403),
        ("request-password-reset", 501),
        ("confirm-verification", 501),
    ] {
        let (told, body) = house.post(&format!("/api/collections/users/{name}"), "", json!({})).await;
        assert_eq!((told, body["message"].as_str().is_some_and(|m| m.len() > 20)), (status, true), "{name}");
        assert_eq!(
            house.post(&format!("/api/collections/none/{name}"), "", json!({})).await.0,
            404,
            "{name}"
        );
    }
}

#[tokio::test]
async fn superusers_are_made_renewed_listed_and_deleted() {
    let house = fixture().await;
    let (records, first) = (&house.records, Secret::new("first password"));
    assert!(superusers::create(records, "root@example.com", &first).await.is_err(), "already there");
    assert!(superusers::create(records, "nonsense", &first).await.is_err());
    assert!(superusers::create(records, "b@example.com", &Secret::new("short")).await.is_err());
    assert!(superusers::update(records, "b@example.com", &first).await.is_err(), "not there yet");
    let done = superusers::upsert(records, "b@example.com", &first).await.expect("made");
    assert_eq!(done, superusers::Done::Created);
    let done =
        superusers::upsert(records, "b@example.com", &Secret::new("second password")).await.expect("renewed");
    assert_eq!(done, superusers::Done::Updated);
    let listed = superusers::list(records).await.expect("a list");
    assert_eq!(
        listed.iter().map(|s| s.email.as_str()).collect::<Vec<_>>(),
        ["b@example.com", "root@example.com"]
    );
    superusers::delete(records, "root@example.com").await.expect("deleted");
    assert!(superusers::delete(records, "b@example.com").await.is_err(), "the last one stays");
    assert!(superusers::exist(records).await.expect("reads"));
}
