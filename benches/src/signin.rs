//! Sign-in: what a password, a session and its renewal cost, and how others fare while many wait for the pool of hashers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::task::JoinSet;

use crate::http::Client;
use crate::load::percentile;
use crate::machine::cpu_time;
use crate::plan::Plan;
use crate::seed;
use crate::subject::Server;

/// Who signs in.
const EMAIL: &str = "kim@example.com";
/// Who has a token and reads.
const READER: &str = "reader@example.com";
const PASSWORD: &str = "a warm floor";
/// Callers who wait for the pool: as many as it has places for, and those that are hashed.
const WAITING: usize = 100;
/// Callers of what needs no pool.
const CALLERS: usize = 16;

/// One row: what was asked for by how many.
pub(crate) struct Told {
    pub(crate) what: &'static str,
    pub(crate) callers: usize,
    /// Good answers.
    pub(crate) done: usize,
    /// Answers that it is busy.
    pub(crate) busy: usize,
    pub(crate) seconds: f64,
    /// CPU time of the server per good answer.
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// A request that is sent again and again.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    path: String,
    body: String,
    token: String,
}

/// How a caller fared: the times of good answers, and how many were told that it is busy.
type Fared = (Vec<u64>, usize);

/// Runs all of it against a server.
pub(crate) async fn run(server: &Server, plan: &Plan) -> Result<Vec<Told>> {
    let root = seed::sign_in_token(server.port).await?;
    let user = make_user(server.port, &root, EMAIL).await?;
    // an account of its own: of the other one the oldest sessions end, as it has too many
    make_user(server.port, &root, READER).await?;
    let token = token_of(server.port, READER).await?;
    let time = Duration::from_secs(plan.seconds);
    let users = "/api/collections/users";
    let post =
        |path: String, body: String, token: &str| Ask { method: "POST", path, body, token: token.to_owned() };
    let password = post(format!("{users}/auth-with-password"), words(EMAIL), "");
    let get = Ask {
        method: "GET",
        path: format!("/api/collections/posts/records/{}", seed::id_of(1)),
        body: String::new(),
        token: token.clone(),
    };
    let begin = post(format!("{users}/impersonate/{user}"), "{}".into(), &root);
    let renew = post(format!("{users}/auth-refresh"), "{}".into(), &token);
    let mut told = vec![
        measure(server, "get with a token", &get, 1, time).await?,
        measure(server, "sign in by password", &password, 1, time).await?,
        measure(server, "sign in by password", &password, WAITING, time).await?,
        beside(server, &get, &password, time).await?,
    ];
    for (what, ask) in [("begin a session", &begin), ("renew a session", &renew)] {
        told.push(measure(server, what, ask, 1, time).await?);
        told.push(measure(server, what, ask, CALLERS, time).await?);
    }
    Ok(told)
}

fn words(email: &str) -> String {
    json!({ "identity": email, "password": PASSWORD }).to_string()
}

async fn make_user(port: u16, root: &str, email: &str) -> Result<String> {
    let user = json!({ "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD, "verified": true });
    let mut client = Client::connect(port).await?.with_token(root);
    let made = client.expect("POST", "/api/collections/users/records", &user.to_string()).await?;
    Ok(made["id"].as_str().context("a user without an id")?.to_owned())
}

async fn token_of(port: u16, email: &str) -> Result<String> {
    let mut client = Client::connect(port).await?;
    let answer = client.expect("POST", "/api/collections/users/auth-with-password", &words(email)).await?;
    Ok(answer["token"].as_str().context("signing in gave no token")?.to_owned())
}

/// So many callers ask for the same, for a time.
async fn measure(
    server: &Server,
    what: &'static str,
    ask: &Ask,
    callers: usize,
    time: Duration,
) -> Result<Told> {
    let (before, began) = (cpu_time(server.pid())?, Instant::now());
    let fared = call(server.port, ask, callers, began + time).await?;
    let used = cpu_time(server.pid())?.saturating_sub(before);
    Ok(tell(what, callers, fared, began.elapsed(), used))
}

/// One reader, while so many wait to sign in. The CPU time is of all that the server did, and so not told.
async fn beside(server: &Server, get: &Ask, password: &Ask, time: Duration) -> Result<Told> {
    let began = Instant::now();
    let crowd = call(server.port, password, WAITING, began + time);
    let reader = call(server.port, get, 1, began + time);
    let (crowd, reader) = tokio::join!(crowd, reader);
    crowd?;
    let mut told =
        tell("get with a token, while 100 wait to sign in", 1, reader?, began.elapsed(), Duration::ZERO);
    told.cpu_us = f64::NAN;
    Ok(told)
}

async fn call(port: u16, ask: &Ask, callers: usize, until: Instant) -> Result<Fared> {
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let client = Client::connect(port).await?.with_token(&ask.token);
        all.spawn(repeat(client, ask.clone(), until));
    }
    let (mut times, mut busy) = (Vec::new(), 0);
    while let Some(fared) = all.join_next().await {
        let (mut one, more) = fared??;
        times.append(&mut one);
        busy += more;
    }
    times.sort_unstable();
    Ok((times, busy))
}

async fn repeat(mut client: Client, ask: Ask, until: Instant) -> Result<Fared> {
    let (mut times, mut busy) = (Vec::new(), 0);
    while Instant::now() < until {
        let began = Instant::now();
        let reply = client.send(ask.method, &ask.path, &ask.body).await?;
        match reply.status {
            200..300 => times.push(u64::try_from(began.elapsed().as_micros())?),
            429 | 503 => busy += 1,
            status => anyhow::bail!("{} {}: {status} {}", ask.method, ask.path, reply.body),
        }
    }
    Ok((times, busy))
}

fn tell(what: &'static str, callers: usize, (times, busy): Fared, took: Duration, used: Duration) -> Told {
    Told {
        what,
        callers,
        done: times.len(),
        busy,
        seconds: took.as_secs_f64(),
        cpu_us: used.as_secs_f64() * 1e6 / times.len().max(1) as f64,
        p50_us: percentile(&times, 50),
        p99_us: percentile(&times, 99),
    }
}
