//! Servers that fall and come back: while one of them is well no read fails, and while none is it waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use balancer::Config;
use base::unit::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::bench::{Bench, config, read};
use crate::witness::Witness;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell";

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Why a backend is not up; nothing when it is.
fn why(bench: &Bench, address: SocketAddr) -> String {
    let status = bench.service.status();
    let backends = status["backends"].as_array().expect("a list");
    let found = backends.iter().find(|backend| backend["address"] == address.to_string()).expect("named");
    found["why"].as_str().unwrap_or_default().to_owned()
}

/// Answers what comes well; while `is_closed` it closes connections without a word, probes too.
struct Server {
    address: SocketAddr,
    is_closed: Arc<AtomicBool>,
    /// Connections that were closed.
    closed: Arc<AtomicUsize>,
    _listening: AbortOnDropHandle<()>,
}

impl Server {
    fn at(listener: TcpListener, is_closed: bool) -> Server {
        let address = listener.local_addr().expect("an address");
        let (is_closed, closed) = (Arc::new(AtomicBool::new(is_closed)), Arc::<AtomicUsize>::default());
        let (mood, count) = (is_closed.clone(), closed.clone());
        let listening = async move {
            let tasks = TaskTracker::new();
            while let Ok((socket, _)) = listener.accept().await {
                if mood.load(SeqCst) {
                    count.fetch_add(1, SeqCst);
                    continue;
                }
                tasks.spawn(async move { drop(answer(socket).await) });
            }
        };
        let _listening = AbortOnDropHandle::new(TaskTracker::new().spawn(listening));
        Server { address, is_closed, closed, _listening }
    }
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    if socket.read(&mut buffer).await? > 0 {
        socket.write_all(ANSWER).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_that_failed_at_the_only_one_that_is_in_is_answered_by_one_that_is_well_and_rests() {
    let breaks_off = Witness::new(Arc::new(|_| None)).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let long = Span(Duration::from_secs(600));
    let settings =
        Config { out_time_min: long, out_time_max: long, ..config(&[breaks_off.address, address]) };
    let bench = Bench::with(settings, web::Config::default()).await;
    until("it is out", async || why(&bench, address).contains("no connection could be made")).await;
    // as long as half of all are there it has to stay out, however well it is
    let _again = Server::at(TcpListener::bind(address).await.expect("the port is free"), false);
    until("it rests", async || why(&bench, address).contains("answers again")).await;
    for _ in 0..5 {
        assert_eq!(read(&bench.say(GET).await).0, 200);
    }
    bench.end().await;
}

#[tokio::test]
async fn reads_wait_while_the_only_server_closes_all_connections_as_they_come() {
    let server = Server::at(TcpListener::bind("127.0.0.1:0").await.expect("a port"), true);
    let bench = Bench::new(&[server.address]).await;
    // as somebody does who passes ports on to a server that starts
    until("it is out", async || why(&bench, server.address).contains("probes")).await;
    let seen = server.closed.load(SeqCst);
    let asking = async { read(&bench.say(GET).await).0 };
    let opening = async {
        until("it waits", async || bench.page().await.contains("ondol_balancer_waiting_requests 1")).await;
        assert!(server.closed.load(SeqCst) > seen, "it is tried all the same");
        server.is_closed.store(false, SeqCst);
    };
    assert_eq!(tokio::join!(asking, opening).0, 200);
    bench.end().await;
}

#[tokio::test]
async fn what_fails_at_the_only_server_is_sent_again_when_that_has_answered_a_probe() {
    let server = Server::at(TcpListener::bind("127.0.0.1:0").await.expect("a port"), false);
    let bench = Bench::new(&[server.address]).await;
    assert_eq!(read(&bench.say(GET).await).0, 200);
    bench.service.warm().await;
    server.is_closed.store(true, SeqCst);
    let asking = async { read(&bench.say(GET).await).0 };
    let opening = async {
        until("it has failed, and a probe too", async || server.closed.load(SeqCst) >= 2).await;
        server.is_closed.store(false, SeqCst);
    };
    assert_eq!(tokio::join!(asking, opening).0, 200);
    bench.end().await;
}
