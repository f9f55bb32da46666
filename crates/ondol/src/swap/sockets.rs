//! Listening sockets: bound here, or handed over by the process before this one or by systemd.
//!
//! A socket is known by the text that asked for it (`0.0.0.0:80`, `127.0.0.1:0`): whoever asks for that text again, in the next
//! process, gets the same socket.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::house;

/// The listening sockets of a process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Handed over and not yet asked for.
    waiting: Vec<Handed>,
    /// In use here; what the next process gets.
    open: Vec<(String, std::net::TcpListener)>,
}

#[derive(Debug)]
struct Handed {
    /// What it was asked for by; `None` when systemd opened it.
    name: Option<String>,
    socket: std::net::TcpListener,
}

impl Sockets {
    /// Those that the old process had.
    pub(super) fn handed(names: Vec<String>, sockets: Vec<OwnedFd>) -> Sockets {
        let handed = |(name, socket): (String, OwnedFd)| Handed { name: Some(name), socket: socket.into() };
        Sockets::waiting(names.into_iter().zip(sockets).map(handed).collect())
    }

    /// Those that systemd opened for this process, if it did (`LISTEN_FDS`).
    pub(crate) fn activated() -> Result<Sockets, Failure> {
        let mut given = ListenFd::from_env();
        let mut waiting = Vec::new();
        for place in 0..given.len() {
            let taken = given.take_tcp_listener(place).map_err(|error| {
                Failure::failed(format!("socket {place} of the socket unit is no TCP socket: {error}"))
            })?;
            waiting.extend(taken.map(|socket| Handed { name: None, socket }));
        }
        Ok(Sockets::waiting(waiting))
    }

    fn waiting(waiting: Vec<Handed>) -> Sockets {
        Sockets(Arc::new(Mutex::new(Inner { waiting, open: Vec::new() })))
    }

    /// The socket for `HOST:PORT`: one that was handed over for it, or a new one.
    pub(crate) async fn bind(&self, listen: &str) -> Result<(TcpListener, SocketAddr), Failure> {
        let lost = |error: std::io::Error| Failure::failed(format!("cannot listen on {listen}: {error}"));
        let listener = match self.take(listen)? {
            Some(socket) => {
                socket.set_nonblocking(true).map_err(lost)?;
                TcpListener::from_std(socket).map_err(lost)?
            }
            None => house::bind(listen).await?.0,
        };
        let address = listener.local_addr().map_err(lost)?;
        let copy = listener.as_fd().try_clone_to_owned().map_err(lost)?;
        self.lock().open.push((listen.to_owned(), copy.into()));
        Ok((listener, address))
    }

    fn take(&self, listen: &str) -> Result<Option<std::net::TcpListener>, Failure> {
        let wanted = house::addresses(listen)?;
        let mut inner = self.lock();
        let is_it = |handed: &Handed| match &handed.name {
            Some(name) => name == listen,
            None => handed.socket.local_addr().is_ok_and(|address| wanted.contains(&address)),
        };
        let place = inner.waiting.iter().position(is_it);
        Ok(place.map(|place| inner.waiting.remove(place).socket))
    }

    /// Lets go of what was handed over and nobody asked for; where that listened.
    pub(crate) fn settle(&self) -> Vec<SocketAddr> {
        let left = std::mem::take(&mut self.lock().waiting);
        left.iter().filter_map(|handed| handed.socket.local_addr().ok()).collect()
    }

    /// Lets go of the copies: whoever still has a connection in one of these sockets' queues learns that nobody is there.
    pub(crate) fn close(&self) {
        *self.lock() = Inner::default();
    }

    /// Copies of all that are open here, with their names.
    pub(super) fn copies(&self) -> std::io::Result<(Vec<String>, Vec<OwnedFd>)> {
        let inner = self.lock();
        let mut copies = (Vec::new(), Vec::new());
        for (name, socket) in &inner.open {
            copies.0.push(name.clone());
            copies.1.push(socket.as_fd().try_clone_to_owned()?);
        }
        Ok(copies)
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.lock().open.iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_by_the_same_text_gets_the_same_socket_and_others_a_new_one() {
        let old = Sockets::default();
        let (_, first) = old.bind("127.0.0.1:0").await.expect("a port");
        let (_, second) = old.bind("localhost:0").await.expect("a port");
        let (names, copies) = old.copies().expect("copies");
        let new = Sockets::handed(names, copies);
        assert_eq!(new.bind("localhost:0").await.expect("handed over").1, second);
        assert_ne!(new.bind("localhost:0").await.expect("a port").1, second);
        assert_eq!(new.settle(), [first], "nobody asked for it");
        assert_ne!(new.bind("127.0.0.1:0").await.expect("a port").1, first);
    }

    #[tokio::test]
    async fn a_socket_of_systemd_is_taken_for_its_address() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let sockets = Sockets::waiting(vec![Handed { name: None, socket }]);
        assert_ne!(sockets.bind("127.0.0.1:0").await.expect("a port").1, address);
        assert_eq!(sockets.bind(&address.to_string()).await.expect("handed over").1, address);
        assert!(sockets.settle().is_empty());
    }
}
