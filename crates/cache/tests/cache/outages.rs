//! Memcached that dies, hangs, restarts, is cut off or is something else: the service goes on, and each is told once.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Cut, Cutter, Direction, Memcached, Options};

use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::{Running, memcached, wait_until};

fn server() -> Memcached {
    Memcached::start(&Options::default())
}

impl Running {
    fn over(addresses: &[String]) -> Running {
        Running::new(memcached(addresses, "outages"), &Arc::new(Ledger::default()))
    }

    fn is_out(&self) -> bool {
        self.cache.report().servers.iter().any(|server| server.out_for.is_some())
    }

    /// Reads go on while the server is out, and wait for nothing.
    async fn goes_on_without(&self) {
        let begin = Instant::now();
        for _ in 0..100 {
            self.ledger.write("bills", "a");
            assert_eq!(self.read("a").await, (self.ledger.read("bills", "a"), false));
        }
        // One that waits each time would take half a minute.
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

/// Two lines: it went for this reason, it came back.
#[track_caller]
fn told_once(lines: &Lines, reason: &str) {
    let said = lines.all();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("is left out") && said[0].contains(reason), "{said:#?}");
    assert!(said[1].contains("is back after"), "{said:#?}");
}

#[tokio::test]
async fn a_server_that_restarts_is_left_out_and_comes_back() {
    let (lines, _listening) = Lines::listen();
    let mut server = server();
    let running = Running::over(&[server.address()]);
    running.warm("a").await;
    server.kill();
    wait_until("it is left out", || running.is_out()).await;
    running.goes_on_without().await;
    server.start_again();
    running.warm("a").await;
    told_once(&lines, "closed the connection");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_out_and_comes_back() {
    let (lines, _listening) = Lines::listen();
    let mut server = server();
    let running = Running::over(&[server.address()]);
    running.warm("a").await;
    server.freeze();
    running.read("a").await;
    wait_until("it is left out", || running.is_out()).await;
    running.goes_on_without().await;
    server.thaw();
    running.warm("a").await;
    told_once(&lines, "did not answer within 300 ms");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_answers_gives_nobody_the_wrong_one() {
    let server = server();
    let mut cutter = Cutter::before(server.port());
    let running = Running::over(&[format!("127.0.0.1:{}", cutter.port())]);
    for id in ["a", "b", "c"] {
        running.ledger.write("bills", id);
        running.warm(id).await;
    }
    for (nth, cut) in [(1, Cut::DropBefore), (2, Cut::DropAfter), (1, Cut::LoseAnswer)] {
        let before = cutter.cuts();
        cutter.cut_at(Direction::ToServer, nth, cut);
        while cutter.cuts() == before && !running.is_out() {
            let reads = ["a", "b", "c"].map(|id| running.read(id));
            let reads = futures_util::future::join_all(reads).await;
            assert!(reads.into_iter().all(|(rev, _)| rev == 1));
        }
        wait_until("it is back", || !running.is_out()).await;
        cutter.pass();
        running.warm("a").await;
    }
}

#[tokio::test]
async fn what_is_not_memcached_is_left_out() {
    let (lines, _listening) = Lines::listen();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever asked may be gone before the answer.
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let running = Running::over(&[address]);
    wait_until("it is told", || !lines.all().is_empty()).await;
    running.goes_on_without().await;
    let said = lines.all();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("not memcached's protocol"), "{said:#?}");
}

#[tokio::test]
async fn when_one_of_several_goes_the_others_have_its_keys() {
    let mut servers = [server(), server(), server()];
    let running = Running::over(&servers.each_ref().map(Memcached::address));
    wait_until("all serve", || !running.is_out()).await;
    let ids: Vec<String> = (0..50).map(|n| format!("id{n}")).collect();
    for id in &ids {
        running.warm(id).await;
    }
    servers[1].kill();
    wait_until("one is left out", || running.is_out()).await;
    for id in &ids {
        running.warm(id).await;
    }
    // What the one that comes back still holds is judged like everything else.
    servers[1].start_again();
    wait_until("all serve", || !running.is_out()).await;
    for id in &ids {
        running.ledger.write("bills", id);
        assert_eq!(running.read(id).await.0, 1);
    }
}
