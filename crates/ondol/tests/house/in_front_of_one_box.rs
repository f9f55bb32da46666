//! Routes in front of a house on one box: files and addresses elsewhere, and all the rest in the same process.

use serde_json::json;

use crate::balancer::{signal, until};
use crate::dawdlers;
use crate::http::{Client, sign_in};
use crate::server::House;
use crate::swapped::Running;

#[test]
fn one_box_answers_itself_what_its_routes_do_not_lead_elsewhere() {
    let house = House::new();
    let files = tempfile::tempdir().expect("a folder");
    std::fs::write(files.path().join("a.txt"), "floor").expect("written");
    let root = files.path().display();
    let routes = "[[balancer.routes]]\npath = \"/static/\"\nfiles = \"static\"\n\
                  [[balancer.routes]]\npath = \"/old\"\nredirect = \"/new/*\"\nname = \"moved\"\n\
                  [[balancer.routes]]\npath = \"/api/collections/\"\nlocal = true\nbody_bytes_max = \"1 KiB\"\n";
    let (log, table) =
        ("[web]\naccess_log = \"all\"\n", format!("[balancer]\nroots = {{ static = \"{root}\" }}\n"));
    house.settings(&format!("{log}{table}{routes}"));
    let server = house.start();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        testbed::http::send(method, &format!("{}{path}", server.url()), headers, "")
    };
    assert_eq!(ask("GET", "/static/a.txt", &[]).body, "floor");
    assert_eq!(ask("GET", "/old/a?b", &[]).location(), Some("/new/a?b"));
    let health = ask("GET", "/api/health", &[("Origin", "https://a.example")]);
    let allowed = health.header("access-control-allow-origin");
    assert_eq!(
        (health.status, allowed, health.header("x-frame-options")),
        (200, Some("*"), Some("SAMEORIGIN"))
    );
    let asks = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PATCH")];
    assert_eq!(ask("OPTIONS", "/api/health", &asks).status, 204);
    // writes, and the limit of their route
    let mut client = Client::new(&server.address, &sign_in(&server.address)).expect("a connection");
    let fields = json!([{ "name": "title", "type": "text" }]);
    let collection = json!({ "name": "posts", "type": "base", "listRule": "", "fields": fields });
    assert_eq!(client.ask("POST", "/api/collections", &collection).expect("an answer").0, 200);
    let records = "/api/collections/posts/records";
    assert_eq!(client.ask("POST", records, &json!({ "title": "온돌" })).expect("an answer").0, 200);
    let (status, told) = client.ask("GET", records, &json!(null)).expect("an answer");
    assert_eq!((status, &told["totalItems"]), (200, &json!(1)));
    let (status, _) = client.ask("POST", records, &json!({ "title": "x".repeat(2000) })).expect("an answer");
    assert_eq!(status, 413);
    // what was refused with its body still to come was the last of its connection
    let mut client = Client::new(&server.address, &sign_in(&server.address)).expect("a connection");
    assert_eq!(client.ask("GET", records, &json!(null)).expect("an answer").0, 200);
    let page = ask("GET", "/metrics", &[]).body;
    let has = |line: &str| page.lines().any(|there| there == line);
    assert!(has("ondol_http_requests_total{method=\"GET\",route=\"moved\",class=\"3xx\"} 1"), "{page}");
    assert!(has("ondol_http_requests_total{method=\"GET\",route=\"/static/\",class=\"2xx\"} 1"), "{page}");
    until("the redirect is in the log", || {
        let lines = house_log(&house.log());
        lines.iter().any(|line| line["route"] == "moved" && line["path"] == "/old/a" && line["status"] == 302)
    });
    // its routes change while it runs
    let file = house.dir().parent().expect("a folder").join("ondol.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.replace("\"/old\"", "\"/older\"")).expect("written");
    signal("HUP", server.id());
    until("the route has moved", || ask("GET", "/older/a", &[]).status == 302);
    assert_eq!(ask("GET", "/old/a", &[]).status, 404);
    assert_eq!(client.ask("GET", records, &json!(null)).expect("the connection is open").0, 200);
}

#[test]
fn what_is_drained_in_front_of_one_box_stays_so_after_a_swap() {
    let house = House::new();
    let media = [dawdlers::server(), dawdlers::server()];
    house.settings(&format!(
        "[balancer]\npools = {{ media = {media:?} }}\n[[balancer.routes]]\npath = \"/media\"\npool = \"media\"\n"
    ));
    let mut box_of_all = Running::web_server(&house);
    let ask = |path: &str| {
        testbed::http::send("GET", &format!("http://{}{path}", box_of_all.address), &[], "").status
    };
    assert_eq!((ask("/media/a"), ask("/api/health"), ask("/static")), (200, 200, 404));
    let said = box_of_all.words(&["drain", &media[0]], 0);
    assert!(said.contains("gets nothing new"), "{said}");
    box_of_all.upgrade();
    box_of_all.first_ends();
    let ask = |path: &str| {
        testbed::http::send("GET", &format!("http://{}{path}", box_of_all.address), &[], "").status
    };
    assert_eq!((ask("/media/a"), ask("/api/health")), (200, 200));
    // its web server is not where the file says: that is told, and the servers behind it all the same
    let told: serde_json::Value =
        serde_json::from_str(box_of_all.words(&["status", "--json"], 3).trim()).expect("JSON");
    let states: Vec<_> = told["balancers"][0]["backends"].as_array().into_iter().flatten().collect();
    let states: Vec<_> =
        states.iter().map(|told| (told["address"].as_str(), told["state"].as_str())).collect();
    let expected = [(Some(media[0].as_str()), Some("drained")), (Some(media[1].as_str()), Some("up"))];
    assert_eq!(states, expected, "{told}");
}

fn house_log(text: &str) -> Vec<serde_json::Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
