//! How etcd is reached, and how long things may take.

use std::time::Duration;

/// How etcd is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its members' client addresses, `host:port`, the nearest first.
    pub members: Vec<String>,
    /// How connections to them are encrypted; `None`: they are not, and whoever reaches the members can do everything.
    pub tls: Option<trust::Tls>,
    /// Longest time for one question to one member, connecting included.
    pub attempt_time_max: Duration,
    /// A member that has not answered by then has its question put to the next one too.
    pub hedge_after: Duration,
    /// A watch that heard nothing for so long asks its member whether it is still there.
    pub watch_silence_max: Duration,
    /// How long a watch that finds no member waits before it goes round again.
    pub rest_time: Duration,
    /// Most connections that are kept to one member while nothing is asked.
    pub idle_connections_max: usize,
    /// Longest answer, and longest line of a watch.
    pub answer_bytes_max: usize,
}

impl Config {
    /// The defaults for these members.
    pub fn new(members: Vec<String>) -> Config {
        Config {
            members,
            tls: None,
            attempt_time_max: Duration::from_millis(400),
            hedge_after: Duration::from_millis(150),
            watch_silence_max: Duration::from_secs(1),
            rest_time: Duration::from_millis(200),
            idle_connections_max: 4,
            answer_bytes_max: 4 << 20,
        }
    }
}
