//! A file as a body: piece by piece, read off the async threads, by a bounded number of others.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::PollSemaphore;

/// Bytes that are read at once, as a rule.
pub(crate) const PIECE: usize = 64 << 10;

/// Pieces of the files of one folder that are being read at once, and files that are being looked for there; further ones wait.
const READS_MAX: usize = 16;

/// Turns to read in one folder.
pub(crate) fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READS_MAX))
}

/// So many bytes of a file, from where it stands.
pub(crate) struct Reading {
    left: u64,
    /// Bytes that are read at once.
    piece: usize,
    state: State,
    turns: PollSemaphore,
    /// What it takes of the disk and of memory, if that is counted.
    _room: Vec<OwnedSemaphorePermit>,
}

enum State {
    /// Between two pieces; `None` after a fault.
    Still(Option<File>),
    Busy(JoinHandle<(File, io::Result<Bytes>)>),
}

impl Reading {
    pub(crate) fn new(file: File, length: u64, turns: &Arc<Semaphore>) -> Reading {
        let turns = PollSemaphore::new(turns.clone());
        Reading { left: length, piece: PIECE, state: State::Still(Some(file)), turns, _room: Vec::new() }
    }

    /// The same with its room on the disk and in memory, which is given back with it, and pieces of such a size.
    pub(crate) fn with_room(self, room: Vec<OwnedSemaphorePermit>, piece: usize) -> Reading {
        Reading { _room: room, piece, ..self }
    }
}

/// A whole piece: less than was asked for means that the file has become shorter.
pub(crate) fn read(file: &mut File, length: usize) -> io::Result<Bytes> {
    let mut piece = vec![0; length];
    file.read_exact(&mut piece)?;
    Ok(piece.into())
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Still(_) if this.left == 0 => return Poll::Ready(None),
                State::Still(None) => return Poll::Ready(None),
                State::Still(file) => {
                    let turn = ready!(this.turns.poll_acquire(cx));
                    let Some(mut file) = file.take() else { return Poll::Ready(None) };
                    let length = usize::try_from(this.left).unwrap_or(usize::MAX).min(this.piece);
                    this.state = State::Busy(spawn_blocking(move || {
                        // held until it is read, also when nobody waits for that any more
                        let _turn = turn;
                        let piece = read(&mut file, length);
                        (file, piece)
                    }));
                }
                State::Busy(work) => {
                    let done = ready!(Pin::new(work).poll(cx));
                    this.state = State::Still(None);
                    let (file, piece) = done.map_err(io::Error::other)?;
                    let piece = piece?;
                    this.left -= piece.len() as u64;
                    this.state = State::Still(Some(file));
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_piece_is_read_in_its_turn_and_gives_the_turn_back() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"warm floor").expect("written");
        file.seek(SeekFrom::Start(0)).expect("at its beginning");
        let turns = Arc::new(Semaphore::new(1));
        let taken = turns.clone().try_acquire_owned().expect("free");
        let mut reading = Reading::new(file, 10, &turns);
        assert!(reading.frame().now_or_never().is_none(), "all turns are taken");
        drop(taken);
        let piece = reading.frame().await.expect("a piece").expect("read").into_data().expect("bytes");
        assert_eq!(&piece[..], b"warm floor");
        assert!(reading.frame().await.is_none());
        assert_eq!(turns.available_permits(), 1);
    }
}
