//! One task that looks after all connections of a service, so that none of them needs a timer or listens for the stop itself.
//!
//! It looks at every connection's marks every second, and more often while the service ends. A connection is told by its
//! `Watch`, which wakes it: while there is nothing to tell, looking after it costs it nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::config::Config;
use crate::serve::Stop;
use crate::wire::{Notice, Turns, Verdict, Watch};

/// Longest time between two looks.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);
/// The same while the service ends.
const LOOK_EVERY_ENDING: Duration = Duration::from_millis(50);
/// How long a proxy's idle connections stay open in a stop. It may be sending a request on one at this moment, which only
/// we could answer; with its next try to connect it learns that nobody listens any more.
const PROXY_GRACE: Duration = Duration::from_secs(2);
/// How long idle connections stay open once another process has our sockets: a client that is busy gets its last answer in
/// this time and leaves by itself, and who has just connected gets its first. Closed at once, some of them would lose a
/// request that is on its way.
const LEAVING_GRACE: Duration = Duration::from_secs(2);

/// The connections that are looked after.
#[derive(Default)]
pub(crate) struct Rounds {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    watches: HashMap<u64, Arc<Watch>>,
    next: u64,
    /// Since when the service ends, and how that began.
    end: Option<(Instant, End)>,
    /// All are cut off.
    is_over: bool,
}

/// How a service ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Another process has its sockets.
    Left,
    /// It was told to stop.
    Stopped,
}

/// A connection's place in the list; given back when dropped.
pub(crate) struct Listed {
    rounds: Arc<Rounds>,
    number: u64,
}

impl Rounds {
    /// Looks after a connection until the guard is dropped.
    pub(crate) fn join(self: &Arc<Rounds>, watch: Arc<Watch>) -> Listed {
        let mut inner = self.lock();
        inner.next += 1;
        let number = inner.next;
        if inner.is_over {
            watch.tell(Notice::Cut);
        }
        inner.watches.insert(number, watch);
        Listed { rounds: self.clone(), number }
    }

    /// Goes the rounds until all connections are cut off.
    pub(crate) async fn go(&self, config: &Config, stop: &Stop) {
        let limits = [config.head_time_max, config.write_stall_max, config.idle_time_max];
        let every = limits.map(|limit| limit.0 / 2).into_iter().min().unwrap_or(LOOK_EVERY_MAX);
        let mut looks = interval(every.clamp(Duration::from_millis(10), LOOK_EVERY_MAX));
        loop {
            let is_ending = self.lock().end.is_some();
            tokio::select! {
                () = stop.hard.cancelled() => break,
                () = stop.leave.cancelled(), if !is_ending => {
                    let end = if stop.soft.is_cancelled() { End::Stopped } else { End::Left };
                    self.lock().end = Some((Instant::now(), end));
                    looks = interval(every.clamp(Duration::from_millis(10), LOOK_EVERY_ENDING));
                }
                _ = looks.tick() => {}
            }
            self.look(config, stop.soft.is_cancelled());
        }
        let mut inner = self.lock();
        inner.is_over = true;
        for watch in inner.watches.values() {
            watch.tell(Notice::Cut);
        }
    }

    fn look(&self, config: &Config, is_stopping: bool) {
        let (inner, now) = (self.lock(), Instant::now());
        for watch in inner.watches.values() {
            let notice = match watch.verdict(config) {
                Verdict::Fine
                    if watch.turns() == Turns::Many && watch.age() > config.connection_age_max.0 =>
                {
                    Notice::Finish
                }
                Verdict::Fine => {
                    watch.let_rest();
                    Notice::None
                }
                Verdict::Idle => Notice::Finish,
                Verdict::Stuck => Notice::Cut,
            };
            let ending = match inner.end {
                Some((since, end)) => {
                    ending(watch, now, (since.max(watch.began()), end), config, is_stopping)
                }
                None => Notice::None,
            };
            if watch.tell(notice.max(ending)) && ending == Notice::Cut {
                tracing::warn!(peer = %watch.peer(), "connection cut off: its request took longer than drain_time_max");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding it")
    }
}

/// What a connection of a service that ends is told.
fn ending(
    watch: &Watch,
    now: Instant,
    (since, end): (Instant, End),
    config: &Config,
    is_stopping: bool,
) -> Notice {
    let idle = match (watch.is_of_proxy(), end) {
        (_, End::Left) => LEAVING_GRACE,
        (true, End::Stopped) => PROXY_GRACE,
        (false, End::Stopped) => Duration::ZERO,
    };
    // a stop has a limit of its own for all that is in flight, streams too
    if !is_stopping && !watch.lasts() && now >= since + idle + config.drain_time_max.0 {
        return Notice::Cut;
    }
    // HTTP/2 is told at once: it loses no request that is on its way
    match watch.turns() == Turns::Many || now >= since + idle {
        true => Notice::Finish,
        false => Notice::None,
    }
}

fn interval(every: Duration) -> tokio::time::Interval {
    let mut looks = tokio::time::interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.rounds.lock().watches.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(turns: Turns, is_of_proxy: bool) -> Watch {
        Watch::new(turns, [127, 0, 0, 1].into(), is_of_proxy)
    }

    fn after(watch: &Watch, time: Duration, end: End, is_stopping: bool) -> Notice {
        let since = watch.began();
        ending(watch, since + time, (since, end), &Config::default(), is_stopping)
    }

    #[test]
    fn a_stop_ends_connections_at_once_but_a_proxys_a_little_later() {
        for turns in [Turns::One, Turns::Many] {
            assert_eq!(after(&watch(turns, false), Duration::ZERO, End::Stopped, true), Notice::Finish);
        }
        let proxy = watch(Turns::One, true);
        assert_eq!(after(&proxy, PROXY_GRACE / 2, End::Stopped, true), Notice::None);
        assert_eq!(after(&proxy, PROXY_GRACE, End::Stopped, true), Notice::Finish);
    }

    #[test]
    fn who_leaves_gives_time_and_then_cuts_off_what_would_end_and_does_not() {
        let late = LEAVING_GRACE + Config::default().drain_time_max.0;
        let plain = watch(Turns::One, false);
        assert_eq!(after(&plain, LEAVING_GRACE / 2, End::Left, false), Notice::None);
        assert_eq!(after(&watch(Turns::Many, false), Duration::ZERO, End::Left, false), Notice::Finish);
        assert_eq!(after(&plain, LEAVING_GRACE, End::Left, false), Notice::Finish);
        assert_eq!(after(&plain, late, End::Left, false), Notice::Cut);
        assert_eq!(after(&plain, late, End::Left, true), Notice::Finish, "a stop has a limit of its own");
        plain.last();
        assert_eq!(after(&plain, late, End::Left, false), Notice::Finish, "a stream lasts");
    }

    #[test]
    fn what_is_told_once_all_is_over_is_that() {
        let rounds = Arc::new(Rounds::default());
        rounds.lock().is_over = true;
        let late = Arc::new(watch(Turns::One, false));
        let _listed = rounds.join(late.clone());
        assert!(!late.tell(Notice::Cut), "it was told when it came");
    }
}
