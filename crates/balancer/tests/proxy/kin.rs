//! Hosts of one service behind their balancer: who listens between them hears nothing, and no stranger is let in, on either side.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use balancer::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trust::{Door, Kin, Papers, Tls};
use web::{Front, Listener, Stop};

use crate::bench::{Bench, config, read};

const HOST: &str = "127.0.0.1";
const WORD: &str = "온돌 is warm";

fn papers(secret: &str) -> Papers {
    Kin::of(secret, "popong.com").expect("kin").papers(Some(HOST)).expect("papers")
}

/// A web host that lets in who shows papers of the same kin, and says every word twice.
async fn host(papers: &Papers) -> (SocketAddr, Stop) {
    let listener = TcpListener::bind((HOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/say", post(|said: String| async move { format!("{said}, {said}") }));
    let front = Front::new(router, Arc::default());
    let (door, stop) = (Door::among(papers).expect("a door"), Stop::new());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(web::serve(vec![Listener::kin(listener, door)], front, stop.clone()));
    (address, stop)
}

/// Somebody on the line, who hears all that passes.
struct Tap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
}

impl Tap {
    async fn before(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind((HOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, connections) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicUsize>::default());
        let (hears, counts) = (heard.clone(), connections.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counts.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(server).await.expect("it listens");
                let ((from, to), (back, forth)) = (client.into_split(), server.into_split());
                tokio::spawn(listen(from, forth, hears.clone()));
                tokio::spawn(listen(back, to, hears.clone()));
            }
        });
        Tap { address, heard, connections }
    }

    fn has_heard(&self, word: &str) -> bool {
        let heard = self.heard.lock().expect("whole");
        heard.windows(word.len()).any(|bytes| bytes == word.as_bytes())
    }
}

async fn listen(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut bytes = vec![0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        heard.lock().expect("whole").extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    // whoever is not there any more need not be told
    let _ = to.shutdown().await;
}

fn of_host(address: SocketAddr) -> Config {
    let mut config = config(&[address]);
    config.backends[0].is_host = true;
    config
}

fn saying() -> Vec<u8> {
    format!(
        "POST /say HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{WORD}",
        WORD.len()
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_between_a_balancer_and_its_hosts_hears_nothing() {
    let papers = papers("warm floor");
    let (address, stop) = host(&papers).await;
    let tap = Tap::before(address).await;
    let bench = Bench::among(Tls::among(&papers).expect("papers"), of_host(tap.address)).await;
    for _ in 0..20 {
        let (status, _, body) = read(&bench.say(&saying()).await);
        assert_eq!((status, body), (200, format!("{WORD}, {WORD}").into_bytes()));
    }
    for word in [WORD, "POST", "HTTP/1.1", "Content-Length", "content-length"] {
        assert!(!tap.has_heard(word), "{word} can be read on the line");
    }
    // spares, and one or the other at once: not a handshake for each
    let connections = tap.connections.load(Ordering::SeqCst);
    assert!(connections < 10, "{connections} connections for 20 requests");
    bench.end().await;
    stop.soft.cancel();
}

#[tokio::test]
async fn a_host_lets_no_stranger_in() {
    let own = papers("warm floor");
    let (address, stop) = host(&own).await;
    let plain = Bench::ask(address, &saying()).await;
    assert!(!String::from_utf8_lossy(&plain).contains("HTTP/1.1"), "{:?}", String::from_utf8_lossy(&plain));
    let nobody = Tls::vouched_by(&own.authority).expect("an authority");
    let other = papers("warm floot");
    // it believes the host, and shows papers of others
    let other = Papers { authority: own.authority.clone(), ..other };
    for (who, tls) in
        [("without papers", nobody), ("with papers of others", Tls::among(&other).expect("papers"))]
    {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let mut heard = Vec::new();
        if let Ok(mut line) = tls.encrypt(HOST, stream).await {
            // in TLS 1.3 the refusal comes after one's own hands are shaken
            let _ = line.write_all(&saying()).await;
            let _ = line.read_to_end(&mut heard).await;
        }
        assert!(heard.is_empty(), "somebody {who} was answered: {:?}", String::from_utf8_lossy(&heard));
    }
    stop.soft.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balancer_tells_nothing_to_a_stranger_in_a_hosts_place() {
    let (address, stop) = host(&papers("warm floot")).await;
    let tap = Tap::before(address).await;
    let own = Tls::among(&papers("warm floor")).expect("papers");
    let mut config = of_host(tap.address);
    config.hold_time_max = base::unit::Span(std::time::Duration::from_millis(300));
    let bench = Bench::among(own, config).await;
    let (status, ..) = read(&bench.say(&saying()).await);
    assert_eq!(status, 503);
    assert!(tap.connections.load(Ordering::SeqCst) > 0 && !tap.has_heard(WORD));
    bench.end().await;
    stop.soft.cancel();
}
