//! How the balancer is, for those who run it: each backend's state and why, what it has and what came of it, the queue.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::{Value, json};

use crate::core::health::{RESTS, State};
use crate::desk::{Desk, Seen};
use crate::service::Service;

impl Service {
    /// All of it as it is now.
    pub fn status(&self) -> Value {
        let (mut backends, mut requests, mut bytes) = (Vec::new(), 0, 0);
        for (pool, desk) in self.desks() {
            let (seen, waiting) = desk.seen();
            let now = desk.now();
            backends.extend(seen.iter().map(|seen| told(&pool, seen, now)));
            requests += waiting.0;
            bytes += waiting.1;
        }
        json!({ "backends": backends, "waiting": { "requests": requests, "bytes": bytes } })
    }

    /// Lets a backend get nothing new, or get it again; what it has it finishes. An error is a sentence.
    pub fn drain(&self, address: &str, is_drained: bool) -> Result<(), String> {
        let desks = self.desks();
        let holds = |desk: &Desk| desk.backends().iter().any(|backend| backend.address == address);
        if !desks.iter().any(|(_, desk)| holds(desk)) {
            let known = desks.iter().flat_map(|(_, desk)| desk.backends());
            let names: Vec<String> = known.map(|backend| backend.address.clone()).collect();
            return Err(format!("`{address}` is none of the web servers: {}", names.join(", ")));
        }
        for (_, desk) in desks.iter().filter(|(_, desk)| holds(desk)) {
            desk.drain(address, is_drained)?;
        }
        tracing::info!(backend = address, is_drained, "told to drain a backend, or to take it back");
        Ok(())
    }

    /// What the balancer after this one should know.
    pub fn keepsake(&self) -> Value {
        let seen = self.desks().into_iter().flat_map(|(_, desk)| desk.seen().0);
        let drained = seen.filter(|seen| seen.is_drained).map(|seen| seen.backend.address.clone());
        json!({ "drained": drained.collect::<Vec<_>>() })
    }

    /// Takes in what the balancer before this one knew.
    pub fn remember(&self, keepsake: &Value) {
        for address in keepsake["drained"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Err(why) = self.drain(address, true) {
                tracing::warn!(why, "a backend that was drained gets requests again");
            }
        }
    }
}

fn told(pool: &str, seen: &Seen, now: Duration) -> Value {
    let Seen { backend, state, is_drained, why, requests, lasting } = seen;
    let tally = &backend.tally;
    let answers: u64 = tally.classes.iter().map(|class| class.load(Relaxed)).sum();
    let ms = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
    let times = tally.recent.times(now);
    let mut told = json!({
        "address": backend.address,
        "state": match state {
            _ if *is_drained => "drained",
            State::Up => "up",
            State::Doubted => "doubted",
            State::Out => "out",
        },
        "requests": requests,
        "streams": lasting,
        "answers": answers,
        "faults": tally.classes[4].load(Relaxed),
        "failures": {
            "unsent": tally.unsent.load(Relaxed),
            "broke_off": tally.broke_off.load(Relaxed),
            "timed_out": tally.timed_out.load(Relaxed),
        },
        "retries": tally.again.load(Relaxed),
        "connections": tally.connections.load(Relaxed),
        "last_minute": times.map(|times| json!({
            "answers": times.count, "p50_ms": ms(times.p50), "p99_ms": ms(times.p99),
        })),
    });
    if !pool.is_empty() {
        told["pool"] = json!(pool);
    }
    if *state != State::Up {
        let last = backend.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        told["why"] = match &*last {
            Some(last) if *why != RESTS => json!(format!("{why}: {last}")),
            _ => json!(why),
        };
    }
    told
}
