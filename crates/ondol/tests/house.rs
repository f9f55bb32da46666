//! The house from outside: the true program on a free port, in a folder of its own, lived in as people would.
//!
//! What it needs beside Rust (Node with the packages of `tests/app`, Chromium, sqlite3) is installed by `cargo x test`.

#[path = "house/server.rs"]
mod server;

#[path = "house/balancer.rs"]
mod balancer;

#[path = "house/http.rs"]
mod http;

#[path = "house/listener.rs"]
mod listener;

#[expect(dead_code, reason = "those who move data use the rest of it")]
#[path = "house/writer.rs"]
mod writer;

#[path = "house/notice_board.rs"]
mod notice_board;

#[path = "house/behind_a_balancer.rs"]
mod behind_a_balancer;

#[path = "house/dawdlers.rs"]
mod dawdlers;

#[path = "house/in_front_of_one_box.rs"]
mod in_front_of_one_box;

#[path = "house/console_in_chromium.rs"]
mod console_in_chromium;
#[path = "house/pages_in_chromium.rs"]
mod pages_in_chromium;
#[path = "house/passkey_in_chromium.rs"]
mod passkey_in_chromium;

#[path = "house/killed_at_random_moments.rs"]
mod killed_at_random_moments;

#[path = "house/asked_again.rs"]
mod asked_again;

#[path = "house/newcomer.rs"]
mod newcomer;

#[path = "house/sign_in_by_the_client.rs"]
mod sign_in_by_the_client;

#[path = "house/behind_in_chromium.rs"]
mod behind_in_chromium;
#[path = "house/swap.rs"]
mod swap;
#[path = "house/swapped.rs"]
mod swapped;
