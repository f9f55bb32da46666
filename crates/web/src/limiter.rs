//! How often an address may do what: fixed windows, by label and address, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

use base::time::{Clock, Timestamp};
use base::unit::Span;
use serde::Deserialize;

use crate::config::Config;
use crate::crowd::network;
use crate::problem::Problem;

/// So many requests of a label per time and address.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// What is counted: `users:auth`, `*:create`. A label without an allowance is not limited.
    pub label: String,
    /// Requests in one window.
    pub requests: u32,
    /// Length of a window.
    pub per: Span,
}

/// Counts requests. An address of IPv6 counts by its first 64 bits: whoever has one of those has them all.
#[derive(Debug)]
pub struct Limiter {
    rates: Vec<Allowance>,
    entries_max: usize,
    clock: Clock,
    windows: Mutex<Windows>,
}

type Key = (usize, IpAddr);

#[derive(Debug, Default)]
struct Windows {
    open: HashMap<Key, Window>,
    in_order: VecDeque<Key>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    used: u32,
}

impl Limiter {
    /// A limiter by the config's rates.
    pub fn new(config: &Config, clock: Clock) -> Limiter {
        let (rates, entries_max) = (config.rates.clone(), config.rate_entries_max.max(1));
        Limiter { rates, entries_max, clock, windows: Mutex::default() }
    }

    /// Counts one request of the first of these labels that has an allowance; 429 when it is used up. Labels go from
    /// the special to the general: `["users:auth", "*:auth"]`.
    pub fn check(&self, labels: &[&str], address: IpAddr) -> Result<(), Problem> {
        let rate = labels.iter().find_map(|label| self.rates.iter().position(|rate| rate.label == *label));
        rate.map_or(Ok(()), |rate| self.count(rate, address))
    }

    /// Counts one request of `COLLECTION:ACTION`, else of `*:ACTION`.
    pub fn check_action(&self, collection: &str, action: &str, address: IpAddr) -> Result<(), Problem> {
        let of = |wanted: &str| {
            self.rates.iter().position(|rate| rate.label.split_once(':') == Some((wanted, action)))
        };
        of(collection).or_else(|| of("*")).map_or(Ok(()), |rate| self.count(rate, address))
    }

    fn count(&self, rate: usize, address: IpAddr) -> Result<(), Problem> {
        let (allowance, now) = (&self.rates[rate], self.clock.now());
        let mut windows = self.windows.lock().expect("nobody panics while holding it");
        let window = windows.of((rate, network(address)), now, self.entries_max);
        let ends = window.began.after(allowance.per.0);
        if now >= ends || now < window.began {
            *window = Window { began: now, used: 0 };
        }
        window.used += 1;
        if window.used <= allowance.requests {
            return Ok(());
        }
        window.used = allowance.requests;
        Err(Problem::too_often(u64::try_from((ends.0 - now.0 + 999) / 1000).unwrap_or(1).max(1)))
    }
}

impl Windows {
    fn of(&mut self, key: Key, now: Timestamp, entries_max: usize) -> &mut Window {
        if !self.open.contains_key(&key) {
            while self.open.len() >= entries_max {
                let Some(oldest) = self.in_order.pop_front() else { break };
                self.open.remove(&oldest);
            }
            self.in_order.push_back(key);
        }
        self.open.entry(key).or_insert(Window { began: now, used: 0 })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter(entries_max: usize) -> (Limiter, Clock) {
        let clock = Clock::manual(Timestamp(0));
        let rates =
            vec![Allowance { label: "*:auth".into(), requests: 2, per: Span(Duration::from_secs(10)) }];
        let config = Config { rates, rate_entries_max: entries_max, ..Config::default() };
        (Limiter::new(&config, clock.clone()), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_over_the_allowance_waits_for_the_next_window() {
        let (limiter, clock) = limiter(10);
        let ask = || limiter.check(&["users:auth", "*:auth"], address("1.2.3.4"));
        assert!(ask().is_ok() && ask().is_ok());
        assert_eq!(ask().expect_err("too often").retry_after, Some(10));
        assert!(limiter.check(&["*:auth"], address("1.2.3.5")).is_ok(), "another address");
        assert!(limiter.check_action("posts", "auth", address("1.2.3.4")).is_err(), "the same by its parts");
        assert!(limiter.check(&["*:create"], address("1.2.3.4")).is_ok(), "a label without an allowance");
        if let Clock::Manual(at) = &clock {
            at.store(10_000, std::sync::atomic::Ordering::SeqCst);
        }
        assert!(ask().is_ok());
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let (limiter, _) = limiter(10);
        for host in 1..=2 {
            assert!(limiter.check(&["*:auth"], address(&format!("2001:db8::{host}"))).is_ok());
        }
        assert!(limiter.check(&["*:auth"], address("2001:db8::3")).is_err());
    }

    #[test]
    fn memory_is_bounded_by_forgetting_the_oldest() {
        let (limiter, _) = limiter(3);
        for host in 0..200 {
            assert!(limiter.check(&["*:auth"], address(&format!("10.0.0.{host}"))).is_ok());
        }
        let windows = limiter.windows.lock().unwrap();
        assert_eq!((windows.open.len(), windows.in_order.len()), (3, 3));
    }
}
