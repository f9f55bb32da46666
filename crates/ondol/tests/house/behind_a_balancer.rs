//! Web servers behind a balancer die, freeze and restart under load, and nobody in front notices.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::balancer::{Balancer, Crowd, Question, signal, until};
use crate::http::{Client, sign_in};
use crate::notice_board;
use crate::server::{House, Server};

const COLLECTION: &str = "posts";
/// People who ask at once.
const PEOPLE: usize = 8;

/// Web servers of one house on PostgreSQL, and a balancer in front of them.
struct Scene {
    house: House,
    servers: Vec<Server>,
    balancer: Balancer,
    token: String,
}

impl Scene {
    fn new(count: usize) -> Scene {
        let house = House::on("postgres", testbed::postgres().database());
        house.settings("[web]\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let servers: Vec<Server> = (0..count).map(|_| house.start()).collect();
        let addresses: Vec<String> = servers.iter().map(|server| server.address.clone()).collect();
        // on a busy machine a server takes its time to start
        let balancer = Balancer::start(&addresses, "hold_time_max = \"50 s\"\n");
        let token = sign_in(&balancer.address);
        let mut client = Client::new(&balancer.address, &token).expect("a connection");
        let fields = json!([{ "name": "title", "type": "text" }]);
        let open = json!({ "name": COLLECTION, "type": "base", "listRule": "", "viewRule": "", "createRule": "", "fields": fields });
        let (status, told) = client.ask("POST", "/api/collections", &open).expect("an answer");
        assert_eq!(status, 200, "{told}");
        let (status, told) =
            client.ask("POST", &records(), &json!({ "id": id(9, 0), "title": "온돌" })).expect("an answer");
        assert_eq!(status, 200, "{told}");
        Scene { house, servers, balancer, token }
    }

    fn crowd(&self, question: &Question) -> Crowd {
        Crowd::new(PEOPLE, &self.balancer.address, &self.token, question)
    }

    fn address(&self, server: usize) -> String {
        self.servers[server].address.clone()
    }

    /// Lets a server that has ended run again where it was.
    fn revive(&mut self, server: usize) {
        self.servers[server] = self.house.start_at(&self.address(server));
    }

    fn kill(&mut self, server: usize) {
        self.servers[server].kill_at_once();
    }
}

fn records() -> String {
    format!("/api/collections/{COLLECTION}/records")
}

fn id(person: usize, turn: usize) -> String {
    format!("p{person}x{turn:0>12}")
}

fn reads() -> Question {
    Arc::new(|_, _| ("GET", format!("{}/{}", records(), id(9, 0)), Value::Null))
}

fn writes() -> Question {
    Arc::new(|person, turn| ("POST", records(), json!({ "id": id(person, turn), "title": "글" })))
}

#[test]
fn one_of_two_web_servers_is_killed_and_comes_back_and_no_read_fails() {
    let mut scene = Scene::new(2);
    let crowd = scene.crowd(&reads());
    crowd.go_on(300);
    scene.kill(1);
    crowd.go_on(300);
    let (back, before) = (scene.address(1), scene.balancer.answers(&scene.address(1)));
    assert!(before > 0, "both had answered");
    scene.revive(1);
    until("it gets requests again", || scene.balancer.answers(&back) > before + 50);
    let failed = crowd.end();
    assert!(failed.is_empty(), "{failed:?}\n{}", scene.balancer.log());
}

#[test]
fn of_writes_only_those_fail_that_the_killed_web_server_had_in_hand_and_none_is_done_twice() {
    let mut scene = Scene::new(2);
    let crowd = scene.crowd(&writes());
    crowd.go_on(100);
    scene.kill(1);
    crowd.go_on(100);
    let well = crowd.well();
    let failed = crowd.end();
    assert!(failed.len() <= PEOPLE, "{failed:?}");
    let mut client = Client::new(&scene.balancer.address, &scene.token).expect("a connection");
    let path = format!("{}?perPage=1", records());
    let (_, told) = client.ask("GET", &path, &Value::Null).expect("an answer");
    // the first one was there before; of each that failed it is not known whether it was done
    let there = told["totalItems"].as_u64().expect("a number") as usize - 1;
    assert!((well..=well + PEOPLE + failed.len()).contains(&there), "{there} records, {well} answered");
}

#[test]
fn one_of_two_web_servers_freezes_and_thaws_and_no_read_fails() {
    let scene = Scene::new(2);
    let crowd = scene.crowd(&reads());
    crowd.go_on(300);
    let frozen = scene.address(1);
    signal("STOP", scene.servers[1].id());
    until("it is noticed", || !scene.balancer.is_up(&frozen));
    crowd.go_on(300);
    signal("CONT", scene.servers[1].id());
    until("it is up again", || scene.balancer.is_up(&frozen));
    crowd.go_on(100);
    let failed = crowd.end();
    assert!(failed.is_empty(), "{failed:?}\n{}", scene.balancer.log());
}

#[test]
fn while_all_web_servers_restart_requests_are_held_and_none_fails() {
    let mut scene = Scene::new(2);
    let crowd = scene.crowd(&reads());
    crowd.go_on(300);
    for server in 0..2 {
        signal("TERM", scene.servers[server].id());
    }
    for server in 0..2 {
        scene.servers[server].wait();
    }
    // all that are asked from now on find nobody
    until("everybody waits", || {
        let page = testbed::http::send("GET", &format!("http://{}/metrics", scene.balancer.address), &[], "");
        page.body.lines().any(|line| line == format!("ondol_balancer_waiting_requests {PEOPLE}"))
    });
    let well = crowd.well();
    (0..2).for_each(|server| scene.revive(server));
    crowd.go_on(300);
    assert!(crowd.well() > well);
    let failed = crowd.end();
    assert!(failed.is_empty(), "{failed:?}\n{}", scene.balancer.log());
}

#[test]
fn web_servers_are_stopped_and_started_one_after_another_and_no_write_fails() {
    let mut scene = Scene::new(2);
    let crowd = scene.crowd(&writes());
    crowd.go_on(100);
    for server in [0, 1, 0, 1] {
        let address = scene.address(server);
        signal("TERM", scene.servers[server].id());
        scene.servers[server].wait();
        crowd.go_on(50);
        scene.revive(server);
        until("it is up again", || scene.balancer.is_up(&address));
        crowd.go_on(50);
    }
    let failed = crowd.end();
    assert!(failed.is_empty(), "{failed:?}\n{}", scene.balancer.log());
}

#[test]
fn a_reload_drains_one_web_server_and_adds_another_and_nobody_notices() {
    let scene = Scene::new(2);
    let third = scene.house.start();
    let crowd = scene.crowd(&reads());
    crowd.go_on(200);
    let (first, second) = (scene.address(0), scene.address(1));
    scene.balancer.reload(&[first.clone(), third.address.clone()], "");
    until("the new one is asked", || scene.balancer.answers(&third.address) > 50);
    assert_eq!(scene.balancer.answers(&second), 0, "it is in the page no more");
    // a mistake changes nothing
    scene.balancer.reload(&["nowhere".into()], "");
    until("the mistake is told", || scene.balancer.log().contains("is no address of a web server"));
    crowd.go_on(100);
    let failed = crowd.end();
    assert!(failed.is_empty(), "{failed:?}\n{}", scene.balancer.log());
}

#[test]
fn the_notice_board_works_through_a_balancer_in_front_of_three_web_servers() {
    let house = House::on("postgres", testbed::postgres().database());
    let mail = notice_board::mail(&house);
    let servers = [house.start(), house.start(), house.start()];
    let addresses: Vec<String> = servers.iter().map(|server| server.address.clone()).collect();
    let balancer = Balancer::start(&addresses, "");
    let url = format!("http://{}", balancer.address);
    notice_board::use_board(&house, &url, &[], mail.as_ref());
    let shares: Vec<u64> = addresses.iter().map(|address| balancer.answers(address)).collect();
    assert!(shares.iter().all(|share| *share > 10), "each has its share, not {shares:?}\n{}", balancer.log());
}
