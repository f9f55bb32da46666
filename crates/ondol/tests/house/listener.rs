//! A listener of realtime events that comes back after every break, as a browser's EventSource does.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Client, read_head};

/// Longest wait for an event that must come.
const EVENT_TIME_MAX: Duration = Duration::from_secs(60);

/// One event as it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) position: i64,
    pub(crate) action: String,
    pub(crate) record: String,
}

#[derive(Default)]
struct State {
    /// Where the server is now; `None` while it is away.
    address: Option<String>,
    is_over: bool,
    is_listening: bool,
    last_id: Option<String>,
    heard: Vec<Heard>,
    faults: Vec<String>,
}

/// Follows one collection over any number of breaks.
pub(crate) struct Listener {
    state: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(crate) fn new(token: &str, collection: &str) -> Listener {
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (shared, token, topic) = (Arc::clone(&state), token.to_owned(), format!("{collection}/*"));
        let thread = std::thread::spawn(move || follow(&shared, &token, &topic));
        Listener { state, thread: Some(thread) }
    }

    /// Tells where the server is now.
    pub(crate) fn find(&self, address: &str) {
        self.state.0.lock().expect("no panic").address = Some(address.to_owned());
        self.state.1.notify_all();
    }

    /// Waits until the listener has subscribed.
    pub(crate) fn wait_until_listening(&self) {
        self.wait(|state| state.is_listening);
    }

    /// Waits until the event of a position was heard.
    pub(crate) fn wait_for(&self, position: i64) {
        self.wait(|state| state.heard.last().is_some_and(|last| last.position >= position));
    }

    /// Ends; all that was heard, in the order of hearing.
    pub(crate) fn end(mut self) -> Vec<Heard> {
        self.state.0.lock().expect("no panic").is_over = true;
        self.state.1.notify_all();
        self.thread.take().expect("it ends once").join().expect("no panic");
        let state = self.state.0.lock().expect("no panic");
        assert!(state.faults.is_empty(), "{:#?}", state.faults);
        state.heard.clone()
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let state = self.state.0.lock().expect("no panic");
        let waited = self.state.1.wait_timeout_while(state, EVENT_TIME_MAX, |state| !is_so(state));
        let (state, waited) = waited.expect("no panic");
        let last = (state.heard.last(), &state.last_id, &state.faults);
        assert!(!waited.timed_out(), "the listener heard nothing more; last: {last:?}");
    }
}

fn follow(shared: &(Mutex<State>, Condvar), token: &str, topic: &str) {
    let (lock, changed) = shared;
    loop {
        let mut state = lock.lock().expect("no panic");
        state.is_listening = false;
        while state.address.is_none() && !state.is_over {
            state = changed.wait(state).expect("no panic");
        }
        if state.is_over {
            return;
        }
        let address = state.address.take().expect("just seen");
        let last_id = state.last_id.clone();
        drop(state);
        // a break is what this listener is for
        let _ = hear(shared, &address, last_id, token, topic);
    }
}

/// Listens on one connection until it breaks.
fn hear(
    shared: &(Mutex<State>, Condvar),
    address: &str,
    last_id: Option<String>,
    token: &str,
    topic: &str,
) -> Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    let resume = last_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    // HTTP/1.0, so that the events come as they are, without chunks around them
    let request =
        format!("GET /api/realtime HTTP/1.0\r\nHost: house\r\nAccept: text/event-stream\r\n{resume}\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    stream.get_mut().set_read_timeout(Some(Duration::from_millis(500)))?;
    read_head(&mut stream)?;
    let mut event = Event::default();
    let mut line = String::new();
    loop {
        match stream.read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                if shared.0.lock().expect("no panic").is_over {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        match line.trim_end().split_once(':').map(|(name, value)| (name, value.trim_start())) {
            Some(("id", id)) => id.clone_into(&mut event.id),
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => event.data.push_str(data),
            _ if line.trim_end().is_empty() && !event.data.is_empty() => {
                take(shared, std::mem::take(&mut event), address, token, topic)?;
            }
            _ => {}
        }
        line.clear();
    }
}

#[derive(Default)]
struct Event {
    id: String,
    name: String,
    data: String,
}

fn take(
    shared: &(Mutex<State>, Condvar),
    event: Event,
    address: &str,
    token: &str,
    topic: &str,
) -> Result<()> {
    let data: Value = serde_json::from_str(&event.data)?;
    let is_first = event.name == "PB_CONNECT";
    if is_first {
        let sent = json!({"clientId": data["clientId"], "subscriptions": [topic]});
        // what comes right after the answer is heard on this connection, so the id is noted before
        shared.0.lock().expect("no panic").last_id = Some(event.id.clone());
        let (status, told) = Client::new(address, token)?.ask("POST", "/api/realtime", &sent)?;
        if status != 204 {
            return Err(Error::other(format!("subscribing answered {status}: {told}")));
        }
    }
    let mut state = shared.0.lock().expect("no panic");
    if is_first {
        state.is_listening = true;
    } else if event.name == topic {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event.id.parse() {
            Ok(position) => state.heard.push(Heard {
                position,
                action: text(&data["action"]),
                record: text(&data["record"]["id"]),
            }),
            Err(_) => state.faults.push(format!("the event id {:?} is no position", event.id)),
        }
        state.last_id = Some(event.id);
    }
    shared.1.notify_all();
    Ok(())
}
