//! TLS and HTTP/2, asked by curl, openssl and nghttp2, and by a client that behaves badly.

use std::path::PathBuf;
use std::process::Stdio;

use axum::routing::any;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use web::tls::{Certificate, Certificates, Tls, Unfit};
use web::{Listener, Redirect};

use super::*;

#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
fn beside<F: Future<Output: Send> + Send + 'static>(work: F) -> tokio::task::JoinHandle<F::Output> {
    tokio::spawn(work)
}

/// Runs a program of Debian's with words that go to its input, and gives all that it says.
async fn run(program: &str, package: &str, args: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|_| panic!("{program} is missing: apt install {package}"));
    let mut stdin = child.stdin.take().expect("piped");
    // a program that doesn't read its input may have closed it
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

async fn openssl(args: &[&str], input: &str) -> String {
    run("openssl", "openssl", args, input).await
}

async fn curl(args: &[&str]) -> String {
    run("curl", "curl", &[&["-sS", "--max-time", "15"], args].concat(), "").await
}

/// Certificates that sign themselves, in a folder.
struct Paper {
    dir: tempfile::TempDir,
}

impl Paper {
    fn new() -> Paper {
        Paper { dir: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// A certificate of these names, good for so many days.
    async fn make(&self, file: &str, names: &[&str], days: u32) -> Certificate {
        let (pem, key) = (self.path(&format!("{file}.pem")), self.path(&format!("{file}.key")));
        let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let names = format!("subjectAltName={}", names.join(","));
        let (pem_path, key_path) = (pem.to_str().expect("UTF-8"), key.to_str().expect("UTF-8"));
        let mut args =
            vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let days = days.to_string();
        args.extend([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-subj",
            "/CN=test",
            "-addext",
            &names,
            "-days",
            &days,
            "-out",
            pem_path,
            "-keyout",
            key_path,
        ]);
        let said = openssl(&args, "").await;
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_else(|_| panic!("{said}"));
        Certificate::read(&read(&pem), &read(&key)).expect("fits")
    }
}

/// A server that speaks TLS, and plain http beside it.
struct Secured {
    server: Server,
    plain: SocketAddr,
    certificates: Certificates,
    paper: Paper,
}

impl Secured {
    async fn start(router: Router, config: Config) -> Secured {
        let paper = Paper::new();
        let certificates = Certificates::new();
        certificates.replace(vec![paper.make("a", &["a.test", "*.b.test"], 30).await]);
        let (main, aside) = (TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await);
        let (main, aside) = (main.expect("a port"), aside.expect("a port"));
        let (address, plain) = (main.local_addr().expect("bound"), aside.local_addr().expect("bound"));
        let listeners = vec![
            Listener::tls(main, Arc::new(Tls::new(&certificates))),
            Listener::aside(aside, Arc::new(Redirect::to(address.port()))),
        ];
        let front = Front::new(router, Arc::new(config)).with_hsts(Duration::from_secs(60));
        let (stop, mut tasks) = (Stop::new(), JoinSet::new());
        tasks.spawn(serve(listeners, front, stop.clone()));
        Secured { server: Server { address, stop, tasks }, plain, certificates, paper }
    }

    async fn usual() -> Secured {
        let echo = post(|body: String| async move { body });
        let router = Router::new().route("/", get(|| async { "hello" })).route("/echo", echo);
        Secured::start(router, Config::default()).await
    }

    /// curl, as if `a.test` were here.
    async fn curl(&self, path: &str, args: &[&str]) -> String {
        let (port, ca) = (self.server.address.port(), self.paper.path("a.pem"));
        let (here, url) = (format!("a.test:{port}:127.0.0.1"), format!("https://a.test:{port}{path}"));
        let mut all = vec!["--resolve", &here, "--cacert", ca.to_str().expect("UTF-8"), &url];
        all.extend(args);
        curl(&all).await
    }

    /// What openssl's client says of a handshake and one request.
    async fn handshake(&self, args: &[&str]) -> String {
        let address = self.server.address.to_string();
        let mut all = vec!["s_client", "-connect", &address, "-ign_eof"];
        all.extend(args);
        openssl(&all, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await
    }

    async fn stream(&self) -> TlsStream<TcpStream> {
        let pem = std::fs::read(self.paper.path("a.pem")).expect("a file");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("a.test").expect("a name");
        let socket = self.server.connect().await;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("shaken hands")
    }

    /// A client of HTTP/2; the future ends with its connection.
    async fn client(
        &self,
        builder: &http2::Builder<TokioExecutor>,
    ) -> (http2::SendRequest<Empty<Bytes>>, impl Future<Output = hyper::Result<()>> + Send + 'static + use<>)
    {
        let (send, connection) = builder.handshake(TokioIo::new(self.stream().await)).await.expect("HTTP/2");
        (send, connection)
    }
}

fn ask(path: &str) -> Request<Empty<Bytes>> {
    Request::builder().uri(format!("https://a.test{path}")).body(Empty::new()).expect("a request")
}

#[tokio::test]
async fn curl_speaks_http_2_and_http_1_within_tls() {
    let server = Secured::usual().await;
    for (version, said) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answer = server.curl("/", &[version, "-w", " %{http_version}", "-D", "-"]).await.to_lowercase();
        assert!(answer.ends_with(&format!("hello {said}")), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=60"), "{answer}");
        let answer = server.curl("/echo", &[version, "-d", "floor", "-H", "Cookie: a=1"]).await;
        assert_eq!(answer, "floor");
    }
    let refused =
        server.curl("/echo", &["--http2", "-X", "TRACE", "-o", "/dev/null", "-w", "%{http_code}"]).await;
    assert_eq!(refused, "400");
}

#[tokio::test]
async fn nghttp2_sends_a_hundred_requests_on_one_connection() {
    let server = Secured::usual().await;
    let url = format!("https://{}/", server.server.address);
    // it names no host, and asks for no certificate
    let said = run("h2load", "nghttp2-client", &["-n", "500", "-c", "2", "-m", "100", &url], "").await;
    assert!(said.contains("500 succeeded, 0 failed"), "{said}");
}

#[expect(clippy::disallowed_methods, reason = "Go puts programs below the home of whoever asks")]
#[tokio::test]
async fn every_case_of_h2spec_is_passed() {
    let go = std::env::var("HOME").map(|home| format!("{home}/go/bin/h2spec")).unwrap_or_default();
    let words = ["h2spec", &go];
    let is_here = |program: &&&str| std::process::Command::new(program).arg("--version").output().is_ok();
    let Some(program) = words.iter().find(is_here) else {
        // Debian does not have it: `cargo x test` installs it where Go is
        eprintln!("NOT RUN: h2spec is not here; go install github.com/summerwind/h2spec/cmd/h2spec@latest");
        return;
    };
    // the cases are about a stream that is still open when their next frame comes
    let busy = any(|_: Bytes| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "hello"
    });
    let server = Secured::start(Router::new().route("/", busy), Config::default()).await;
    let port = server.server.address.port().to_string();
    let said =
        run(program, "h2spec", &["-h", "127.0.0.1", "-p", &port, "-t", "-k", "-S", "-o", "10"], "").await;
    assert!(said.contains("146 tests, 146 passed, 0 skipped, 0 failed"), "{said}");
}

#[tokio::test]
async fn each_name_has_its_certificate_and_a_strange_name_has_none() {
    let server = Secured::usual().await;
    let second = server.paper.make("c", &["c.test"], 30).await;
    let first = server.certificates.all().remove(0);
    server.certificates.replace(vec![first.clone(), second.clone()]);
    let shown = async |name: &str| {
        let said = server.handshake(&["-servername", name]).await;
        let serial = |of: &Certificate| of.serial().replace(':', "").to_uppercase();
        let pem = said.find("-----BEGIN").map(|at| said[at..].to_owned()).unwrap_or_default();
        let said = openssl(&["x509", "-noout", "-serial"], &pem).await.to_uppercase();
        [&first, &second].iter().position(|of| said.trim_end().ends_with(serial(of).trim_start_matches('0')))
    };
    for (name, which) in [
        ("a.test", Some(0)),
        ("A.Test", Some(0)),
        ("x.b.test", Some(0)),
        ("c.test", Some(1)),
        ("x.y.b.test", None),
        ("b.test", None),
    ] {
        assert_eq!(shown(name).await, which, "{name}");
    }
    let said = server.handshake(&["-noservername"]).await;
    assert!(said.contains("hello"), "who names no host is shown the first: {said}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_the_next_handshake() {
    let server = Secured::usual().await;
    let (mut held, connection) = server.client(&http2::Builder::new(TokioExecutor::new())).await;
    let connection = beside(connection);
    let renewed = server.paper.make("a", &["a.test"], 60).await;
    server.certificates.replace(vec![renewed.clone()]);
    let answer = server.curl("/", &["-v"]).await;
    assert!(answer.contains("hello"), "the new file is the one that curl believes: {answer}");
    let answer = held.send_request(ask("/")).await.expect("a connection that was open goes on");
    assert_eq!(answer.status(), 200);
    drop((held, answer));
    connection.abort();
}

#[tokio::test]
async fn sessions_are_taken_up_again_and_old_versions_are_refused() {
    let server = Secured::usual().await;
    for version in ["-tls1_3", "-tls1_2"] {
        let file = server.paper.path("session");
        let file = file.to_str().expect("UTF-8");
        let said = server.handshake(&["-servername", "a.test", version, "-sess_out", file]).await;
        assert!(said.contains("New, TLSv1") && said.contains("hello"), "{said}");
        let said = server.handshake(&["-servername", "a.test", version, "-sess_in", file]).await;
        assert!(said.contains("Reused, TLSv1") && said.contains("hello"), "{said}");
    }
    let old = ["-servername", "a.test", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let said = server.handshake(&old).await;
    assert!(!said.contains("hello") && said.contains("alert"), "{said}");
    let said = server.handshake(&["-servername", "a.test", "-alpn", "h2,http/1.1"]).await;
    assert!(said.contains("ALPN protocol: h2"), "{said}");
}

#[tokio::test]
async fn plain_http_at_the_port_of_https_is_told_so_and_silence_is_closed() {
    let server = Secured::usual().await;
    let answer = server.server.tell(HELLO).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("speaks https"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");

    let config = Config { handshake_time_max: SHORT, ..Config::default() };
    let server = Secured::start(Router::new(), config).await;
    assert_eq!(server.server.tell(b"").await, "");
    assert_eq!(server.server.tell(b"\x16\x03\x01\x02\x00").await, "");
}

#[tokio::test]
async fn who_comes_by_http_is_sent_to_https() {
    let server = Secured::usual().await;
    let (plain, port) = (server.plain, server.server.address.port());
    let form = "%{http_code} %{redirect_url}";
    let host = format!("Host: a.test:{}", plain.port());
    let url = format!("http://{plain}/x?y=1");
    let answer = curl(&["-o", "/dev/null", "-w", form, "-H", &host, "-d", "body", &url]).await;
    assert_eq!(answer, format!("308 https://a.test:{port}/x?y=1"));
    let mut socket = TcpStream::connect(plain).await.expect("a connection");
    socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await.expect("sent");
    let answer = rest(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "the gate holds here too: {answer}");
}

#[tokio::test]
async fn events_come_as_they_happen_over_http_2() {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let events = get(move || async move {
        let stream = futures_util::stream::unfold(receiver, |receiver| async move {
            let event = receiver.lock().await.recv().await?;
            Some((Ok::<_, std::io::Error>(event), receiver))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(stream))
    });
    let config = Config { idle_time_max: SHORT, ..Config::default() };
    let server = Secured::start(Router::new().route("/events", events), config).await;
    let (mut send, connection) = server.client(&http2::Builder::new(TokioExecutor::new())).await;
    let connection = beside(connection);
    let mut answer = send.send_request(ask("/events")).await.expect("an answer").into_body();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        // quiet for longer than an idle connection may be
        tokio::time::sleep(4 * SHORT.0).await;
        sender.send(event.into()).await.expect("somebody listens");
        let frame = tokio::time::timeout(PATIENCE, answer.frame()).await.expect("in time").expect("a frame");
        assert_eq!(frame.expect("well").into_data().expect("data"), event);
    }
    drop((sender, answer, send));
    // with its last stream the connection is idle
    let _ = tokio::time::timeout(PATIENCE, connection).await.expect("closed in time");
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_let_go_of_though_the_connection_lives() {
    struct Source(Arc<Notify>);
    impl Drop for Source {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let gone = Arc::new(Notify::new());
    let told = gone.clone();
    let endless = get(move || async move {
        let (chunk, source) = (Bytes::from(vec![0; 16 << 10]), Source(told));
        let stream = futures_util::stream::repeat_with(move || {
            let _held = &source;
            Ok::<_, std::io::Error>(chunk.clone())
        });
        Body::from_stream(stream)
    });
    let router = Router::new().route("/endless", endless).route("/", get(|| async { "hello" }));
    let config = Config { write_stall_max: Span(Duration::from_millis(300)), ..Config::default() };
    let server = Secured::start(router, config).await;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1 << 10);
    let (mut send, connection) = server.client(&builder).await;
    let connection = beside(connection);
    let stuck = send.send_request(ask("/endless")).await.expect("an answer");
    tokio::time::timeout(PATIENCE, gone.notified()).await.expect("the answer's source is let go of");
    let answer = send.send_request(ask("/")).await.expect("other streams go on").into_body();
    assert_eq!(answer.collect().await.expect("a body").to_bytes(), "hello");
    drop((stuck, send));
    connection.abort();
}

#[tokio::test]
async fn a_stop_tells_an_http_2_client_and_lets_its_requests_end() {
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, end) = (begun.clone(), may_end.clone());
    let slow = get(move || async move {
        begin.notify_one();
        end.notified().await;
        "done"
    });
    let server = Secured::start(Router::new().route("/", slow), Config::default()).await;
    let (mut send, connection) = server.client(&http2::Builder::new(TokioExecutor::new())).await;
    let connection = beside(connection);
    let answer = beside(send.send_request(ask("/")));
    begun.notified().await;
    server.server.stop.soft.cancel();
    may_end.notify_one();
    let answer = answer.await.expect("a task").expect("an answer").into_body();
    assert_eq!(answer.collect().await.expect("a body").to_bytes(), "done");
    // it is the server that ends it: this client would send more
    connection.await.expect("a task").expect("it ended well");
    assert!(send.send_request(ask("/")).await.is_err());
    server.server.ended().await;
}

#[tokio::test]
async fn more_headers_than_the_limit_are_refused_on_http_2_and_the_connection_goes_on() {
    let server = Secured::usual().await;
    let (mut send, connection) = server.client(&http2::Builder::new(TokioExecutor::new())).await;
    let connection = beside(connection);
    let mut large = ask("/");
    for number in 0..60 {
        let name = hyper::header::HeaderName::try_from(format!("x-{number}")).expect("a name");
        large.headers_mut().insert(name, "a".repeat(1000).try_into().expect("a value"));
    }
    let answer = send.send_request(large).await;
    assert!(answer.as_ref().is_err() || answer.is_ok_and(|answer| answer.status() == 431));
    let two = Request::builder().uri("https://a.test/").header("host", "b.test").body(Empty::new());
    let answer = send.send_request(two.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), 400, "two hosts");
    assert_eq!(send.send_request(ask("/")).await.expect("an answer").status(), 200);
    drop(send);
    connection.abort();
}

#[tokio::test]
async fn a_certificate_that_is_none_is_told_in_words() {
    let paper = Paper::new();
    let (first, _) = (paper.make("a", &["a.test"], 30).await, paper.make("b", &["b.test"], 30).await);
    let read = |file: &str| std::fs::read_to_string(paper.path(file)).expect("a file");
    assert_eq!(first.names(), ["a.test"]);
    assert!(first.covers("a.test") && !first.covers("b.test") && first.begins() < first.ends());
    let unfit = |chain: &str, key: &str| Certificate::read(chain, key).expect_err("unfit");
    assert_eq!(unfit("", &read("a.key")), Unfit::NoCertificate);
    assert_eq!(unfit(&read("a.pem"), ""), Unfit::NoKey);
    assert!(matches!(unfit(&read("a.pem"), &read("b.key")), Unfit::Mismatch(_)));
    assert_eq!(unfit(&"a".repeat(300 << 10), ""), Unfit::TooLong);
}
