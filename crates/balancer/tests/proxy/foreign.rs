//! In front of servers that we did not write: nginx and Python's, as they come.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base::unit::Span;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bench::{self, Bench, config, statuses};

const WAIT_MAX: Duration = Duration::from_secs(30);
/// More than any buffer on the way.
const LARGE: usize = 3_000_000;

/// A server of another make; killed when dropped.
struct Foreign {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
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
        Foreign { child, address, folder }
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

    /// A server in Python that answers `/work` when the file `go` is there.
    async fn patient(is_free: bool) -> Foreign {
        let script = "
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        while self.path == '/work' and not os.path.exists('go'):
            time.sleep(0.01)
        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";
        let server = Foreign::start(|folder, port| {
            let mut command = Command::new("python3");
            command.args(["-c", script, &port.to_string()]).current_dir(folder);
            command
        });
        let server = server.await;
        if is_free {
            server.release();
        }
        server
    }

    fn release(&self) {
        std::fs::write(self.folder.path().join("go"), "").expect("written");
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // of one that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of one answer.
fn read(heard: &[u8]) -> (u16, Vec<u8>) {
    let (status, _, body) = bench::read(heard);
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
async fn one_of_three_that_does_not_get_on_gets_no_more_than_the_others_have_in_hand() {
    let servers = [Foreign::patient(true).await, Foreign::patient(false).await, Foreign::patient(true).await];
    let addresses = servers.each_ref().map(|server| server.address);
    let settings = balancer::Config { try_time_max: Span(Duration::from_secs(600)), ..config(&addresses) };
    let bench = Bench::with(settings, web::Config::default()).await;
    let number = async |name: &str, address: SocketAddr| -> usize {
        let (page, label) = (bench.page().await, format!("{name}{{backend=\"{address}\""));
        page.lines()
            .filter(|line| line.starts_with(&label))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum()
    };
    let asked = b"GET /work HTTP/1.1\r\nHost: t\r\n\r\n".repeat(60);
    let asked = [&asked[..], b"GET /work HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"].concat();
    let people = join_all((0..8).map(|_| bench.say(&asked)));
    let looking = async {
        let answers = "ondol_balancer_backend_answers_total";
        while number(answers, addresses[0]).await + number(answers, addresses[2]).await < 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // eight ask at once: one that has three in hand is never the one with the least
        let stuck = number("ondol_balancer_backend_requests", addresses[1]).await;
        assert!((1..=3).contains(&stuck), "{stuck} wait for the one that does not get on");
        assert_eq!(number(answers, addresses[1]).await, 0);
        servers[1].release();
    };
    let (heard, ()) = tokio::join!(people, looking);
    let well = heard.iter().flat_map(|heard| statuses(heard)).filter(|status| *status == 200).count();
    assert_eq!(well, 8 * 61);
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
        probe_every: Span(Duration::from_secs(3600)),
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
