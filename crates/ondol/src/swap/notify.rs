//! What systemd is told of this process: ready, taken over, stopping (sd_notify).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// Where systemd listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells it, if this process was started by a systemd that listens.
#[expect(clippy::disallowed_methods, reason = "systemd says it this way")]
pub(crate) fn tell(words: &str) {
    let Some(place) = std::env::var_os(SOCKET) else { return };
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    };
    let told = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address));
    if let Err(error) = told {
        tracing::warn!(%error, "systemd could not be told: {words:?}");
    }
}

/// Tells it that a swap has begun.
pub(crate) fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let us = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={us}\nSTATUS=starts what is on disk"));
}
