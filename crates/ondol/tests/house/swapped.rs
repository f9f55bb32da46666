//! A process that is swapped under people who ask it without a pause; each answer that they miss is told in words.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::balancer::{Crowd, until};
use crate::server::House;

/// Longest wait for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// A program that is started by a link, so that what lies there can be changed, and those who took over from it.
pub(crate) struct Running {
    child: Mutex<Child>,
    _folder: Option<TempDir>,
    place: PathBuf,
    /// What it is told to keep its data in.
    dir: Vec<String>,
    pub(crate) address: String,
    heirs: Mutex<Vec<u32>>,
}

impl Running {
    /// A balancer with this service file.
    pub(crate) fn balancer(text: &str) -> Running {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ondol.toml"), text).expect("a service file");
        let place = folder.path().to_owned();
        Running::start(Some(folder), place, Vec::new(), "127.0.0.1:0")
    }

    /// A web server in a house.
    pub(crate) fn web_server(house: &House) -> Running {
        Running::web_server_at(house, "127.0.0.1:0")
    }

    /// A web server in a house, at an address.
    pub(crate) fn web_server_at(house: &House, listen: &str) -> Running {
        let dir = house.dir();
        let place = dir.parent().expect("it lies in the house's folder").to_owned();
        Running::start(None, place, vec!["--dir".into(), dir.display().to_string()], listen)
    }

    fn start(folder: Option<TempDir>, place: PathBuf, dir: Vec<String>, listen: &str) -> Running {
        let link = place.join("ondol");
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ondol"), &link).expect("a link");
        }
        let log = std::fs::File::options().create(true).append(true).open(place.join("log")).expect("a log");
        let mut child = Command::new(&link)
            .args(["serve", "--listen", listen])
            .args(&dir)
            .current_dir(&place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        // read on, or the program would have nobody to speak to
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let address = line.trim_end().strip_prefix("Ondol serves http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("the first line is {line:?}"));
        let running = Running {
            child: Mutex::new(child),
            _folder: folder,
            place,
            dir,
            address,
            heirs: Mutex::default(),
        };
        let process = running.now();
        until("it can be asked", || running.processes().contains(&process));
        running
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.place
    }

    /// The text of the service file.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.place.join("ondol.toml")).expect("a service file")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.join("log")).unwrap_or_default()
    }

    /// Says something to the command; what it says, and it must end with this code.
    pub(crate) fn words(&self, words: &[&str], code: i32) -> String {
        let (said, ended_with) = self.tell(words);
        assert_eq!(ended_with, Some(code), "{words:?}: {said}\n{}", self.log());
        said
    }

    /// The same, however it ends.
    pub(crate) fn words_of(&self, words: &[&str]) -> String {
        self.tell(words).0
    }

    fn tell(&self, words: &[&str]) -> (String, Option<i32>) {
        let done = Command::new(env!("CARGO_BIN_EXE_ondol"))
            .args(words)
            .args(&self.dir)
            .current_dir(&self.place)
            .output()
            .expect("the program starts");
        let said = [done.stdout, done.stderr].concat();
        (String::from_utf8(said).expect("UTF-8"), done.status.code())
    }

    /// Has what is on disk take over.
    pub(crate) fn upgrade(&mut self) {
        let said = self.words(&["upgrade", "--listen", &self.address.clone()], 0);
        let heir = said.strip_prefix("Process ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        self.heirs().push(heir.unwrap_or_else(|| panic!("no process in {said:?}")));
    }

    /// Notes who took over without being asked by the command.
    pub(crate) fn find_heir(&self) {
        let old = self.now();
        until("the heir can be asked", || self.processes().iter().any(|process| *process > old));
        let heir = self.processes().into_iter().find(|process| *process > old);
        self.heirs().extend(heir);
    }

    /// The process that serves now.
    pub(crate) fn now(&self) -> u32 {
        self.heirs().last().copied().unwrap_or_else(|| self.child.lock().expect("nobody panics").id())
    }

    /// Kills what serves now, as a lost machine would.
    pub(crate) fn kill(&self) {
        crate::balancer::signal("KILL", self.now());
        match self.heirs().last() {
            Some(heir) => until("it is gone", || has_ended(*heir)),
            None => self.first_ends(),
        }
    }

    /// Waits until the first process has ended by itself.
    pub(crate) fn first_ends(&self) {
        let mut child = self.child.lock().expect("nobody panics");
        until("the first process ends", || child.try_wait().expect("ours").is_some());
    }

    /// Waits until one of those who took over has ended by itself.
    pub(crate) fn heir_ends(&self, place: usize) {
        let heir = self.heirs()[place];
        until("the heir ends", || has_ended(heir));
    }

    /// Puts another program where this one was started.
    pub(crate) fn put(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let other = self.place.join("other");
        std::fs::write(&other, script).expect("a file");
        std::fs::set_permissions(&other, PermissionsExt::from_mode(0o755)).expect("ours");
        self.relink(&other);
    }

    /// Puts the true program back.
    pub(crate) fn put_back(&self) {
        self.relink(Path::new(env!("CARGO_BIN_EXE_ondol")));
    }

    fn relink(&self, to: &Path) {
        std::fs::remove_file(self.place.join("ondol")).expect("it is there");
        std::os::unix::fs::symlink(to, self.place.join("ondol")).expect("a link");
    }

    fn heirs(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.heirs.lock().expect("nobody panics while holding it")
    }

    /// Those who can be asked, by the sockets' names.
    fn processes(&self) -> Vec<u32> {
        let dir = self.dir.last().map_or_else(|| self.place.join("data"), PathBuf::from);
        let Ok(entries) = std::fs::read_dir(dir.join("control")) else { return Vec::new() };
        let process = |name: &str| name.strip_suffix(".sock")?.parse().ok();
        entries.flatten().filter_map(|entry| process(entry.file_name().to_str()?)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            // of a program that has ended there is nothing to kill
            let _ = child.kill();
            let _ = child.wait();
        }
        for heir in self.heirs().iter().filter(|heir| !has_ended(**heir)) {
            let _ = Command::new("kill").args(["-KILL", &heir.to_string()]).status();
        }
    }
}

/// Whether a process that is not our child has ended; what nobody has looked after yet counts.
fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// What one of them asks.
#[derive(Clone)]
struct Errand {
    address: String,
    head: String,
    body: String,
    keeps: bool,
}

/// So many of each kind who read a path, on connections that they keep and on a new one each time, and as many who read
/// another one that takes its time.
pub(crate) fn reading(address: &str, people: usize, path: &str, slow: Option<&str>) -> Crowd {
    let errand = |path: &str, keeps: bool| Errand {
        address: address.to_owned(),
        head: format!("GET {path} HTTP/1.1\r\nHost: t\r\n"),
        body: String::new(),
        keeps,
    };
    let mut errands = vec![errand(path, true); people];
    errands.extend(vec![errand(path, false); people]);
    errands.extend(slow.map(|slow| vec![errand(slow, true); people]).unwrap_or_default());
    crowd(errands)
}

/// So many who make records: half of them on connections that they keep.
pub(crate) fn writing(address: &str, people: usize, path: &str, token: &str) -> Crowd {
    let body = "{\"title\":\"글\"}".to_owned();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: t\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n",
        body.len()
    );
    let errand = |person: usize| Errand {
        address: address.to_owned(),
        head: head.clone(),
        body: body.clone(),
        keeps: person.is_multiple_of(2),
    };
    crowd((0..people).map(errand))
}

fn crowd(errands: impl IntoIterator<Item = Errand>) -> Crowd {
    Crowd::of(errands.into_iter().map(|errand| {
        let mut line = None;
        move || errand.ask(&mut line).inspect_err(|_| line = None)
    }))
}

/// A connection, and how often it was of use.
struct Line {
    stream: BufReader<TcpStream>,
    used: usize,
}

impl Errand {
    /// One question and its answer. An error says how it was lost: refused, stale (closed under a further request before any
    /// byte of an answer), or cut off.
    fn ask(&self, line: &mut Option<Line>) -> Result<(), String> {
        let mut way = match line.take() {
            Some(line) => line,
            None => {
                Line { stream: BufReader::new(self.connect().map_err(|e| format!("refused: {e}"))?), used: 0 }
            }
        };
        let close = if self.keeps { "" } else { "Connection: close\r\n" };
        let request = format!("{}{close}\r\n{}", self.head, self.body);
        let mut begun = false;
        let answer = way
            .stream
            .get_mut()
            .write_all(request.as_bytes())
            .and_then(|()| read(&mut way.stream, &mut begun));
        match answer {
            Ok((200, closes)) => {
                way.used += 1;
                *line = (self.keeps && !closes).then_some(way);
                Ok(())
            }
            Ok((status, _)) => Err(format!("answered with {status}")),
            Err(error) if way.used > 0 && !begun => Err(format!("stale: {error}")),
            Err(error) => Err(format!("cut off: {error}")),
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(stream)
    }
}

/// Reads an answer to its end: its status, and whether it is the last one of its connection.
fn read(stream: &mut BufReader<TcpStream>, begun: &mut bool) -> std::io::Result<(u16, bool)> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    *begun = true;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other(format!("no status in {line:?}")))?;
    let (mut length, mut closes) = (0, false);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(Error::other)?,
            "connection" => closes = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink()).and_then(|got| {
        if got == length { Ok((status, closes)) } else { Err(ErrorKind::UnexpectedEof.into()) }
    })
}
