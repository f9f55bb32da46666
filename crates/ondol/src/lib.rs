//! Ondol, the command, and its library face for those who build on it in Rust.
//!
//! Map, in reading order: `cli` (the verbs), `config` (the service file: every room's settings), `topology` (its
//! sites and hosts, and what each loss costs), `part` (what one of several hosts runs), `house` (all wiring, in
//! the order in which things are opened), `balancing` (a process that only stands in front of web servers),
//! `swap` (another process takes over from this one), `lifecycle` (signals and the clean stop), `log`, `failure` (what is said on
//! stderr, and the exit code).
//!
//! To serve from a program of your own: `House::open(Config::new("./data")).await?.run(stop).await`.
//!
//! To add a verb: a variant of `cli::Verb`, a file under `cli/` with its `run`, and a test in `tests/command`.
//! To add a setting: a field of the room's own `Config`; the service file learns it from there.

mod balancing;
pub mod cli;
pub mod config;
mod failure;
mod holder;
mod house;
mod lifecycle;
mod log;
mod outside;
mod part;
mod swap;
mod topology;

pub use config::Config;
pub use failure::Failure;
pub use house::House;
