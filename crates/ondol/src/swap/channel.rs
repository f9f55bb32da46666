//! What an old and a new process say to each other: lines over a socket, and with the first one the listening sockets.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// Listening sockets that are handed over at most.
pub(super) const SOCKETS_MAX: usize = 64;
/// Bytes of a line.
pub(super) const LINE_BYTES_MAX: usize = 16 << 10;

/// The old process's first word.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Legacy {
    /// How many swaps lie between the first process and the new one.
    pub(super) generation: u32,
    /// The heir is to show that it could serve, and no more.
    pub(super) is_trial: bool,
    /// What the heir should remember, whatever that is.
    #[serde(default)]
    pub(super) keepsake: serde_json::Value,
    /// What each socket was asked for by, in the order of the sockets.
    pub(super) sockets: Vec<String>,
}

/// The heir's word.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// It could serve now.
    Ready,
    /// It can't, and why.
    Failed(String),
    /// It leaves in its turn.
    Leaving,
}

/// The old process's word after [`Said::Ready`].
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Serve.
    Go,
    /// It was a trial: end.
    StandDown,
}

/// A word as a line.
pub(super) fn line(word: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(word).expect("plain data");
    line.push(b'\n');
    line
}

/// Sends the first word, and the sockets with it.
pub(super) fn send(to: &UnixStream, legacy: &Legacy, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let line = line(legacy);
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if sockets.len() > SOCKETS_MAX || line.len() > LINE_BYTES_MAX {
        return Err(io::Error::other(format!("more than {SOCKETS_MAX} listening sockets")));
    }
    if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("the listening sockets don't fit into a message"));
    }
    // an empty socket takes a line of this length at once
    match sendmsg(to, &[IoSlice::new(&line)], &mut control, SendFlags::NOSIGNAL)? {
        sent if sent == line.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Takes the first word, and the sockets.
pub(super) fn receive(mut from: &UnixStream) -> io::Result<(Legacy, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut line = vec![0; LINE_BYTES_MAX];
    let got =
        recvmsg(from.as_fd(), &mut [IoSliceMut::new(&mut line)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    line.truncate(got.bytes);
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            sockets.extend(some);
        }
    }
    while line.last().is_some_and(|last| *last != b'\n') && line.len() < LINE_BYTES_MAX {
        let mut one = [0];
        from.read_exact(&mut one)?;
        line.push(one[0]);
    }
    let legacy: Legacy = serde_json::from_slice(&line)?;
    if legacy.sockets.len() != sockets.len() {
        return Err(io::Error::other("not all listening sockets have arrived"));
    }
    Ok((legacy, sockets))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_that_was_handed_over_listens_on() {
        let (old, new) = UnixStream::pair().expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let legacy = Legacy {
            generation: 1,
            is_trial: false,
            keepsake: serde_json::Value::Null,
            sockets: vec!["127.0.0.1:0".into()],
        };
        send(&old, &legacy, &[listener.as_fd()]).expect("it is sent");
        drop(listener);
        (&old).write_all(&line(&Answer::Go)).expect("it is sent");
        let (legacy, mut sockets) = receive(&new).expect("it comes");
        assert_eq!((legacy.generation, legacy.sockets.len()), (1, 1));
        let listener = TcpListener::from(sockets.pop().expect("one"));
        TcpStream::connect(address).expect("somebody listens");
        assert_eq!(listener.local_addr().expect("an address"), address);
        listener.accept().expect("who has connected");
    }

    #[test]
    fn a_word_without_its_sockets_is_refused() {
        let (old, new) = UnixStream::pair().expect("a pair");
        let legacy = Legacy {
            generation: 1,
            is_trial: false,
            keepsake: serde_json::Value::Null,
            sockets: vec!["127.0.0.1:0".into()],
        };
        send(&old, &legacy, &[]).expect("it is sent");
        assert!(receive(&new).is_err());
        drop(old);
        assert!(receive(&new).is_err(), "nothing more comes");
    }
}
