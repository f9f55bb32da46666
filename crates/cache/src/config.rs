//! The cache's settings and limits, each with its default.

use std::time::Duration;

use crate::error::Error;

/// Where values are kept, and the cache's named limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where values are kept.
    pub back: Back,
    /// The longest value that is kept, in bytes; longer ones are read from the database each time.
    pub value_bytes_max: usize,
    /// How finely the window tells apart what changed: 8 bytes each. A change makes one in this many other values look
    /// old, so that it should be some times the number of records that change while a value is worth keeping.
    pub window_slots: usize,
    /// The most changes that one answer of the log may list; if there are more, everything kept is given up.
    pub changes_max: usize,
    /// How long the log may take to say what changed; after that the database is asked.
    pub question_time_max: Duration,
}

/// Where values are kept.
#[derive(Clone, Debug)]
pub enum Back {
    /// In this process.
    InProcess {
        /// The most that it takes, in bytes, keys and bookkeeping included.
        bytes_max: u64,
    },
    /// In memcached, shared with other servers of the same database.
    Memcached(Memcached),
}

/// Settings of memcached.
#[derive(Clone, Debug)]
pub struct Memcached {
    /// `host:port` of each server. A key belongs to one of those that answer.
    pub addresses: Vec<String>,
    /// What tells this database's values from those of any other database in the same servers: a name that no other
    /// database has.
    pub namespace: String,
    /// How connections to them are encrypted, and whom to believe there; `None`: they are not.
    pub tls: Option<trust::Tls>,
    /// How long one question may take.
    pub answer_time_max: Duration,
    /// How long a connection may take to come about; no request waits for it.
    pub connect_time_max: Duration,
    /// How long a server that failed is left out before it is tried again.
    pub rest_time: Duration,
    /// Questions that may wait for one server; further ones go without it.
    pub queue_max: usize,
}

impl Config {
    /// The defaults, with values in this process.
    pub fn in_process(bytes_max: u64) -> Config {
        Config::with(Back::InProcess { bytes_max })
    }

    /// The defaults, with values in memcached.
    pub fn memcached(addresses: Vec<String>, namespace: &str) -> Config {
        Config::with(Back::Memcached(Memcached::new(addresses, namespace)))
    }

    fn with(back: Back) -> Config {
        Config {
            back,
            value_bytes_max: 256 * 1024,
            window_slots: 1 << 18,
            changes_max: 10_000,
            question_time_max: Duration::from_secs(1),
        }
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), Error> {
        if self.window_slots == 0 {
            return Err(Error::NoWindow);
        }
        let Back::Memcached(memcached) = &self.back else { return Ok(()) };
        if memcached.addresses.is_empty() {
            return Err(Error::NoAddress);
        }
        for address in &memcached.addresses {
            let port = address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
            if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
                return Err(Error::Address { address: address.clone() });
            }
        }
        Ok(())
    }
}

impl Memcached {
    /// The defaults.
    pub fn new(addresses: Vec<String>, namespace: &str) -> Memcached {
        Memcached {
            addresses,
            namespace: namespace.to_owned(),
            tls: None,
            answer_time_max: Duration::from_millis(20),
            connect_time_max: Duration::from_secs(1),
            rest_time: Duration::from_secs(2),
            queue_max: 1_000,
        }
    }
}
