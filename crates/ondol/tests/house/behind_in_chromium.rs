//! Two people at a page in Chromium, in front of a balancer, three web servers and PostgreSQL. The web servers are killed, drained
//! and swapped one by one, and the balancer is swapped; nobody is troubled, and what they write is there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::balancer::{signal, until};
use crate::http::{Client, sign_in};
use crate::server::House;
use crate::swapped::Running;

const EMAIL: &str = "kim@house.example";
const PASSWORD: &str = "따뜻한-바닥-1234";
const NOTE: &str = "note00000000001";
/// A browser takes its time to start on a busy machine.
const ROUND_TIME_MAX: Duration = Duration::from_secs(180);

/// The browser, and what it said so far: rounds, and how many requests the pages sent again.
struct Browser {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Browser {
    fn open(origin: &str, stop: &Path) -> Browser {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/app");
        let mut child = Command::new("node")
            .arg("behind.js")
            .current_dir(app)
            .env("URL", origin)
            .envs([("EMAIL", EMAIL), ("PASSWORD", PASSWORD)])
            .env("STOP", stop)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is there; `cargo x test` installs it");
        let said = Arc::<Mutex<Vec<String>>>::default();
        let (lines, heard) = (BufReader::new(child.stdout.take().expect("piped")), said.clone());
        std::thread::spawn(move || {
            lines
                .lines()
                .map_while(Result::ok)
                .for_each(|line| heard.lock().expect("nobody panics").push(line));
        });
        Browser { child, said }
    }

    fn rounds(&self) -> usize {
        self.said.lock().expect("nobody panics").len()
    }

    /// Waits for two more rounds, of which the second began after this was asked.
    fn go_on(&mut self) {
        let (before, begun) = (self.rounds(), Instant::now());
        while self.rounds() < before + 2 {
            assert!(self.child.try_wait().expect("ours").is_none(), "the browser has ended; see above");
            assert!(begun.elapsed() < ROUND_TIME_MAX, "they don't go on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many requests the pages have sent again.
    fn tries(&self) -> u64 {
        let said = self.said.lock().expect("nobody panics");
        let last = said.last().and_then(|line| line.rsplit(' ').next()?.parse().ok());
        last.unwrap_or_else(|| panic!("{said:?}"))
    }

    fn close(mut self, stop: &Path) {
        std::fs::write(stop, "").expect("a file");
        assert!(self.child.wait().expect("it ends").success(), "see above");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // of a program that has ended there is nothing to kill
        let _ = self.child.kill();
    }
}

#[test]
fn people_at_a_page_notice_nothing_while_all_behind_it_is_killed_drained_and_swapped() {
    let house = House::on("postgres", testbed::postgres().database());
    house.settings("[web]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    lay_out_the_page(&house);
    let mut servers: Vec<Running> = (0..3).map(|_| Running::web_server(&house)).collect();
    let addresses: Vec<String> = servers.iter().map(|server| server.address.clone()).collect();
    furnish(&addresses[0]);
    // on a busy machine a server takes its time to start, and a probe's answer its time to come
    let settings = "hold_time_max = \"50 s\"\nprobe_time_max = \"2 s\"\n";
    let mut front = Running::balancer(&format!("[balancer]\nbackends = {addresses:?}\n{settings}"));
    let folder = tempfile::tempdir().expect("a folder");
    let stop = folder.path().join("stop");
    let mut browser = Browser::open(&format!("http://{}", front.address), &stop);
    browser.go_on();

    for (place, address) in addresses.iter().enumerate() {
        servers[place].kill();
        browser.go_on();
        servers[place] = Running::web_server_at(&house, address);
        until("it is up", || front.words_of(&["status"]).contains("is well"));
    }
    let before = browser.tries();
    for (place, address) in addresses.iter().enumerate() {
        front.words(&["drain", address, "--wait", "60"], 0);
        signal("TERM", servers[place].now());
        servers[place].first_ends();
        browser.go_on();
        servers[place] = Running::web_server_at(&house, address);
        front.words(&["drain", address, "--undo"], 0);
        until("it is up", || front.words_of(&["status"]).contains("is well"));
    }
    for server in &mut servers {
        server.upgrade();
        browser.go_on();
        server.first_ends();
    }
    front.upgrade();
    browser.go_on();
    assert_eq!(
        browser.tries(),
        before,
        "what is drained or swapped costs nobody a second try\n{}",
        house.log()
    );
    let rounds = browser.rounds();
    browser.close(&stop);

    let token = sign_in(&front.address);
    let mut client = Client::new(&front.address, &token).expect("a connection");
    let path = format!("/api/collections/notes/records/{NOTE}");
    let (_, note) = client.ask("GET", &path, &Value::Null).expect("an answer");
    let title = note["title"].as_str().expect("a title");
    let last: usize = title.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    assert!(last >= rounds, "{title}, after {rounds} rounds");
}

/// The page, and what it needs of the client's library, as the team's own pages.
fn lay_out_the_page(house: &House) {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/app");
    let public = house.dir().with_file_name("public");
    std::fs::create_dir_all(&public).expect("a folder");
    for file in ["behind/index.html", "behind/page.js", "node_modules/pocketbase/dist/pocketbase.es.mjs"] {
        let from = app.join(file);
        let to = public.join(from.file_name().expect("a name"));
        std::fs::copy(&from, to)
            .unwrap_or_else(|error| panic!("{}: {error}; `cargo x test` installs it", from.display()));
    }
}

/// An account, and the note.
fn furnish(address: &str) {
    let mut client = Client::new(address, &sign_in(address)).expect("a connection");
    let mut made = |path: &str, body: Value| {
        let (status, told) = client.ask("POST", path, &body).expect("an answer");
        assert_eq!(status, 200, "{told}");
    };
    let account =
        json!({ "email": EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD, "verified": true });
    made("/api/collections/users/records", account);
    let fields =
        json!([{ "name": "title", "type": "text" }, { "name": "picture", "type": "file", "maxSelect": 1 }]);
    let signed_in = "@request.auth.id != ''";
    let notes = json!({
        "name": "notes", "type": "base", "fields": fields,
        "listRule": signed_in, "viewRule": signed_in, "updateRule": signed_in,
    });
    made("/api/collections", notes);
    made("/api/collections/notes/records", json!({ "id": NOTE, "title": "온돌" }));
}
