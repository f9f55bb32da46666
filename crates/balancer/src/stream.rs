//! What a line goes over: a socket as it is, or whatever is spoken on one, encrypted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Bytes both ways.
pub(crate) trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Both for S {}

/// Both ways together.
pub(crate) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<dyn Both>),
}

/// What comes.
pub(crate) enum From {
    Plain(OwnedReadHalf),
    Encrypted(ReadHalf<Box<dyn Both>>),
}

/// What goes.
pub(crate) enum To {
    Plain(OwnedWriteHalf),
    Encrypted(WriteHalf<Box<dyn Both>>),
}

impl Stream {
    pub(crate) fn split(self) -> (From, To) {
        match self {
            Stream::Plain(socket) => {
                let (from, to) = socket.into_split();
                (From::Plain(from), To::Plain(to))
            }
            Stream::Encrypted(both) => {
                let (from, to) = tokio::io::split(both);
                (From::Encrypted(from), To::Encrypted(to))
            }
        }
    }

    /// What was split, together again; `None` of what was never one.
    pub(crate) fn join(from: From, to: To) -> Option<Stream> {
        match (from, to) {
            (From::Plain(from), To::Plain(to)) => from.reunite(to).ok().map(Stream::Plain),
            (From::Encrypted(from), To::Encrypted(to)) => {
                from.is_pair_of(&to).then(|| Stream::Encrypted(from.unsplit(to)))
            }
            _ => None,
        }
    }

    /// Whether nothing has come, not even the end.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Stream::Plain(socket) => {
                socket.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Stream::Encrypted(both) => {
                let mut byte = [0];
                let mut cx = Context::from_waker(Waker::noop());
                Pin::new(both).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

macro_rules! read {
    ($kind:ident) => {
        impl AsyncRead for $kind {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $kind::Plain(plain) => Pin::new(plain).poll_read(cx, buffer),
                    $kind::Encrypted(encrypted) => Pin::new(encrypted).poll_read(cx, buffer),
                }
            }
        }
    };
}

macro_rules! write {
    ($kind:ident) => {
        impl AsyncWrite for $kind {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $kind::Plain(plain) => Pin::new(plain).poll_write(cx, bytes),
                    $kind::Encrypted(encrypted) => Pin::new(encrypted).poll_write(cx, bytes),
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $kind::Plain(plain) => Pin::new(plain).poll_flush(cx),
                    $kind::Encrypted(encrypted) => Pin::new(encrypted).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $kind::Plain(plain) => Pin::new(plain).poll_shutdown(cx),
                    $kind::Encrypted(encrypted) => Pin::new(encrypted).poll_shutdown(cx),
                }
            }
        }
    };
}

read!(Stream);
read!(From);
write!(Stream);
write!(To);
