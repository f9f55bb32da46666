//! One connection: questions are written as they come, several at once, and answered in their order.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use trust::Tls;

use crate::core::protocol::{self, Garbage, Reply};

use super::server::hang;

/// Questions that are written at once.
const BATCH_MAX: usize = 64;
const READ_BYTES: usize = 16 * 1024;

/// A question.
pub(super) enum Ask {
    /// For a value.
    Get {
        /// Its key.
        key: String,
        /// Where the answer goes; dropped when there is none.
        reply: oneshot::Sender<Option<Bytes>>,
    },
    /// To store a value. Nobody waits for the answer.
    Set {
        /// Its key.
        key: String,
        /// The value.
        value: Bytes,
    },
}

/// A question that was written and not answered yet.
enum Open {
    Get { key: String, reply: oneshot::Sender<Option<Bytes>> },
    Set,
}

/// What comes in, encrypted or not.
type Input = Box<dyn AsyncRead + Send + Sync + Unpin>;
/// What goes out.
type Output = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// A connection that was greeted.
pub(super) struct Talk {
    input: Input,
    output: Output,
    value_bytes_max: usize,
    open: Mutex<VecDeque<Open>>,
    last_read: Mutex<Instant>,
}

impl Talk {
    /// Connects and waits until the server says its version, so that one that hangs is never asked anything.
    pub(super) async fn begin(address: &str, tls: Option<&Tls>, value_bytes_max: usize) -> io::Result<Talk> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut input, mut output): (Input, Output) = match tls {
            None => {
                let (input, output) = stream.into_split();
                (Box::new(input), Box::new(output))
            }
            Some(tls) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let (input, output) = tokio::io::split(tls.encrypt(host, stream).await?);
                (Box::new(input), Box::new(output))
            }
        };
        output.write_all(b"version\r\n").await?;
        output.flush().await?;
        let mut buffer = BytesMut::new();
        loop {
            match protocol::take(&mut buffer, value_bytes_max).map_err(|Garbage| garbage())? {
                Some(Reply::Version) => break,
                Some(_) => return Err(garbage()),
                None if input.read_buf(&mut buffer).await? == 0 => return Err(closed()),
                None => {}
            }
        }
        let (open, last_read) = (Mutex::default(), Mutex::new(Instant::now()));
        Ok(Talk { input, output, value_bytes_max, open, last_read })
    }

    /// Takes questions until the connection fails or the server hangs, and says which.
    pub(super) async fn run(
        self,
        queue: &mut mpsc::Receiver<Ask>,
        is_slow: &Notify,
        answer_time_max: Duration,
    ) -> io::Error {
        let Talk { input, output, value_bytes_max, open, last_read } = self;
        let reading = read(input, &open, &last_read, value_bytes_max);
        let writing = write(output, &open, queue);
        let watching = async {
            loop {
                is_slow.notified().await;
                // Somebody waited for too long; when answers come all the same, we were late, or it has much to do.
                if lock(&last_read).elapsed() >= answer_time_max {
                    return hang(answer_time_max);
                }
            }
        };
        // Reading first: after a time in which this process itself stood still, the answers are there.
        tokio::select! {
            biased;
            fault = reading => fault,
            fault = writing => fault,
            fault = watching => fault,
        }
    }
}

/// Writes questions as they come.
async fn write(
    mut output: Output,
    open: &Mutex<VecDeque<Open>>,
    queue: &mut mpsc::Receiver<Ask>,
) -> io::Error {
    let mut asks = Vec::with_capacity(BATCH_MAX);
    let mut text = BytesMut::new();
    loop {
        if queue.recv_many(&mut asks, BATCH_MAX).await == 0 {
            return closed();
        }
        text.clear();
        for ask in asks.drain(..) {
            put_in(&mut text, ask, &mut lock(open));
        }
        // an encrypted line keeps what it has until it is told
        let sent = async {
            output.write_all(&text).await?;
            output.flush().await
        };
        if let Err(fault) = sent.await {
            return fault;
        }
    }
}

/// Adds one question to the text and to those that wait for an answer.
fn put_in(text: &mut BytesMut, ask: Ask, open: &mut VecDeque<Open>) {
    match ask {
        // Who asked is gone already.
        Ask::Get { reply, .. } if reply.is_closed() => {}
        Ask::Get { key, reply } => {
            protocol::get(text, &key);
            open.push_back(Open::Get { key, reply });
        }
        Ask::Set { key, value } => {
            protocol::set(text, &key, &value);
            open.push_back(Open::Set);
        }
    }
}

/// Reads answers as they come.
async fn read(
    mut input: Input,
    open: &Mutex<VecDeque<Open>>,
    last_read: &Mutex<Instant>,
    value_bytes_max: usize,
) -> io::Error {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        match input.read_buf(&mut buffer).await {
            Ok(0) => return closed(),
            Ok(_) => *lock(last_read) = Instant::now(),
            Err(fault) => return fault,
        }
        if let Err(Garbage) = answer_all(&mut buffer, open, value_bytes_max) {
            return garbage();
        }
        buffer.reserve(READ_BYTES);
    }
}

/// Hands out the answers that are all there.
fn answer_all(
    buffer: &mut BytesMut,
    open: &Mutex<VecDeque<Open>>,
    value_bytes_max: usize,
) -> Result<(), Garbage> {
    while let Some(reply) = protocol::take(buffer, value_bytes_max)? {
        answer(lock(open).pop_front(), reply)?;
    }
    Ok(())
}

/// Hands an answer to who asked; one that does not fit the question is garbage.
fn answer(open: Option<Open>, answer: Reply) -> Result<(), Garbage> {
    let (reply, value) = match (open, answer) {
        (Some(Open::Set), Reply::Stored | Reply::Declined) => return Ok(()),
        (Some(Open::Get { reply, .. }), Reply::Missing | Reply::Declined) => (reply, None),
        (Some(Open::Get { key, reply }), Reply::Value { key: its, value }) if *its == *key.as_bytes() => {
            (reply, Some(value))
        }
        _ => return Err(Garbage),
    };
    // Who asked may have gone.
    let _ = reply.send(value);
    Ok(())
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "it closed the connection")
}

fn garbage() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it answers is not memcached's protocol")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
