//! What is asked for on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The benchmarks' command line.
#[derive(Debug, Parser)]
#[command(name = "benches", args_conflicts_with_subcommands = true)]
pub(crate) struct Command {
    #[command(flatten)]
    pub(crate) plan: Plan,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// What is measured apart, and the parts that this binary plays itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Measure the balancer beside other proxies.
    Proxies(crate::proxies::Ask),
    /// Pass bytes on, unread.
    Pump {
        /// Port on the loopback.
        #[arg(long)]
        port: u16,
        /// Where the bytes go.
        #[arg(long)]
        to: u16,
    },
    /// Serve a bare reply of a record's size.
    Bare {
        /// Port on the loopback.
        #[arg(long)]
        port: u16,
    },
    /// Run statements on the store, without HTTP.
    Raw(Task),
}

/// What the raw bound is to do.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// The folder of its store.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Which statements; without it the store is made and filled.
    #[arg(long)]
    pub(crate) operation: Option<Operation>,
    /// Callers at once.
    #[arg(long, default_value_t = 1)]
    pub(crate) callers: usize,
    /// How long.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    #[command(flatten)]
    pub(crate) size: Size,
}

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Rounds; what is printed is the median of them.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Seconds per measurement, after one of warming.
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// How many records are seeded: a table for each.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
    pub(crate) records: Vec<u64>,
    /// Records per room, in which lists look.
    #[arg(long, default_value_t = 100)]
    pub(crate) room_size: u64,
    /// Connections at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16,32")]
    pub(crate) connections: Vec<usize>,
    /// A peer and its program: `pocketbase=PATH`.
    #[arg(long)]
    pub(crate) with: Option<Peer>,
    /// What keeps ours' records; a server is one of Debian's, started for this.
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    pub(crate) engine: Engine,
    /// How many web servers of ours work on one database: a column for each. More than one needs a database server.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) servers: Vec<usize>,
    /// What ours read lately is kept in a memcached besides.
    #[arg(long)]
    pub(crate) memcached: bool,
    /// Only these.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "import,get,hot,list,update,create,fanout,start,signin"
    )]
    pub(crate) only: Vec<Measure>,
    /// Leave these out: ondol, bare, raw.
    #[arg(long, value_delimiter = ',')]
    pub(crate) without: Vec<String>,
    /// The server's program; without it, the one beside this binary.
    #[arg(long)]
    pub(crate) ondol: Option<PathBuf>,
    /// Listeners in the fan-out.
    #[arg(long, default_value_t = 500)]
    pub(crate) listeners: usize,
    /// Events that each listener is sent.
    #[arg(long, default_value_t = 200)]
    pub(crate) events: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    pub(crate) event_rate: u64,
    /// Where the data lies meanwhile: a folder on the disk that is to be measured.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// How much data there is.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Size {
    /// Records that are seeded.
    #[arg(long)]
    pub(crate) records: u64,
    /// Rooms over which they are spread.
    #[arg(long)]
    pub(crate) rooms: u64,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Read a random record.
    Get,
    /// Read one of a few records that are read all the time.
    Hot,
    /// List the newest 20 of a room, with their total.
    List,
    /// Change a number in a random record.
    Update,
    /// Make a record.
    Create,
    /// Tell many listeners of new records.
    Fanout,
    /// Start, and lie idle.
    Start,
    /// The import by which ours are seeded.
    Import,
    /// Sign in, begin and renew sessions; ours only.
    Signin,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// Read a random record.
    Get,
    /// Read one of a few records that are read all the time.
    Hot,
    /// List the newest 20 of a room, with their total.
    List,
    /// Change a number in a random record.
    Update,
    /// Make a record.
    Create,
}

/// What keeps records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The embedded one.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
}

impl Plan {
    /// The requests to be measured. Creates come last, so that the others find the seeded number of records.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation> {
        let pairs = [
            (Measure::Get, Operation::Get),
            (Measure::Hot, Operation::Hot),
            (Measure::List, Operation::List),
            (Measure::Update, Operation::Update),
            (Measure::Create, Operation::Create),
        ];
        pairs.into_iter().filter(|(measure, _)| self.only.contains(measure)).map(|(_, operation)| operation)
    }

    /// The rooms over which so many records are spread.
    pub(crate) fn size(&self, records: u64) -> Size {
        Size { records, rooms: (records / self.room_size.max(1)).max(1) }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Get => "get",
            Operation::Hot => "hot",
            Operation::List => "list",
            Operation::Update => "update",
            Operation::Create => "create",
        })
    }
}

/// A peer that runs beside ours.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) program: PathBuf,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Peer, String> {
        match text.split_once('=') {
            Some(("pocketbase", path)) => Ok(Peer { program: path.into() }),
            _ => Err("write it as pocketbase=PATH".into()),
        }
    }
}
