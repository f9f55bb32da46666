//! Certificates of a service on several hosts: one of them orders, the balancers of all show what lies in the database, and
//! when the one that ordered is gone another one does.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::Pebble;

use super::drama::POSTGRES;
use super::house::House;
use super::server::{EMAIL, PASSWORD};

const NAME: &str = "popong.test";
const PORT: u16 = 8443;
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The service's file as one host has it: those of others say where they listen themselves.
fn file(net: &str, host: u32, pebble: &Pebble, plain: u16) -> String {
    format!(
        "service = \"{NAME}\"\nlisten = \"{net}.{host}:{PORT}\"\n[left]\nall = \"{net}.1\"\nbalancer = \"{net}.1\"\n\
         [right]\nall = \"{net}.2\"\nbalancer = \"{net}.2\"\n[third]\nwitness = \"{net}.3\"\n\
         [database]\nengine = \"postgres\"\nsecret = \"warm floor\"\nclients = [\"127.0.0.0/8\"]\n\
         [tls]\nnames = [\"{NAME}\"]\nemail = \"ops@ondol.test\"\ndirectory = \"{}\"\nroots = \"{}\"\n\
         plain_listen = \"{net}.{host}:{plain}\"\n",
        pebble.directory(),
        pebble.roots().display(),
    )
}

/// The serial number of what a handshake with a host's balancer shows.
fn shown(house: &House, host: u32) -> Option<String> {
    let script = format!(
        "openssl s_client -connect {}:{PORT} -servername {NAME} </dev/null 2>/dev/null | openssl x509 -noout -serial",
        house.address(host)
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    said.strip_prefix("serial=").map(str::to_owned)
}

/// Waits until a host shows a certificate that is so; a signal has it look at once, not within half a minute.
#[track_caller]
fn shows(house: &House, host: u32, is_so: impl Fn(&str) -> bool) -> String {
    let until = Instant::now() + WAIT_MAX;
    loop {
        match shown(house, host) {
            Some(serial) if is_so(&serial) => return serial,
            shown => assert!(Instant::now() < until, "{host} shows {shown:?}\n{}", house.logs()),
        }
        // before it listens the signal would end it
        if TcpStream::connect((house.address(host), PORT)).is_ok() {
            house.signal(host, "HUP");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How many orders the issuer was sent.
fn orders(pebble: &Pebble) -> usize {
    pebble.log().matches("Added order").count()
}

/// How many a host has begun.
fn ordered(house: &House, host: u32) -> usize {
    house.log(host).matches("ordering a certificate").count()
}

/// A superuser at a host's balancer.
struct Superuser<'h> {
    house: &'h House,
    host: u32,
    token: String,
}

impl<'h> Superuser<'h> {
    fn at(house: &'h House, host: u32) -> Superuser<'h> {
        let mut superuser = Superuser { house, host, token: String::new() };
        let body = json!({ "identity": EMAIL, "password": PASSWORD });
        let told = superuser.asks("POST", "/api/collections/_superusers/auth-with-password", &body);
        told["token"].as_str().expect("a token").clone_into(&mut superuser.token);
        superuser
    }

    /// Asks until it is answered well: somebody else may have to become primary first.
    #[track_caller]
    fn asks(&self, method: &str, path: &str, body: &Value) -> Value {
        let address = self.house.address(self.host);
        let mut command = Command::new("curl");
        command.args(["-sk", "--globoff", "-m", "20", "-X", method, "-w", "\n%{http_code}"]);
        command.args(["--resolve", &format!("{NAME}:{PORT}:{address}")]);
        command.args([
            "-H",
            "Content-Type: application/json",
            "-H",
            &format!("Authorization: {}", self.token),
        ]);
        if !body.is_null() {
            command.args(["-d", &body.to_string()]);
        }
        command.arg(format!("https://{NAME}:{PORT}{path}"));
        let until = Instant::now() + WAIT_MAX;
        loop {
            let told = String::from_utf8(command.output().expect("curl runs").stdout).expect("UTF-8");
            let (answer, status) = told.rsplit_once('\n').unwrap_or(("", ""));
            if status.starts_with('2') {
                return serde_json::from_str(answer).unwrap_or_default();
            }
            assert!(Instant::now() < until, "{method} {path}: {told}\n{}", self.house.logs());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The id of what is kept under a name.
    fn finds(&self, name: &str) -> Option<String> {
        let all = self.asks("GET", "/api/collections/_certificates/records?perPage=200", &Value::Null);
        let found = all["items"].as_array().expect("a list").iter().find(|row| row["name"] == name)?;
        Some(found["id"].as_str().expect("an id").to_owned())
    }

    fn forgets(&self, name: &str) {
        if let Some(id) = self.finds(name) {
            let path = format!("/api/collections/_certificates/records/{id}");
            self.asks("DELETE", &path, &Value::Null);
        }
    }

    /// Makes a certificate due, as if its issuer had said so, and no order have been before.
    fn makes_due(&self, serial: &str) {
        let window = format!("window {NAME}");
        self.forgets(&window);
        self.forgets(&format!("history {NAME}"));
        let text = json!({ "serial": serial, "start": 0, "end": 1 }).to_string();
        let row = json!({ "name": window, "text": text });
        self.asks("POST", "/api/collections/_certificates/records", &row);
    }
}

/// The serial as a host's log has it, which is how it is kept.
fn as_kept(house: &House, host: u32) -> String {
    let log = house.log(host);
    let line = log.lines().rfind(|line| line.contains("certificate shown")).expect("it was told");
    let (_, rest) = line.split_once("serial").expect("with its serial");
    rest.trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || *c == ':')
        .collect()
}

#[test]
fn one_host_orders_the_balancers_of_all_show_it_and_another_orders_when_that_one_is_gone() {
    let plain =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let pebble = Pebble::start(plain);
    let Some(mut house) = House::of(POSTGRES, 50, |net, host| file(net, host, &pebble, plain)) else {
        return;
    };
    house.says(&["check"]);
    // whoever orders: the issuer asks the second one
    pebble.point(NAME, &house.address(2));
    house.up();
    let first = shows(&house, 1, |_| true);
    shows(&house, 2, |serial| serial == first);
    assert_eq!(orders(&pebble), 1, "one of them orders");

    house.make_superuser();
    Superuser::at(&house, 1).makes_due(&as_kept(&house, 1));
    let before = [1, 2].map(|host| ordered(&house, host));
    let second = shows(&house, 1, |serial| serial != first);
    shows(&house, 2, |serial| serial == second);
    assert_eq!(orders(&pebble), 2, "one of them renews");

    let last = if ordered(&house, 1) > before[0] { 1 } else { 2 };
    let other = 3 - last;
    pebble.point(NAME, &house.address(other));
    house.signal(last, "KILL");
    assert_eq!(shown(&house, other), Some(second.clone()), "the other one goes on");
    Superuser::at(&house, other).makes_due(&as_kept(&house, other));
    let before = ordered(&house, other);
    shows(&house, other, |serial| serial != second);
    assert_eq!((orders(&pebble), ordered(&house, other)), (3, before + 1), "and renews in its turn");
}
