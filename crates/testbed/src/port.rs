//! Free loopback ports.
//!
//! They lie below what the kernel gives to outgoing connections: a client that knocks at a stopped server's port could
//! otherwise be given that very port as its own, be connected to itself, and keep the server from coming back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 16_000;
const COUNT: u16 = 16_000;

/// A port that was free a moment ago, and that no other test of this process was given.
///
/// # Panics
/// When no port is free.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run side by side start far from each other.
    let start = (std::process::id() % u32::from(COUNT)).wrapping_mul(131) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((start + step) % u32::from(COUNT)).expect("it is below COUNT");
        if TcpListener::bind(("127.0.0.1", FIRST + offset)).is_ok() {
            return FIRST + offset;
        }
    }
    panic!("no port of {FIRST} to {} is free on 127.0.0.1", FIRST + COUNT - 1);
}

/// A port of which the next one is free too, and stays so: for a server that has a second door beside its first.
///
/// # Panics
/// When there are no two.
pub fn free_pair() -> u16 {
    loop {
        let port = free();
        if port.is_multiple_of(2) && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}
