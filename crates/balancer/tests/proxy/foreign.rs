//! In front of servers that we did not write: nginx and Python's, as they come.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bench::{Bench, config, statuses};

const WAIT_MAX: Duration = Duration::from_secs(30);
/// More than any buffer on the way.
const LARGE: usize = 3_000_000;

/// A server of another make; killed when dropped.
struct Foreign {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Foreign {
    async fn start(command: impl FnOnce(&Path, u16) -> Command) -> Foreign {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), testbed::free_port());
        std::fs::write(folder.path().join("small.txt"), "따뜻한 바닥\n").expect("written");
        std::fs::write(folder.path().join("large.bin"), "0123456789".repeat(LARGE / 10)).expect("written");
        let child = command(folder.path(), port)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("it starts; `cargo x test` brings what is missing");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let is_there = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(WAIT_MAX, is_there).await.expect("it listens in time");
        Foreign { child, address, _folder: folder }
    }

    async fn nginx() -> Foreign {
        Foreign::start(|folder, port| {
            let dir = folder.display();
            let text = format!(
                "daemon off; pid {dir}/pid; error_log {dir}/err; master_process off;\nevents {{}}\nhttp {{ access_log off; \
                 client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; \
                 scgi_temp_path {dir}/5; gzip on; gzip_types *; server {{ listen 127.0.0.1:{port}; root {dir}; }} }}\n"
            );
            std::fs::write(folder.join("nginx.conf"), text).expect("written");
            let mut command = Command::new("/usr/sbin/nginx");
            command.arg("-c").arg(folder.join("nginx.conf"));
            command
        })
        .await
    }

    /// Python's own server, of HTTP/1.0: each answer ends its connection.
    async fn python() -> Foreign {
        Foreign::start(|folder, port| {
            let mut command = Command::new("python3");
            command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(folder);
            command
        })
        .await
    }

    /// A server in Python that takes so many milliseconds for each answer, and counts them in the file `count`.
    async fn counting(ms: u32) -> Foreign {
        let script = "
import http.server, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if self.path == '/work':
            time.sleep(int(sys.argv[2]) / 1000)
        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";
        Foreign::start(|_, port| {
            let mut command = Command::new("python3");
            command.args(["-c", script, &port.to_string(), &ms.to_string()]);
            command
        })
        .await
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // of one that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of one answer, out of chunks if it came in them.
fn read(heard: &[u8]) -> (u16, Vec<u8>) {
    let end = heard.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&heard[..end]).to_lowercase();
    let mut rest = &heard[end + 4..];
    let status = head[9..12].parse().expect("a status");
    if !head.contains("transfer-encoding: chunked") {
        return (status, rest.to_vec());
    }
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("digits"), 16).expect("a size");
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    (status, body)
}

async fn compare(foreign: &Foreign, extra: &[(&str, &str)]) {
    let (front, direct) = (Bench::new(&[foreign.address]).await, foreign.address);
    let usual = [
        ("GET /small.txt", ""),
        ("GET /large.bin", ""),
        ("HEAD /large.bin", ""),
        ("GET /none", ""),
        ("GET /%EB%B0%94", ""),
    ];
    for (line, headers) in usual.iter().chain(extra) {
        let request = format!("{line} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{headers}\r\n");
        let (through, straight) =
            (front.say(request.as_bytes()).await, Bench::ask(direct, request.as_bytes()).await);
        assert!(read(&through) == read(&straight), "{line} {headers}: {:?}", read(&through).0);
    }
    front.end().await;
}

#[tokio::test]
async fn what_nginx_answers_arrives_as_it_was() {
    let extra = [
        ("GET /large.bin", "Range: bytes=1000000-1000099\r\n"),
        ("GET /small.txt", "If-Modified-Since: Wed, 21 Oct 2076 07:28:00 GMT\r\n"),
        ("GET /large.bin", "Accept-Encoding: gzip\r\n"),
        ("POST /small.txt", "Content-Length: 0\r\n"),
    ];
    compare(&Foreign::nginx().await, &extra).await;
}

#[tokio::test]
async fn what_a_server_of_http_1_0_answers_arrives_as_it_was() {
    compare(&Foreign::python().await, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_slow_gets_little() {
    let servers = [Foreign::counting(0).await, Foreign::counting(500).await, Foreign::counting(0).await];
    let bench = Bench::new(&servers.each_ref().map(|server| server.address)).await;
    let asked = b"GET /work HTTP/1.1\r\nHost: t\r\n\r\n".repeat(250);
    let asked = [&asked[..], b"GET /work HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"].concat();
    let heard = join_all((0..8).map(|_| bench.say(&asked))).await;
    let well = heard.iter().flat_map(|heard| statuses(heard)).filter(|status| *status == 200).count();
    assert_eq!(well, 8 * 251);
    let page = bench.page().await;
    let answers = |server: &Foreign| -> usize {
        let line =
            format!("ondol_balancer_backend_answers_total{{backend=\"{}\",class=\"2xx\"}} ", server.address);
        page.lines().find_map(|there| there.strip_prefix(&line)?.parse().ok()).expect("a number")
    };
    let [first, slow, third] = servers.each_ref().map(answers);
    assert!(slow * 20 < well, "{first}, {slow} of the slow one, {third}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_nginx_is_killed_and_no_read_fails() {
    let (mut first, second) = (Foreign::nginx().await, Foreign::nginx().await);
    let bench = Bench::new(&[first.address, second.address]).await;
    let half = b"GET /small.txt HTTP/1.1\r\nHost: t\r\n\r\n".repeat(200);
    let last = b"GET /small.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let asked = [&half[..], last].concat();
    let people = join_all((0..8).map(|_| bench.say(&asked)));
    let killing = async {
        while !bench.page().await.contains(&format!("{{backend=\"{}\",class=\"2xx\"}} 1", first.address)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        first.child.kill().expect("it runs");
    };
    let (heard, ()) = tokio::join!(people, killing);
    let told: Vec<u16> = heard.iter().flat_map(|heard| statuses(heard)).collect();
    assert!(
        told.len() == 8 * 201 && told.iter().all(|status| *status == 200),
        "{} of {}",
        told.len(),
        8 * 201
    );
    bench.end().await;
}

/// The script's own verdict on each of its requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_list_of_hostile_requests_finds_nothing_ambiguous_passed_on() {
    let Some(script) = peer("smuggle.py") else { return };
    let port = testbed::free_port();
    let settings = balancer::Config {
        // its server takes our questions for requests
        probe_every: base::unit::Span(Duration::from_secs(3600)),
        ..config(&[SocketAddr::from(([127, 0, 0, 1], port))])
    };
    let bench = Bench::with(settings, web::Config::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (of, to) = (port.to_string(), format!("ondol={}", bench.address.port()));
    let raw = folder.path().to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new("python3").arg(script).args([of, to]).env("BALANCER_DIR", raw).output()
    });
    let ran = ran.await.expect("no panic").expect("python3 is there");
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(told.contains("ambiguous forwards: ondol=0"), "{told}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(told.lines().count() > 60 && !told.lines().any(|row| row.trim_end().ends_with('h')), "{told}");
    bench.end().await;
}

/// A script of the drills that lie in `shared/peers/balancer` above; `None`, said aloud, where there are none.
fn peer(name: &str) -> Option<std::path::PathBuf> {
    let place = format!("shared/peers/balancer/{name}");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join(&place)).find(|path| path.is_file());
    #[expect(clippy::disallowed_methods, reason = "what may be skipped is the environment's to say")]
    let is_strict = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !is_strict, "there is no {place} above");
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests is to see what was not tried")]
        {
            eprintln!("SKIPPED: there is no {place} above, so that its requests were not tried");
        }
    }
    found
}
