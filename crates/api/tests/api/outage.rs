//! A database server that goes away: requests wait for it up to a limit, then they are told when to come again.

use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::future::{join, join_all};
use serde_json::json;
use store::Engine;
use testbed::{Cut, Cutter, Database};

use crate::house::{House, ROOT};

const POSTS: &str = "/api/collections/posts/records";
/// How long requests wait for the server.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Who is not answered within this hangs.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A method and a path.
type Asked = (&'static str, String);

/// What is answered: the status, `Retry-After`, and the body's text.
type Told = (u16, Option<String>, String);

impl House {
    /// One request of each kind, none of which takes away what another one asks for.
    async fn of_each_kind(&self) -> Vec<Asked> {
        let (kept, dropped) = (self.post().await, self.post().await);
        let list = || POSTS.to_owned();
        vec![("GET", list()), ("GET", kept.clone()), ("POST", list()), ("PATCH", kept), ("DELETE", dropped)]
    }

    async fn post(&self) -> String {
        let post = self.create("posts", ROOT, json!({ "title": "온돌" })).await;
        format!("{POSTS}/{}", post["id"].as_str().expect("an id"))
    }

    /// Sends all at once; gives what each is told.
    async fn tell_all(&self, asked: &[Asked]) -> Vec<Told> {
        let answers = asked.iter().map(|(method, path)| async move {
            let headers = [("content-type", "application/json"), ("authorization", ROOT)];
            let body = match *method {
                "POST" | "PATCH" => Body::from(json!({ "title": "마루" }).to_string()),
                _ => Body::empty(),
            };
            let (status, headers, body) = self.send(method, path, &headers, body).await;
            let again = headers.get("retry-after").map(|value| value.to_str().expect("ASCII").to_owned());
            (status.as_u16(), again, String::from_utf8(body).expect("UTF-8"))
        });
        tokio::time::timeout(ANSWER_MAX, join_all(answers)).await.expect("none hangs")
    }
}

fn assert_done(asked: &[Asked], told: &[Told]) {
    for (asked, told) in asked.iter().zip(told) {
        assert!(matches!(told.0, 200 | 204), "{asked:?}: {told:?}");
    }
}

async fn requests_wait_for_a_while_and_are_told_when_to_come_again(database: Database, port: u16) {
    let mut cutter = Cutter::before(port);
    let url = database.url_at(cutter.port());
    let house = House::on(Some(database), api::Config::default(), |settings| {
        settings.engine = Engine::from_url(&url).expect("a server's address");
        settings.outage_wait_max = WAIT_MAX;
    })
    .await;
    house.open_collection("posts", json!([{ "name": "title", "type": "text" }])).await;

    // it is back in time: nobody notices
    let asked = house.of_each_kind().await;
    cutter.cut_when(|_, _| Cut::DropBefore);
    cutter.drop_all();
    let back = async {
        while cutter.cuts() <= asked.len() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cutter.pass();
    };
    let (told, ()) = join(house.tell_all(&asked), back).await;
    assert_done(&asked, &told);

    // it is not
    let asked = house.of_each_kind().await;
    cutter.refuse();
    cutter.drop_all();
    let since = Instant::now();
    for (asked, told) in asked.iter().zip(house.tell_all(&asked).await) {
        assert_eq!((told.0, told.1.as_deref()), (503, Some("1")), "{asked:?}: {}", told.2);
    }
    assert!(since.elapsed() > WAIT_MAX / 2, "they gave up after {:?}", since.elapsed());

    // and later it is: the same requests, whose records are as they were
    cutter.pass();
    assert_done(&asked, &house.tell_all(&asked).await);
}

#[tokio::test]
async fn while_postgres_is_away_requests_wait_and_are_told_when_to_come_again() {
    let server = testbed::postgres();
    requests_wait_for_a_while_and_are_told_when_to_come_again(server.database(), server.port()).await;
}

#[tokio::test]
async fn while_mariadb_is_away_requests_wait_and_are_told_when_to_come_again() {
    let server = testbed::mariadb();
    requests_wait_for_a_while_and_are_told_when_to_come_again(server.database(), server.port()).await;
}
