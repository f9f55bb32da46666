//! A file as a body: piece by piece, read off the async threads.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that are read at once, as a rule.
pub(crate) const PIECE: usize = 64 << 10;

/// So many bytes of a file, from where it stands.
pub(crate) struct Reading {
    left: u64,
    /// Bytes that are read at once.
    piece: usize,
    state: State,
    /// What it takes of the disk and of memory, if that is counted.
    _room: Vec<OwnedSemaphorePermit>,
}

enum State {
    /// Between two pieces; `None` after a fault.
    Still(Option<File>),
    Busy(JoinHandle<(File, io::Result<Bytes>)>),
}

impl Reading {
    pub(crate) fn new(file: File, length: u64) -> Reading {
        Reading { left: length, piece: PIECE, state: State::Still(Some(file)), _room: Vec::new() }
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
                State::Still(file) => {
                    let Some(mut file) = file.take() else { return Poll::Ready(None) };
                    let length = usize::try_from(this.left).unwrap_or(usize::MAX).min(this.piece);
                    this.state = State::Busy(spawn_blocking(move || {
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
