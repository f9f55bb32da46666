//! The data: a collection `posts`, open to everybody, with as many records as are asked for, the same on every server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base::time::Timestamp;
use serde_json::json;

use crate::http::Client;
use crate::machine;
use crate::plan::Size;

/// The body of each record: 216 bytes.
pub(crate) const TEXT: &str = "lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum \
    dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor \
    sit amet ";
/// When the first record is said to have been made; each further one a second later.
const FIRST_MADE_MS: i64 = 1_700_000_000_000;
/// The superuser that makes the collection.
pub(crate) const EMAIL: &str = "root@example.com";
/// Their password.
pub(crate) const PASSWORD: &str = "12345678ab";

/// The id of a record, as the load's script has it.
pub(crate) fn id_of(number: u64) -> String {
    format!("post{number:011}")
}

/// When a record is said to have been made.
pub(crate) fn created_at(number: u64) -> Timestamp {
    Timestamp(FIRST_MADE_MS + i64::try_from(number).unwrap_or(0) * 1_000)
}

/// Signs the superuser in and makes the collection.
pub(crate) async fn make_collection(port: u16) -> Result<()> {
    let mut client = sign_in(port).await?;
    let collection = json!({
        "name": "posts", "type": "base",
        "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        "fields": [
            {"name": "title", "type": "text"},
            {"name": "body", "type": "text"},
            {"name": "room", "type": "number"},
            {"name": "views", "type": "number"},
            {"name": "created", "type": "autodate", "onCreate": true},
        ],
        "indexes": ["CREATE INDEX idx_posts_room ON posts (room, created)"],
    });
    client.expect("POST", "/api/collections", &collection.to_string()).await.map(drop)
}

async fn sign_in(port: u16) -> Result<Client> {
    let token = sign_in_token(port).await?;
    Ok(Client::connect(port).await?.with_token(&token))
}

/// The token of the superuser.
pub(crate) async fn sign_in_token(port: u16) -> Result<String> {
    let mut client = Client::connect(port).await?;
    let words = json!({"identity": EMAIL, "password": PASSWORD}).to_string();
    let answer = client.expect("POST", "/api/collections/_superusers/auth-with-password", &words).await?;
    Ok(answer["token"].as_str().context("signing in gave no token")?.to_owned())
}

/// Fills PocketBase's file while nobody serves it.
pub(crate) fn fill_pocketbase(dir: &Path, size: Size) -> Result<()> {
    let Size { records, rooms } = size;
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {records})
         INSERT INTO posts(id, title, body, room, views, created)
         SELECT printf('post%011d', i), 'Post number ' || i || ' about something', '{TEXT}', i % {rooms}, i % 1000,
             strftime('%Y-%m-%d %H:%M:%S', {first} + i, 'unixepoch') || '.000Z' FROM n;
         ANALYZE;",
        first = FIRST_MADE_MS / 1_000
    );
    feed(Command::new("sqlite3").arg("-bail").arg(dir.join("data.db")), &sql)
}

/// What an import took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imported {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    /// The most memory that it had at once.
    pub(crate) peak_mib: f64,
}

/// Fills ours by its own import.
pub(crate) fn fill_ondol(program: &Path, dir: &Path, service_file: &Path, size: Size) -> Result<Imported> {
    let path = dir.join("posts.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for number in 0..size.records {
        let (room, views, created) = (number % size.rooms, number % 1_000, created_at(number));
        let title = format!("Post number {number} about something");
        let id = id_of(number);
        let record = json!({"id": id, "title": title, "body": TEXT, "room": room, "views": views, "created": created.to_string()});
        writeln!(file, "{record}")?;
    }
    file.flush()?;
    let mut import = Command::new(program);
    import.arg("import").arg(&path).args(["--into", "posts", "--file"]).arg(service_file);
    let start = Instant::now();
    let mut child = import.stdout(Stdio::null()).spawn().context("start an import")?;
    let mut imported = Imported { time: Duration::ZERO, cpu: Duration::ZERO, peak_mib: 0.0 };
    let status = loop {
        // its last moment is not seen: memory grows no more there
        if let (Ok(peak_mib), Ok(cpu)) = (machine::peak_mib(child.id()), machine::cpu_time(child.id())) {
            (imported.peak_mib, imported.cpu) = (peak_mib, cpu);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure!(status.success(), "{import:?} ended with {status}");
    imported.time = start.elapsed();
    Ok(imported)
}

/// Runs a program with a text on its standard input, to its good end.
pub(crate) fn feed(command: &mut Command, text: &str) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("start a helper")?;
    child.stdin.take().context("a helper without input")?.write_all(text.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
