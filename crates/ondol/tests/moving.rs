//! The records of a running service moved from one engine to another: with the true program, on true servers, on real
//! data, while writers write all the time.

#[path = "moving/team.rs"]
mod team;

#[expect(dead_code, reason = "the house's own tests use the rest of it")]
#[path = "house/http.rs"]
mod http;

#[expect(dead_code, reason = "the house's own tests use the rest of it")]
#[path = "house/writer.rs"]
mod writer;

#[path = "moving/server.rs"]
mod server;

#[path = "moving/broken_off.rs"]
mod broken_off;
#[path = "moving/falsified.rs"]
mod falsified;
#[path = "moving/round_trip.rs"]
mod round_trip;
#[path = "moving/words.rs"]
mod words;
