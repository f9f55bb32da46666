//! The server on a true socket: what hostile and slow clients get, and what a stop leaves undone.

#[path = "serve/behind.rs"]
mod behind;
#[path = "serve/secure.rs"]
mod secure;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use base::unit::Span;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use web::{Config, Front, Stop, serve};

/// Nothing here takes as long; a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Span = Span(Duration::from_millis(50));

struct Server {
    address: SocketAddr,
    stop: Stop,
    tasks: JoinSet<()>,
}

impl Server {
    async fn start(router: Router, config: Config) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, stop) = (listener.local_addr().expect("an address"), Stop::new());
        let (front, until, mut tasks) = (Front::new(router, Arc::new(config)), stop.clone(), JoinSet::new());
        tasks.spawn(serve(vec![listener.into()], front, until));
        Server { address, stop, tasks }
    }

    async fn plain(config: Config) -> Server {
        let echo = post(|body: String| async move { body });
        Server::start(Router::new().route("/", get(|| async { "hello" })).route("/echo", echo), config).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// All that comes back for these bytes until the server closes the connection.
    async fn tell(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        // the server may close before it has read all
        let _ = socket.write_all(bytes).await;
        rest(&mut socket).await
    }

    async fn ended(mut self) {
        tokio::time::timeout(PATIENCE, self.tasks.join_next())
            .await
            .expect("it ends")
            .expect("a task")
            .expect("well");
    }
}

/// What comes until the connection is closed, or reset.
async fn rest(socket: &mut TcpStream) -> String {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match tokio::time::timeout(PATIENCE, socket.read(&mut chunk)).await.expect("closed in time") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&text).into_owned(),
            Ok(count) => text.extend_from_slice(&chunk[..count]),
        }
    }
}

async fn until(socket: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(PATIENCE, socket.read_u8()).await.expect("in time").expect("a byte");
        text.push(byte);
    }
    String::from_utf8_lossy(&text).into_owned()
}

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = Server::plain(Config::default()).await;
    let mut socket = server.connect().await;
    for _ in 0..3 {
        socket.write_all(HELLO).await.expect("sent");
        assert!(until(&mut socket, "hello").await.starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let server = Server::plain(Config::default()).await;
    let many: String = (0..500).map(|n| format!("X-{n}: a\r\n")).collect();
    let long = format!("X: {}\r\n", "a".repeat(1 << 20));
    let path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(1 << 20));
    for flood in [
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{long}\r\n"),
        path,
    ] {
        let answer = server.tell(flood.as_bytes()).await;
        // of a megabyte that is still under way when the connection closes, the client may get no answer
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_end_the_connection() {
    let server = Server::plain(Config::default()).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let answer = server.tell(format!("{head}{smuggled}").as_bytes()).await;
        assert!(!answer.contains(" 200 ") && answer.matches("HTTP/1.1").count() <= 1, "{head}\n{answer}");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_and_a_connection_without_requests_are_closed() {
    let server = Server::plain(Config { head_time_max: SHORT, ..Config::default() }).await;
    assert_eq!(server.tell(b"GET / HTTP/1.1\r\nHost:").await, "");

    let server = Server::plain(Config { idle_time_max: SHORT, ..Config::default() }).await;
    assert_eq!(server.tell(b"").await, "");
    let answer = server.tell(HELLO).await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_dawdles_with_a_head_or_a_body_is_closed_within_ten_seconds() {
    let server = Server::plain(Config::default()).await;
    for (first, piece) in [
        ("GET / HTTP/1.1\r\nHost:", ""),
        ("GET / HTTP/1.1\r\nX:", "a"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "a"),
    ] {
        let (mut from, mut to) = server.connect().await.into_split();
        to.write_all(first.as_bytes()).await.expect("sent");
        let begun = tokio::time::Instant::now();
        let trickle = async {
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                // it may be closed by now
                let _ = to.write_all(piece.as_bytes()).await;
            }
        };
        let mut heard = Vec::new();
        tokio::select! {
            _ = from.read_to_end(&mut heard) => {}
            () = trickle => {}
        }
        // the clock goes on only while nobody has anything to do
        assert!(begun.elapsed() <= Duration::from_secs(10), "{first:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_let_go_of() {
    let (sender, mut gone) = mpsc::channel::<()>(1);
    let endless = get(move || async move {
        let chunk = Bytes::from(vec![0; 1 << 20]);
        let stream = futures_util::stream::repeat_with(move || {
            let _held = &sender;
            Ok::<_, std::io::Error>(chunk.clone())
        });
        Body::from_stream(stream)
    });
    // the stop would wait for longer than this test does
    let config = Config { write_stall_max: SHORT, drain_time_max: Span(3 * PATIENCE), ..Config::default() };
    let server = Server::start(Router::new().route("/", endless), config).await;
    let mut socket = server.connect().await;
    socket.write_all(HELLO).await.expect("sent");
    until(&mut socket, "\r\n\r\n").await;
    server.stop.soft.cancel();
    server.ended().await;
    assert_eq!(gone.recv().await, None, "the answer's source is let go of with the connection");
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let server = Server::plain(Config { connections_max: 1, ..Config::default() }).await;
    let mut first = server.connect().await;
    first.write_all(HELLO).await.expect("sent");
    until(&mut first, "hello").await;
    let refused = server.tell(b"").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("Retry-After: 1"), "{refused}");
    let (head, body) = refused.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{refused}");
}

#[tokio::test]
async fn a_stop_waits_for_requests_in_flight_and_for_nothing_else() {
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, end) = (begun.clone(), may_end.clone());
    let slow = get(move || async move {
        begin.notify_one();
        end.notified().await;
        "done"
    });
    let server = Server::start(Router::new().route("/", slow), Config::default()).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(HELLO).await.expect("sent");
    begun.notified().await;
    server.stop.soft.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    assert!(TcpStream::connect(server.address).await.is_err(), "no new connection is taken");
    may_end.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("done"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_after_the_drain_time() {
    let begun = Arc::new(Notify::new());
    let begin = begun.clone();
    let hangs = get(move || async move {
        begin.notify_one();
        std::future::pending::<&str>().await
    });
    let config = Config { drain_time_max: SHORT, ..Config::default() };
    let server = Server::start(Router::new().route("/", hangs), config).await;
    let mut socket = server.connect().await;
    socket.write_all(HELLO).await.expect("sent");
    begun.notified().await;
    server.stop.soft.cancel();
    assert_eq!(rest(&mut socket).await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_write_that_has_begun_ends_though_its_client_goes_away() {
    let (begun, may_end, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, go_on, end) = (begun.clone(), may_end.clone(), ended.clone());
    let write = post(move || async move {
        begin.notify_one();
        go_on.notified().await;
        end.notify_one();
    });
    let config = Config { connections_max: 1, ..Config::default() };
    let server = Server::start(Router::new().route("/", write), config).await;
    let mut socket = server.connect().await;
    socket.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
    begun.notified().await;
    drop(socket);
    // its place is free once the server has seen that it is gone
    while server.tell(b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.contains(" 503 ") {
    }
    may_end.notify_one();
    tokio::time::timeout(PATIENCE, ended.notified()).await.expect("it ends");
    server.stop.soft.cancel();
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_dawdles_is_cut_off() {
    let config = Config { body_grace: SHORT, ..Config::default() };
    let server = Server::plain(config).await;
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nConnection: close\r\n\r\nslow";
    let answer = server.tell(head).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn who_leaves_answers_on_in_open_connections_and_lets_streams_last() {
    let events = get(|| async {
        let stream = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        ([("content-type", "text/event-stream")], Body::from_stream(stream))
    });
    let hangs = get(std::future::pending::<&'static str>);
    let router =
        Router::new().route("/", get(|| async { "hello" })).route("/events", events).route("/hangs", hangs);
    let server = Server::start(router, Config { drain_time_max: SHORT, ..Config::default() }).await;
    let (mut idle, mut kept, mut lasting, mut stuck) =
        (server.connect().await, server.connect().await, server.connect().await, server.connect().await);
    kept.write_all(HELLO).await.expect("sent");
    assert!(!until(&mut kept, "hello").await.contains("connection: close"));
    lasting.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    until(&mut lasting, "\r\n\r\n").await;
    stuck.write_all(b"GET /hangs HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    idle.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");

    server.stop.leave.cancel();
    kept.write_all(HELLO).await.expect("sent");
    let answer = rest(&mut kept).await;
    assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
    idle.write_all(b"Host: a\r\n\r\n").await.expect("sent");
    assert!(rest(&mut idle).await.ends_with("hello"), "who had begun to ask is answered");
    assert_eq!(rest(&mut stuck).await, "", "what does not end is cut off after the grace and the drain time");
    let mut byte = [0];
    let more = tokio::time::timeout(SHORT.0, lasting.read(&mut byte)).await;
    assert!(more.is_err(), "the stream lasts");
    server.stop.soft.cancel();
    assert_eq!(rest(&mut lasting).await, "", "and is cut off in the end");
    server.ended().await;
}
