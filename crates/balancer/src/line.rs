//! One connection to a backend, on which one request after the other is sent.
//!
//! It is moved by whoever has it: a request, the connection it goes out on and the answer are one task, which sleeps until
//! its own socket wakes it. Nothing is handed from task to task, and on several threads nobody else is woken. Only when a
//! request's body is still coming in, a task of its own writes it: the body goes up whether or not anybody takes the answer.
//!
//! It speaks HTTP/1.1 itself, not by a library for clients: a request's head is written as bytes, without a map of headers in
//! between, and that was a third of all that the balancer did for a small answer.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use trust::Tls;

use crate::framing::{self, Framing, Head};
use crate::letter::{Content, Letter};
use crate::stream::{From, Stream, To};

/// Longest time that a connection serves, so that a name's new address is found.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Heads of statuses below 200 before the answer's own.
const INTERIM_MAX: usize = 100;
/// A body up to this is written together with its head.
const JOINED_BYTES_MAX: usize = 16 << 10;
/// Bytes that are read at once: of a head and what comes with it, and of a body.
const HEAD_READ: usize = 8 << 10;
const BODY_READ_MAX: usize = 64 << 10;
/// Longest time for which a backend may not take any byte of a body that comes in while it goes out.
const UPLOAD_STALL_MAX: Duration = Duration::from_secs(60);

/// Headers that an answer gets on its way to the client.
const OURS: usize = 4;

/// A connection on which a request can be sent.
pub(crate) struct Line {
    socket: Socket,
    /// What has come and was not taken yet.
    came: BytesMut,
    /// What is still to come of the answer's body.
    framing: Framing,
    /// Whether another request may follow.
    is_lasting: bool,
    made: Instant,
}

enum Socket {
    Whole(Stream),
    /// While a task writes a body, and until its half is back.
    Halved(From, Upload),
    /// Let go of.
    Gone,
}

/// What becomes of a body that comes in while it goes out.
enum Upload {
    Going(AbortOnDropHandle<Result<To, Stuck>>),
    Done(To),
    /// The backend takes no more; it may have answered all the same.
    Broken(String),
}

/// Why a request got no answer.
pub(crate) enum Stuck {
    /// No byte of it was sent: here it is again.
    Unsent(Box<Letter>, String),
    /// The connection failed, or what came on it is no answer.
    Broken(String),
    /// The client did not send what it had begun.
    ByClient(axum::Error),
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Unsent(_, why) | Stuck::Broken(why) => f.write_str(why),
            Stuck::ByClient(error) => error.fmt(f),
        }
    }
}

/// What is written of a request whose body is at hand.
struct Out {
    bytes: Vec<u8>,
    /// Where its head ends; a small body follows it.
    head: usize,
    body: Bytes,
    written: usize,
    /// All is written, and given to the socket.
    is_flushed: bool,
    /// Why no more is written.
    fault: Option<String>,
}

impl Line {
    /// Makes a connection; with `tls` an encrypted one, to a host that has shown who it is.
    pub(crate) async fn open(address: &str, tls: Option<&Tls>, limit: Duration) -> Result<Line, String> {
        let connecting = async {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            let Some(tls) = tls else { return Ok::<_, io::Error>(Stream::Plain(socket)) };
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            Ok(Stream::Encrypted(Box::new(tls.encrypt(host, socket).await?)))
        };
        match timeout(limit, connecting).await {
            Ok(Ok(stream)) => Ok(Line::over(stream)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no connection for {} ms", limit.as_millis())),
        }
    }

    /// The line over a connection that is made.
    fn over(stream: Stream) -> Line {
        Line {
            socket: Socket::Whole(stream),
            came: BytesMut::new(),
            framing: Framing::Length(0),
            is_lasting: true,
            made: Instant::now(),
        }
    }

    /// Whether another request can be sent on it, as far as can be told.
    pub(crate) fn is_good(&mut self, now: Instant) -> bool {
        let is_free = self.is_lasting && self.is_over() && self.came.is_empty();
        let Socket::Whole(stream) = &mut self.socket else { return false };
        // what has come meanwhile is seen now: the other side's goodbye, most of all
        is_free && now.saturating_duration_since(self.made) < AGE_MAX && stream.is_quiet()
    }

    /// Gets ready for the next request after an answer's last byte. A body that the answer has overtaken goes on by itself.
    pub(crate) fn rest(&mut self) {
        self.came = match std::mem::take(&mut self.came) {
            came if came.capacity() > HEAD_READ => BytesMut::from(&came[..]),
            came => came,
        };
        if let Socket::Halved(..) = self.socket
            && let Socket::Halved(from, upload) = std::mem::replace(&mut self.socket, Socket::Gone)
        {
            match upload {
                Upload::Done(to) => self.socket = Stream::join(from, to).map_or(Socket::Gone, Socket::Whole),
                Upload::Going(task) => drop(task.detach()),
                Upload::Broken(_) => {}
            }
        }
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&mut self, letter: Letter, tasks: &TaskTracker) -> Result<Head, Stuck> {
        let may_have_body = !letter.is_of_head;
        // until its answer says otherwise
        self.is_lasting = false;
        let mut head = match letter.content {
            Content::AtHand(body) => self.send_whole(Out::new(letter.head, body), may_have_body).await?,
            Content::Coming(body) => {
                let socket = match std::mem::replace(&mut self.socket, Socket::Gone) {
                    Socket::Whole(socket) => socket,
                    _ => return Err(Stuck::Broken("it has another request".into())),
                };
                let (from, to) = socket.split();
                let going = AbortOnDropHandle::new(tasks.spawn(upload(to, letter.head, body, may_have_body)));
                self.socket = Socket::Halved(from, Upload::Going(going));
                self.send_coming(may_have_body).await?
            }
            Content::Gone => return Err(Stuck::Broken("its body is gone".into())),
        };
        (self.framing, self.is_lasting) = (head.framing, head.is_lasting);
        head.headers.reserve(OURS);
        Ok(head)
    }

    /// Writes and reads at once: a backend may answer before it has taken the body.
    async fn send_whole(&mut self, mut out: Out, may_have_body: bool) -> Result<Head, Stuck> {
        let mut interim = 0;
        let answered = poll_fn(|cx| {
            self.write(cx, &mut out);
            match &out.fault {
                Some(_) if out.written == 0 => Poll::Ready(Err(String::new())),
                // it may have answered before it closed
                _ => self.poll_head(cx, may_have_body, &mut interim),
            }
        });
        let answered = answered.await;
        match answered {
            Ok(head) => Ok(Head { is_lasting: head.is_lasting && out.is_done(), ..head }),
            Err(_) if out.written == 0 => Err(out.back(may_have_body)),
            Err(why) => Err(Stuck::Broken(out.fault.unwrap_or(why))),
        }
    }

    async fn send_coming(&mut self, may_have_body: bool) -> Result<Head, Stuck> {
        let mut interim = 0;
        poll_fn(|cx| {
            self.poll_upload(cx)?;
            let answered = ready!(self.poll_head(cx, may_have_body, &mut interim));
            Poll::Ready(answered.map_err(|why| match &mut self.socket {
                Socket::Halved(_, Upload::Broken(first)) => Stuck::Broken(std::mem::take(first)),
                _ => Stuck::Broken(why),
            }))
        })
        .await
    }

    /// Sees whether the task that writes a body has ended.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Stuck> {
        let Socket::Halved(_, upload) = &mut self.socket else { return Ok(()) };
        let Upload::Going(going) = upload else { return Ok(()) };
        let Poll::Ready(ended) = Pin::new(going).poll(cx) else { return Ok(()) };
        *upload = match ended {
            Ok(Ok(to)) => Upload::Done(to),
            Ok(Err(Stuck::Broken(why))) => Upload::Broken(why),
            Ok(Err(stuck)) => return Err(stuck),
            Err(error) => Upload::Broken(error.to_string()),
        };
        Ok(())
    }

    fn write(&mut self, cx: &mut Context<'_>, out: &mut Out) {
        let Socket::Whole(socket) = &mut self.socket else { return };
        while out.fault.is_none()
            && let Some(rest) = out.rest()
        {
            match Pin::new(&mut *socket).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => out.fault = Some("it takes nothing more".into()),
                Poll::Ready(Ok(count)) => out.written += count,
                Poll::Ready(Err(error)) => out.fault = Some(error.to_string()),
                Poll::Pending => return,
            }
        }
        if out.fault.is_none() && !out.is_flushed {
            match Pin::new(socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => out.is_flushed = true,
                Poll::Ready(Err(error)) => out.fault = Some(error.to_string()),
                Poll::Pending => {}
            }
        }
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        may_have_body: bool,
        interim: &mut usize,
    ) -> Poll<Result<Head, String>> {
        loop {
            if !self.came.is_empty() {
                match framing::head(&mut self.came, may_have_body) {
                    Ok(Some(head)) if is_interim(head.status) => {
                        *interim += 1;
                        if *interim > INTERIM_MAX {
                            return Poll::Ready(Err("it answers without end that it will".into()));
                        }
                        continue;
                    }
                    Ok(Some(head)) => return Poll::Ready(Ok(head)),
                    Ok(None) => {}
                    Err(fault) => return Poll::Ready(Err(fault.to_string())),
                }
            }
            match ready!(self.poll_read(cx, HEAD_READ)) {
                Ok(0) => return Poll::Ready(Err("it closed the connection before it answered".into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
    }

    /// Whether an answer's body has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.framing.is_over()
    }

    /// Bytes of an answer's body that are still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.framing.left()
    }

    /// The next piece of an answer's body that is here already.
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, String> {
        self.framing.piece(&mut self.came).map_err(|fault| fault.to_string())
    }

    /// All that is left of an answer's body of known length, if it is here; at the end there is nothing, and that is here.
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        let left = self.left()?;
        match left <= self.came.len() as u64 {
            // of such a body no fault can be found
            true => Some(self.piece().ok().flatten().unwrap_or_default()),
            false => None,
        }
    }

    /// The next piece of an answer's body.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        // its errors concern the answer no longer
        let _ = self.poll_upload(cx);
        loop {
            match self.piece() {
                Ok(None) if self.is_over() => return Poll::Ready(None),
                Ok(None) => {}
                piece => return Poll::Ready(piece.transpose()),
            }
            let room = usize::try_from(self.left().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            match ready!(self.poll_read(cx, room.clamp(HEAD_READ, BODY_READ_MAX))) {
                Ok(0) if self.framing == Framing::Close => {
                    self.framing = Framing::Length(0);
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err("it closed the connection within its answer".into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.to_string()))),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.came.reserve(room);
        match &mut self.socket {
            Socket::Whole(socket) => pin!(socket.read_buf(&mut self.came)).poll(cx),
            Socket::Halved(from, _) => pin!(from.read_buf(&mut self.came)).poll(cx),
            Socket::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// What a backend that has agreed to another protocol sends and is sent, what has come already at the front.
    pub(crate) fn into_tunnel(self) -> Option<(impl AsyncRead + Send + Unpin, To)> {
        let Socket::Whole(stream) = self.socket else { return None };
        let (from, to) = stream.split();
        Some((io::Cursor::new(self.came).chain(from), to))
    }
}

impl Out {
    fn new(mut head: Vec<u8>, body: Bytes) -> Out {
        let length = head.len();
        let is_joined = body.len() <= JOINED_BYTES_MAX;
        if is_joined {
            head.extend_from_slice(&body);
        }
        Out { bytes: head, head: length, body, written: 0, is_flushed: false, fault: None }
    }

    /// What is written next; `None` when all is.
    fn rest(&self) -> Option<&[u8]> {
        let of_body = if self.bytes.len() == self.head { &self.body[..] } else { &[] };
        let rest = match self.written.checked_sub(self.bytes.len()) {
            Some(written) => &of_body[written..],
            None => &self.bytes[self.written..],
        };
        (!rest.is_empty()).then_some(rest)
    }

    fn is_done(&self) -> bool {
        self.fault.is_none() && self.is_flushed
    }

    /// The request again, of which nothing was written.
    fn back(mut self, may_have_body: bool) -> Stuck {
        self.bytes.truncate(self.head);
        let letter =
            Letter { head: self.bytes, content: Content::AtHand(self.body), is_of_head: !may_have_body };
        Stuck::Unsent(Box::new(letter), self.fault.unwrap_or_default())
    }
}

/// 101 is an answer, and the last one.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Writes a request while its body comes in; gives the connection's half back.
async fn upload(mut to: To, head: Vec<u8>, mut body: Body, may_have_body: bool) -> Result<To, Stuck> {
    let mut left = body.size_hint().exact();
    match timeout(UPLOAD_STALL_MAX, to.write(&head)).await {
        Ok(Ok(written)) if written > 0 => write(&mut to, &head[written..]).await?,
        failed => {
            let why =
                failed.map_or_else(|_| stalled(), |done| done.map_or_else(|e| e.to_string(), |_| stalled()));
            let letter = Letter { head, content: Content::Coming(body), is_of_head: !may_have_body };
            return Err(Stuck::Unsent(Box::new(letter), why));
        }
    }
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Stuck::ByClient)?.into_data() else { continue };
        if data.is_empty() {
            continue;
        }
        match &mut left {
            Some(left) => {
                let is_more = data.len() as u64 > *left;
                *left = left.saturating_sub(data.len() as u64);
                if is_more {
                    return Err(Stuck::Broken("its body is longer than was said".into()));
                }
                write(&mut to, &data).await?;
            }
            None => {
                write(&mut to, format!("{:x}\r\n", data.len()).as_bytes()).await?;
                write(&mut to, &data).await?;
                write(&mut to, b"\r\n").await?;
            }
        }
    }
    match left {
        Some(0) => {}
        Some(_) => return Err(Stuck::Broken("its body is shorter than was said".into())),
        None => write(&mut to, b"0\r\n\r\n").await?,
    }
    Ok(to)
}

/// Writes all of it, as long as any of it is taken now and then.
async fn write(to: &mut To, mut bytes: &[u8]) -> Result<(), Stuck> {
    while !bytes.is_empty() {
        match timeout(UPLOAD_STALL_MAX, to.write(bytes)).await {
            Ok(Ok(written)) if written > 0 => bytes = &bytes[written..],
            Ok(Err(error)) => return Err(Stuck::Broken(error.to_string())),
            Ok(Ok(_)) | Err(_) => return Err(Stuck::Broken(stalled())),
        }
    }
    match timeout(UPLOAD_STALL_MAX, to.flush()).await {
        Ok(flushed) => flushed.map_err(|error| Stuck::Broken(error.to_string())),
        Err(_) => Err(Stuck::Broken(stalled())),
    }
}

fn stalled() -> String {
    "it takes nothing more of a request".into()
}
