//! How it treats those in front and behind: streams without delay, tunnels, waits, tries again, comes back, and is not held up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use balancer::Config;
use base::unit::{Bytes, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::bench::{Bench, config, statuses};
use crate::witness::{Reply, Witness};

const WAIT_MAX: Duration = Duration::from_secs(30);

fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n").into_bytes()
}

/// One that answers with a text of its own.
async fn named(name: &'static str) -> Witness {
    Witness::new(says(name)).await
}

fn says(text: &'static str) -> Reply {
    Arc::new(move |_| {
        Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes())
    })
}

/// A server whose connections a test holds in its own hands.
async fn by_hand() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    (listener.local_addr().expect("an address"), listener)
}

/// Takes the next connection that brings a request that is no probe, and its head.
async fn next(listener: &TcpListener) -> (TcpStream, String) {
    loop {
        let (mut socket, _) =
            timeout(WAIT_MAX, listener.accept()).await.expect("in time").expect("a connection");
        let head = hear(&mut socket, "\r\n\r\n").await;
        if !head.contains("user-agent: ondol-balancer") {
            return (socket, head);
        }
        // it may be gone
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    }
}

/// Reads until a text has come.
async fn hear(socket: &mut TcpStream, until: &str) -> String {
    let mut heard = Vec::new();
    let mut byte = [0; 4096];
    while !String::from_utf8_lossy(&heard).contains(until) {
        match timeout(WAIT_MAX, socket.read(&mut byte)).await.expect("in time") {
            Ok(0) | Err(_) => break,
            Ok(count) => heard.extend_from_slice(&byte[..count]),
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

async fn connect(bench: &Bench, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(bench.address).await.expect("it listens");
    socket.write_all(bytes).await.expect("it reads");
    socket
}

#[tokio::test]
async fn each_event_of_a_stream_arrives_before_the_next_is_made() {
    let (address, listener) = by_hand().await;
    let bench = Bench::new(&[address]).await;
    let mut client = connect(&bench, &get("/events", "Accept: text/event-stream\r\n")).await;
    let (mut server, _) = next(&listener).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    server.write_all(head.as_bytes()).await.expect("sent");
    for event in 0..5 {
        let data = format!("data: {event}\n\n");
        server.write_all(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes()).await.expect("sent");
        assert!(hear(&mut client, &data).await.contains(&data));
    }
    bench.end().await;
    assert!(hear(&mut client, "0\r\n\r\n").await.ends_with("0\r\n\r\n"), "a stop ends the stream in order");
}

#[tokio::test]
async fn a_websocket_becomes_a_tunnel_after_101_and_not_before() {
    let (address, listener) = by_hand().await;
    let bench = Bench::new(&[address]).await;
    let asked = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut refused = connect(&bench, &get("/ws", asked)).await;
    let (mut server, head) = next(&listener).await;
    assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
    server.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await.expect("sent");
    assert!(hear(&mut refused, "no").await.starts_with("HTTP/1.1 403"));

    drop(server);
    let mut client = connect(&bench, &get("/ws", asked)).await;
    let (mut server, _) = next(&listener).await;
    let agreed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nfirst";
    server.write_all(agreed.as_bytes()).await.expect("sent");
    let told = hear(&mut client, "first").await;
    assert!(told.starts_with("HTTP/1.1 101") && told.contains("sec-websocket-accept: x"), "{told}");
    client.write_all(b"ping").await.expect("sent");
    assert_eq!(hear(&mut server, "ping").await, "ping");
    server.write_all(b"pong").await.expect("sent");
    assert_eq!(hear(&mut client, "pong").await, "pong");
    client.shutdown().await.expect("closed");
    assert_eq!(hear(&mut server, "never").await, "", "the end goes through too");
    drop(server);
    bench.end().await;
}

#[tokio::test]
async fn a_get_that_is_not_answered_in_time_is_answered_by_another_and_a_post_is_not_sent_twice() {
    let (address, listener) = by_hand().await;
    let well = named("well").await;
    let settings = Config {
        try_time_max: Span(Duration::from_millis(50)),
        // probes would put the frozen one out
        probe_every: Span(Duration::from_secs(600)),
        probe_time_max: Span(Duration::from_secs(600)),
        ..config(&[address, well.address])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    for _ in 0..4 {
        let heard = bench.say(&get("/", "Connection: close\r\n")).await;
        assert!(heard.ends_with(b"well"), "{}", String::from_utf8_lossy(&heard));
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let mut posts = Vec::new();
    for _ in 0..2 {
        let post = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        posts.push(connect(&bench, post.as_bytes()).await);
    }
    // of two POSTs one goes to each; the one that the frozen one has breaks off with it
    while seen.load(SeqCst) == 0 {
        let (_socket, head) = next(&listener).await;
        seen.fetch_add(usize::from(head.starts_with("POST")), SeqCst);
    }
    drop(listener);
    let mut told = Vec::new();
    for post in &mut posts {
        told.extend(statuses(hear(post, "never").await.as_bytes()));
    }
    told.sort_unstable();
    assert_eq!(told, [200, 502]);
    bench.end().await;
}

#[tokio::test]
async fn requests_wait_while_no_backend_is_there_and_are_answered_when_one_comes() {
    let (address, listener) = by_hand().await;
    drop(listener);
    let bench = Arc::new(Bench::new(&[address]).await);
    let tasks = TaskTracker::new();
    let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    for method in ["GET", "POST", "GET"] {
        let (bench, heard) = (bench.clone(), heard.clone());
        tasks.spawn(async move {
            let request =
                format!("{method} / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let answer = bench.say(request.as_bytes()).await;
            heard.lock().expect("nobody panics").push(answer);
        });
    }
    until(&bench, "ondol_balancer_waiting_requests 3").await;
    let again = TcpListener::bind(address).await.expect("the port is free");
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = async { loop {
            let (mut socket, _) = next(&again).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
        } } => {}
    }
    let told: Vec<u16> =
        heard.lock().expect("nobody panics").iter().flat_map(|answer| statuses(answer)).collect();
    assert_eq!(told, [200; 3]);
}

#[tokio::test]
async fn who_has_waited_long_enough_is_told_when_to_come_back() {
    let (address, listener) = by_hand().await;
    drop(listener);
    let settings = Config { hold_time_max: Span(Duration::from_millis(50)), ..config(&[address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let heard = String::from_utf8(bench.say(&get("/", "Connection: close\r\n")).await).expect("UTF-8");
    assert!(
        heard.starts_with("HTTP/1.1 503") && heard.to_lowercase().contains("\r\nretry-after: 1\r\n"),
        "{heard}"
    );
    assert!(!heard.contains(&address.to_string()), "{heard}");
    bench.end().await;
}

#[tokio::test]
async fn one_that_is_full_gets_the_next_when_it_is_done_and_those_of_priority_first() {
    let (address, listener) = by_hand().await;
    let settings =
        Config { backend_requests_max: 1, priority_paths: vec!["/first".into()], ..config(&[address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let mut clients = Vec::new();
    clients.push(connect(&bench, &get("/0", "Connection: close\r\n")).await);
    let (mut server, head) = next(&listener).await;
    assert!(head.starts_with("GET /0 "));
    for (waiting, path) in ["/1", "/2", "/first"].iter().enumerate() {
        clients.push(connect(&bench, &get(path, "Connection: close\r\n")).await);
        until(&bench, &format!("ondol_balancer_waiting_requests {}", waiting + 1)).await;
    }
    for path in ["/first", "/1", "/2"] {
        let done = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        server.write_all(done).await.expect("sent");
        let (other, head) = next(&listener).await;
        assert!(head.starts_with(&format!("GET {path} ")), "{head}");
        server = other;
    }
    drop(server);
    bench.end().await;
}

#[tokio::test]
async fn of_three_servers_one_that_never_gets_done_gets_less_than_fifteen_of_a_thousand_requests() {
    const PEOPLE: usize = 32;
    const ANSWERS: usize = 2000;
    let (address, listener) = by_hand().await;
    let (first, second) = (named("well").await, named("well").await);
    let settings = Config {
        // probes would put the slow one out
        probe_every: Span(Duration::from_secs(600)),
        probe_time_max: Span(Duration::from_secs(600)),
        ..config(&[address, first.address, second.address])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    let (slow, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    let taken = slow.clone();
    tasks.spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(next(&listener).await);
            taken.fetch_add(1, SeqCst);
        }
    });
    let (at, done) = (bench.address, Arc::new(tokio::sync::Notify::new()));
    for _ in 0..PEOPLE {
        let (answered, done) = (answered.clone(), done.clone());
        tasks.spawn(async move {
            loop {
                // what is sent once is not sent elsewhere: who is with the slow one stays there
                let post = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let heard = Bench::ask(at, post).await;
                assert!(heard.ends_with(b"well"), "{}", String::from_utf8_lossy(&heard));
                if answered.fetch_add(1, SeqCst) + 1 >= ANSWERS {
                    done.notify_one();
                }
            }
        });
    }
    assert!(timeout(WAIT_MAX, done.notified()).await.is_ok(), "{} got stuck", slow.load(SeqCst));
    tasks.shutdown().await;
    let slow = slow.load(SeqCst);
    assert!(slow > 0 && slow * 1000 <= ANSWERS * 15, "{slow} of {ANSWERS}");
    bench.end().await;
}

#[tokio::test]
async fn a_cookie_leads_back_to_the_same_backend_and_a_forged_one_nowhere() {
    let (a, b) = (named("a").await, named("b").await);
    let settings = Config { sticky: true, ..config(&[a.address, b.address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let ask = async |cookie: &str| {
        let heard = bench.say(&get("/", &format!("Cookie: {cookie}\r\nConnection: close\r\n"))).await;
        String::from_utf8(heard).expect("UTF-8")
    };
    let first = ask("other=1").await;
    let cookie =
        first.split("ondol_backend=").nth(1).and_then(|rest| rest.split(';').next()).expect("a cookie");
    for _ in 0..6 {
        let again = ask(&format!("ondol_backend={cookie}")).await;
        assert_eq!(again.chars().last(), first.chars().last());
        assert!(!again.contains("set-cookie"), "{again}");
    }
    assert!(ask("ondol_backend=000000").await.contains("set-cookie"));
    bench.end().await;
}

#[tokio::test]
async fn one_address_may_not_take_all_connections() {
    let server = named("ok").await;
    let settings = Config { connections_per_address_max: 2, ..config(&[server.address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let (_one, _two) = (connect(&bench, b"").await, connect(&bench, b"").await);
    let mut third = TcpStream::connect(bench.address).await.expect("it listens");
    assert!(hear(&mut third, "data").await.starts_with("HTTP/1.1 503"));
    bench.end().await;
}

#[tokio::test]
async fn a_large_upload_is_not_taken_in_faster_than_the_server_behind_reads() {
    let (address, listener) = by_hand().await;
    let bench = Bench::new(&[address]).await;
    let most = 64 << 20;
    let head = format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {most}\r\n\r\n");
    let mut client = connect(&bench, head.as_bytes()).await;
    let (_stuck, _) = next(&listener).await;
    let (mut sent, piece) = (0, vec![b'x'; 64 << 10]);
    // it takes what fits into buffers, and then nothing for as long as nobody reads
    while let Ok(written) = timeout(Duration::from_millis(500), client.write(&piece)).await {
        sent += written.expect("open");
        assert!(sent < most, "all of it was taken in");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up_and_holds_no_backend() {
    let server = named("ok").await;
    let bench = Bench::hasty(&[server.address]).await;
    let heard = bench.say(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\na").await;
    assert_eq!(statuses(&heard), [408], "{}", String::from_utf8_lossy(&heard));
    let half = bench.say(b"GET / HTTP/1.1\r\nHost: t\r\nX-").await;
    assert_eq!(half, b"", "half a head");
    bench.end().await;
    let sent = server.ended().await;
    assert!(sent.iter().all(Vec::is_empty), "nobody behind heard of it");
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = named("ok").await;
    let settings = Config { probe_every: Span(Duration::from_secs(600)), ..config(&[server.address]) };
    let bench = Bench::with(
        settings,
        web::Config { idle_time_max: Span(Duration::from_millis(200)), ..Default::default() },
    )
    .await;
    let asked = [get("/", "").repeat(50), get("/", "Connection: close\r\n")].concat();
    assert_eq!(statuses(&bench.say(&asked).await).len(), 51);
    bench.end().await;
    // the probe's own, and one for the requests
    let sent = server.ended().await;
    assert!(sent.len() <= 2, "{} connections", sent.len());
}

#[tokio::test]
async fn small_bodies_have_room_of_their_own_and_go_on_as_they_come_when_it_is_used_up() {
    let server = Witness::echo().await;
    let settings = Config { spools_bytes_max: Bytes(2), ..config(&[server.address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let post = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    assert!(bench.say(post).await.ends_with(b"POST / abc"));
    bench.end().await;
}

/// Waits until the balancer's page has a line.
pub(crate) async fn until(bench: &Bench, line: &str) {
    let is_there = async {
        while !bench.page().await.lines().any(|there| there == line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(WAIT_MAX, is_there).await.is_ok(), "{line} never came:\n{}", bench.page().await);
}
