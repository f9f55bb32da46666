//! A house whose mails go to the peer of mail: independent software that takes them, and misbehaves when it is told to.

use std::time::Duration;

use base::unit::Span;
use identity::{Config, Identity, Outgoing};
use mail::Security;
use serde_json::{Map, Value, json};
use store::query::Select;
use testbed::{SignInPeer, http};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::house::{self, EMAIL, Fixture};

/// The service's own address, which is not the one that requests come to.
pub(crate) const URL: &str = "https://ondol.example";

pub(crate) struct Mailing {
    pub(crate) house: Fixture,
    pub(crate) peer: SignInPeer,
    smtp: u16,
}

/// Sends the mails of a house until it is dropped, as one web server does.
pub(crate) struct Running {
    _stop: DropGuard,
}

/// A house with mail, these settings of `users`, and nobody yet who sends; `None` where there is no peer.
pub(crate) async fn mailing(settings: &Value) -> Option<Mailing> {
    mailing_with(settings, |_| {}).await
}

/// The same with other limits.
pub(crate) async fn mailing_with(settings: &Value, limit: impl Fn(&mut Config)) -> Option<Mailing> {
    let smtp = testbed::free_port();
    let peer = testbed::sign_in_peer("mail", &["--smtp", &smtp.to_string()])?;
    let mut config = Config { mail_poll_every: Span(Duration::from_millis(20)), ..Config::default() };
    limit(&mut config);
    let house = house::open(config, 100_000, |identity| identity.with_mail(outgoing(smtp))).await;
    house.set("users", settings).await;
    Some(Mailing { house, peer, smtp })
}

fn outgoing(smtp: u16) -> Outgoing {
    let config = mail::Config {
        server: "127.0.0.1".into(),
        port: Some(smtp),
        security: Security::Plain,
        from: "hello@ondol.example".into(),
        from_name: "온돌".into(),
        send_time_max: Duration::from_secs(2),
        ..mail::Config::default()
    };
    let sender = mail::Sender::new(config).expect("settings that are right");
    Outgoing { sender, app_name: "온돌".into(), app_url: URL.into() }
}

/// One-time codes are on.
pub(crate) fn with_codes() -> Value {
    json!({ "otp": { "enabled": true, "duration": 180, "length": 6 } })
}

impl Mailing {
    /// Begins to send.
    pub(crate) fn run(&self) -> Running {
        run(self.house.identity.clone())
    }

    /// Another web server on the same data: its state is its own.
    pub(crate) fn second(&self) -> Identity {
        let web = web::Config::default();
        let limiter = web::limiter::Limiter::new(&web, self.house.clock.clone());
        let config = Config { mail_poll_every: Span(Duration::from_millis(20)), ..Config::default() };
        Identity::new(config, self.house.records.clone(), limiter.into()).with_mail(outgoing(self.smtp))
    }

    /// The mails that have come for an address.
    pub(crate) async fn mails(&self, to: &str) -> Vec<Value> {
        let url = format!("{}/mails?to={}", self.peer.base(), to.replace('+', "%2B"));
        let asked = tokio::task::spawn_blocking(move || http::send("GET", &url, &[], ""));
        serde_json::from_str(&asked.await.expect("an answer").body).expect("a list")
    }

    /// Waits for the mail of that number, from 1, to an address.
    pub(crate) async fn mail(&self, to: &str, number: usize) -> Value {
        self.wait(&format!("mail {number} to {to}"), async || self.mails(to).await.get(number - 1).cloned())
            .await
    }

    /// Waits until something is there.
    pub(crate) async fn wait<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let until = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            let told = self.own("_mails").await;
            assert!(tokio::time::Instant::now() < until, "there is no {what}: {told:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The token in the first link of a mail.
    pub(crate) async fn token(&self, to: &str, number: usize) -> String {
        let mail = self.mail(to, number).await;
        let link = mail["links"][0].as_str().expect("a link").to_owned();
        link.split_once("?token=").expect("a token").1.to_owned()
    }

    /// The first code of a mail.
    pub(crate) async fn code(&self, to: &str, number: usize) -> String {
        self.mail(to, number).await["codes"][0].as_str().expect("a code").to_owned()
    }

    /// The records that are kept for mails and codes.
    pub(crate) async fn own(&self, collection: &str) -> Vec<Map<String, Value>> {
        let collection = self.house.records.catalog().find(collection).expect("always there").clone();
        let mut reader = self.house.records.store().reader().await.expect("a reader");
        let rows = reader.select(&Select::table(&collection.table())).await.expect("reads");
        rows.iter().map(|row| self.house.records.values(&collection, row).0).collect()
    }

    /// Asks an endpoint of `users`.
    pub(crate) async fn ask(&self, name: &str, body: Value) -> (u16, Value) {
        self.house.post(&format!("/api/collections/users/{name}"), "", body).await
    }

    /// Asks for a code for the user, and gives the id and the code of the mail.
    pub(crate) async fn asked_code(&self, number: usize) -> (String, String) {
        let (status, body) = self.ask("request-otp", json!({ "email": EMAIL })).await;
        assert_eq!(status, 200, "{body}");
        (body["otpId"].as_str().expect("an id").to_owned(), self.code(EMAIL, number).await)
    }

    /// A value of the user as it is.
    pub(crate) async fn user(&self, name: &str) -> Value {
        let users = self.house.records.catalog().find("users").expect("there").clone();
        let row = self.house.records.find(&users, &self.house.user).await.expect("reads").expect("there");
        self.house.records.values(&users, &row).0[name].clone()
    }
}

/// Sends the mails that wait, as one web server does.
pub(crate) fn run(identity: Identity) -> Running {
    let stop = CancellationToken::new();
    let until = stop.clone();
    TaskTracker::new().spawn(async move { identity.run(until).await });
    Running { _stop: stop.drop_guard() }
}
