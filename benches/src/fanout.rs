//! Fan-out: many listeners on event streams, some creates per second, and when each listener hears of each.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::{Client, Events};
use crate::load::percentile;
use crate::machine::cpu_time;
use crate::plan::Plan;
use crate::subject::Server;

/// How long after the last create events may still come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before the number of each create stands this, in its title.
const MARK: &[u8] = b"\"title\":\"fan-out ";

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// Events that came.
    pub(crate) events: usize,
    /// Events that should have come.
    pub(crate) expected: usize,
    /// CPU time of the server per event that came, its creates included.
    pub(crate) cpu_us: f64,
    /// From before the create is sent to the event's coming.
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// When each create was sent.
type Sent = Arc<Vec<OnceLock<Instant>>>;

/// Runs the fan-out against a server.
pub(crate) async fn run(server: &Server, plan: &Plan) -> Result<Heard> {
    let sent: Sent = Arc::new((0..plan.events).map(|_| OnceLock::new()).collect());
    let mut listeners = JoinSet::new();
    for _ in 0..plan.listeners {
        let (events, sent) = (subscribe(server.port).await?, Arc::clone(&sent));
        listeners.spawn(async move { listen(events, &sent).await });
    }
    let before = cpu_time(server.pid())?;
    create(server.port, &sent, plan.event_rate).await?;
    let deadline = Instant::now() + PATIENCE;
    let mut delays = Vec::with_capacity(plan.listeners * plan.events);
    while let Ok(Some(done)) =
        timeout(deadline.saturating_duration_since(Instant::now()), listeners.join_next()).await
    {
        delays.extend(done??);
    }
    let used = cpu_time(server.pid())?.saturating_sub(before);
    delays.sort_unstable();
    Ok(Heard {
        events: delays.len(),
        expected: plan.listeners * plan.events,
        cpu_us: used.as_secs_f64() * 1e6 / delays.len().max(1) as f64,
        p50_us: percentile(&delays, 50),
        p99_us: percentile(&delays, 99),
    })
}

/// Opens a stream and subscribes it to all records of the collection.
async fn subscribe(port: u16) -> Result<Events> {
    let mut events = Client::connect(port).await?.listen("/api/realtime").await?;
    let hello = String::from_utf8(events.next().await?.context("the stream ended at once")?)?;
    let data =
        hello.lines().find_map(|line| line.strip_prefix("data:")).context("a greeting without data")?;
    let id = serde_json::from_str::<Value>(data)?["clientId"].as_str().context("no client id")?.to_owned();
    let words = json!({"clientId": id, "subscriptions": ["posts/*"]}).to_string();
    let reply = Client::connect(port).await?.send("POST", "/api/realtime", &words).await?;
    ensure!(reply.status < 300, "subscribe: {} {}", reply.status, reply.body);
    Ok(events)
}

/// Makes the records, at an even pace.
async fn create(port: u16, sent: &Sent, per_second: u64) -> Result<()> {
    let mut client = Client::connect(port).await?;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(per_second.max(1))?);
    for (number, moment) in sent.iter().enumerate() {
        pace.tick().await;
        let title = format!("fan-out {number}");
        let record = json!({"title": title, "body": crate::seed::TEXT, "room": 7, "views": number});
        moment.get_or_init(Instant::now);
        client.expect("POST", "/api/collections/posts/records", &record.to_string()).await?;
    }
    Ok(())
}

/// Listens until all have come; gives their delays in microseconds.
async fn listen(mut events: Events, sent: &Sent) -> Result<Vec<u64>> {
    let mut delays = Vec::with_capacity(sent.len());
    while delays.len() < sent.len() {
        let Some(event) = events.next().await? else { break };
        let Some(moment) = number_in(&event).and_then(|number| sent.get(number)?.get()) else { continue };
        delays.push(u64::try_from(moment.elapsed().as_micros())?);
    }
    Ok(delays)
}

fn number_in(event: &[u8]) -> Option<usize> {
    let start = event.windows(MARK.len()).position(|bytes| bytes == MARK)? + MARK.len();
    let digits = event[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&event[start..start + digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_the_number_of_its_create() {
        let event = br#"event:posts/*
data:{"action":"create","record":{"id":"a","title":"fan-out 42","views":7}}"#;
        assert_eq!(number_in(event), Some(42));
        assert_eq!(number_in(b"data:{\"title\":\"something else\"}"), None);
    }
}
