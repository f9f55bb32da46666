//! A newcomer follows the README, exactly as it is written, in an empty folder.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::http::Client;

/// The commands of the section, without the build: a shell script for a port.
fn script(port: u16) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let (_, section) = readme.split_once("## Five minutes").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("a section after it");
    let blocks =
        section.split("```sh\n").skip(2).map(|rest| rest.split_once("```").expect("an end of the block").0);
    // the two things that a test must do otherwise: a port of its own, and words that don't hold the test open
    let serve = format!("ondol serve --listen 127.0.0.1:{port} > serve.log 2>&1 &");
    let commands = blocks.collect::<Vec<_>>().join("\n").replace("ondol serve &", &serve);
    format!("set -e\n{}", commands.replace("8090", &port.to_string()))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

#[test]
fn the_readme_leads_from_nothing_to_a_page_that_lists_bills() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let program = Path::new(env!("CARGO_BIN_EXE_ondol")).parent().expect("a folder of programs");
    let path = format!("{}:{}", program.display(), std::env!("PATH"));
    let said = std::fs::File::create(folder.path().join("said")).expect("a file");
    let mut shell = Command::new("bash")
        .args(["-c", &format!("{}\nwait", script(port))])
        .env("PATH", path)
        .current_dir(folder.path())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a second handle"))
        .stderr(said)
        .spawn()
        .expect("bash is there");
    let page = folder.path().join("public/index.html");
    let made = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        page.exists() || shell.try_wait().is_ok_and(|ended| ended.is_some())
    });
    let seen = look(port);
    Command::new("kill").args(["--", &format!("-{}", shell.id())]).status().expect("kill is there");
    shell.wait().expect("it ends");
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap_or_default();
    assert!(made && page.exists(), "the page was never made; so far:\n{said}");
    let (home, bills) = seen.expect("it serves");
    assert!(home.contains("<h1>법안</h1>"), "{home}");
    let items = bills["items"].as_array().unwrap_or_else(|| panic!("{bills}\n{said}"));
    let titles: Vec<_> = items.iter().map(|bill| bill["title"].clone()).collect();
    assert_eq!(titles[0], "첫 번째 우리 법안", "{bills}");
    assert_eq!(titles.len(), 4, "{bills}");
}

/// The page at `/`, and the bills as the page asks for them.
fn look(port: u16) -> std::io::Result<(String, Value)> {
    let mut guest = Client::new(&format!("127.0.0.1:{port}"), "")?;
    let (_, bills) =
        guest.ask("GET", "/api/collections/bills/records?sort=-proposed_date&perPage=50", &Value::Null)?;
    let home = Command::new("curl").args(["-s", &format!("http://127.0.0.1:{port}/")]).output()?.stdout;
    Ok((String::from_utf8_lossy(&home).into_owned(), bills))
}
