//! The settings of the balancer, each with its default.

mod check;
mod route;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base::unit::{Bytes, Span};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

pub use route::{Goal, Route, Uploads};

/// One web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address: `10.0.0.11:8090`, or a name with a port, looked up at each connection.
    pub address: String,
    /// How much it gets beside the others.
    pub weight: u32,
    /// It gets nothing while one that is no spare is there: a web server of another site.
    pub is_spare: bool,
    /// It is a host of the service, which speaks with its balancers only: it is reached encrypted, and shows who it is.
    pub is_host: bool,
}

/// What the balancer is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The web servers; with none of them, what no route takes is answered in this process.
    pub backends: Vec<Place>,
    /// Other servers, by the name of their pool.
    pub pools: BTreeMap<String, Vec<Place>>,
    /// Folders of files, by their names.
    pub roots: BTreeMap<String, PathBuf>,
    /// Which requests go elsewhere than to `backends`, and what is done for them.
    pub routes: Vec<Route>,
    /// The path that a well backend answers below 500.
    pub probe_path: String,
    /// Time between two probes of a backend; of one that is out, a quarter of it.
    pub probe_every: Span,
    /// Longest time to a probe's answer.
    pub probe_time_max: Span,
    /// Longest time for a connection to be made.
    pub connect_time_max: Span,
    /// Longest time to the answer's head of a request that another backend could answer as well.
    pub try_time_max: Span,
    /// Longest silence within an answer's body.
    pub answer_stall_max: Span,
    /// Longest silence in an event stream or a tunnel.
    pub stream_idle_max: Span,
    /// Requests that one backend has at once; further ones wait.
    pub backend_requests_max: u32,
    /// Tunnels (websockets) open at once.
    pub tunnels_max: usize,
    /// Requests that wait.
    pub held_requests_max: usize,
    /// Bytes of bodies that wait.
    pub held_bytes_max: Bytes,
    /// Longest time that a request waits; then the answer is 503.
    pub hold_time_max: Span,
    /// Bytes of a body that are taken in before a backend is asked for.
    pub spool_bytes_max: Bytes,
    /// Bytes of all such bodies together; further ones are passed on as they come.
    pub spools_bytes_max: Bytes,
    /// Bytes on disk of one upload that a route takes in whole.
    pub upload_bytes_max: Bytes,
    /// Bytes on disk of all of them together.
    pub uploads_bytes_max: Bytes,
    /// Longest time that the disk may take for a piece of one; then the answer is 503.
    pub upload_stall_max: Span,
    /// The folder where they lie; empty for the system's own for temporary files.
    pub uploads_dir: PathBuf,
    /// Bytes of one answer that are taken in ahead of a client that is slower than its backend.
    pub answer_ahead_max: Bytes,
    /// Bytes of all such answers together; further ones come no faster than their clients take them.
    pub answers_ahead_max: Bytes,
    /// Bytes from which on an answer is compressed.
    pub compress_bytes_min: Bytes,
    /// Answers that are being compressed at once; further ones go as they are.
    pub compressions_max: usize,
    /// Idle connections kept to one backend.
    pub idle_connections_max: usize,
    /// Longest time that one is kept idle.
    pub idle_time_max: Span,
    /// Verified connections that are kept ready to each backend.
    pub spare_connections: usize,
    /// The time in which a backend that came back gets its full share.
    pub slow_start: Span,
    /// The shortest time that a backend is out.
    pub out_time_min: Span,
    /// The longest time that one which keeps falling is out.
    pub out_time_max: Span,
    /// Connections of one address.
    pub connections_per_address_max: usize,
    /// Whether clients come back to the backend where they were, by a cookie.
    pub sticky: bool,
    /// Beginnings of paths whose requests, of one address, all go to one backend: an event stream and what is asked about it.
    pub address_paths: Vec<String>,
    /// Beginnings of paths whose requests go first when there is a queue.
    pub priority_paths: Vec<String>,
    /// A cookie whose bearers go first.
    pub priority_cookie: String,
}

impl Config {
    /// Whether something in this process answers: then a database is opened beside.
    pub fn has_local(&self) -> bool {
        self.backends.is_empty() || self.routes.iter().any(|route| route.local)
    }

    /// Whether any other server answers.
    pub fn has_servers(&self) -> bool {
        !self.backends.is_empty() || !self.pools.is_empty()
    }
}

/// Written as `"10.0.0.11:8090"`, or as `{ address = "10.0.0.11:8090", weight = 2 }`.
impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Place, D::Error> {
        from.deserialize_any(Written)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    address: String,
    #[serde(default = "usual_weight")]
    weight: u32,
    #[serde(default)]
    spare: bool,
}

fn usual_weight() -> u32 {
    1
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or { address = \"…\", weight = 2 }")
    }

    fn visit_str<E: Error>(self, address: &str) -> Result<Place, E> {
        Ok(Place { address: address.to_owned(), weight: usual_weight(), is_spare: false, is_host: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Place, A::Error> {
        let Whole { address, weight, spare } = Whole::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Place { address, weight, is_spare: spare, is_host: false })
    }
}

impl Default for Config {
    fn default() -> Config {
        let ms = |ms| Span(Duration::from_millis(ms));
        Config {
            backends: Vec::new(),
            pools: BTreeMap::new(),
            roots: BTreeMap::new(),
            routes: Vec::new(),
            probe_path: "/api/health".into(),
            probe_every: ms(1_000),
            probe_time_max: ms(400),
            connect_time_max: ms(1_000),
            try_time_max: ms(2_000),
            answer_stall_max: ms(60_000),
            stream_idle_max: ms(600_000),
            backend_requests_max: 256,
            tunnels_max: 5_000,
            held_requests_max: 1_000,
            held_bytes_max: Bytes(64 << 20),
            hold_time_max: ms(20_000),
            spool_bytes_max: Bytes(64 << 10),
            spools_bytes_max: Bytes(64 << 20),
            upload_bytes_max: Bytes(512 << 20),
            uploads_bytes_max: Bytes(4 << 30),
            upload_stall_max: ms(5_000),
            uploads_dir: PathBuf::new(),
            answer_ahead_max: Bytes(256 << 10),
            answers_ahead_max: Bytes(64 << 20),
            compress_bytes_min: Bytes(1 << 10),
            compressions_max: 64,
            idle_connections_max: 256,
            idle_time_max: ms(30_000),
            spare_connections: 2,
            slow_start: ms(10_000),
            out_time_min: ms(1_000),
            out_time_max: ms(30_000),
            connections_per_address_max: 256,
            sticky: false,
            address_paths: vec!["/api/realtime".into()],
            priority_paths: Vec::new(),
            priority_cookie: String::new(),
        }
    }
}
