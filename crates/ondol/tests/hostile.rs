//! Hostile guests: whatever they send is answered in order, shows nothing that they may not see, and costs little.
//!
//! The house is real (every room, a true socket) and lives in this process, so that a panic anywhere in it is noticed.
//! What once did harm stays as a named line under `hostile/seeds`.

#[path = "hostile/ask.rs"]
mod ask;
#[path = "hostile/chance.rs"]
mod chance;
#[path = "hostile/furniture.rs"]
mod furniture;
#[path = "hostile/house.rs"]
mod house;
#[path = "hostile/judge.rs"]
mod judge;
#[path = "hostile/seeds.rs"]
mod seeds;
#[path = "hostile/server.rs"]
mod server;

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/damage.rs"]
mod damage;
#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/questions.rs"]
mod questions;
#[path = "hostile/rules.rs"]
mod rules;
