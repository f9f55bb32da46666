//! Behind a proxy that we did not write, which says by the PROXY protocol who its clients are: HAProxy.

use testbed::Haproxy;
use web::request;

use super::*;

/// Answers with the client's address.
fn whoami() -> Router {
    let answer =
        |request: axum::extract::Request| async move { request::address(request.extensions()).to_string() };
    Router::new().route("/", get(answer))
}

async fn server(trusted: &str) -> Server {
    let trusted_proxies = vec![trusted.parse().expect("an address")];
    Server::start(whoami(), Config { trusted_proxies, proxy_protocol: true, ..Config::default() }).await
}

/// All that comes back from an address for these bytes, sent from `source`.
async fn tell(source: &str, address: &str, bytes: &[u8]) -> String {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{source}:0").parse().expect("an address")).expect("free");
    let mut socket = socket.connect(address.parse().expect("an address")).await.expect("a connection");
    // it may be closed before all is read
    let _ = socket.write_all(bytes).await;
    rest(&mut socket).await
}

const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn haproxy_says_who_its_clients_are_in_both_versions() {
    let server = server("127.0.0.1").await;
    for option in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"] {
        // its own checks come as the proxy's own connections
        let haproxy = Haproxy::start(&format!("{} {option} check inter 100ms", server.address));
        for source in ["127.0.0.7", "127.0.0.8"] {
            let answer = tell(source, &haproxy.address(), LAST).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(source), "{option}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_must_say_it_and_nobody_else_is_believed() {
    let server = server("127.0.0.1").await;
    let address = server.address.to_string();
    let header = b"PROXY TCP4 9.9.9.9 127.0.0.1 1 2\r\n";
    let with = [&header[..], LAST].concat();
    assert!(tell("127.0.0.1", &address, &with).await.ends_with("9.9.9.9"));
    assert_eq!(tell("127.0.0.1", &address, LAST).await, "", "it left the header out");
    let answer = tell("127.0.0.9", &address, LAST).await;
    assert!(answer.ends_with("127.0.0.9"), "others come as themselves: {answer}");
    let answer = tell("127.0.0.9", &address, &with).await;
    assert!(!answer.contains("9.9.9.9") && !answer.contains(" 200 "), "and are not believed: {answer}");
}

#[tokio::test]
async fn a_header_that_does_not_come_is_not_waited_for() {
    let trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    let config = Config { trusted_proxies, proxy_protocol: true, head_time_max: SHORT, ..Config::default() };
    let server = Server::start(whoami(), config).await;
    assert_eq!(server.tell(b"PROXY TCP4 9.9").await, "");
}
