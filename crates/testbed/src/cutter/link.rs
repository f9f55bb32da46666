//! The connections through a cutter: two threads each, one per direction.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::{Cut, Direction, PIECE_BYTES_MAX};

/// Decides about a piece.
type Decide = Box<dyn FnMut(Direction, &[u8]) -> Cut + Send>;

/// All connections, and what was ordered for them.
pub(super) struct Links {
    server_port: u16,
    refuses: AtomicBool,
    cuts: AtomicUsize,
    decide: Mutex<Option<Decide>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    hangs: bool,
    is_over: bool,
    open: Vec<Weak<Link>>,
}

/// One connection: the client's side and the server's.
struct Link {
    client: TcpStream,
    server: TcpStream,
    loses_answer: Mutex<Option<Direction>>,
    is_closed: AtomicBool,
}

impl Links {
    pub(super) fn new(server_port: u16) -> Links {
        Links {
            server_port,
            refuses: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
            decide: Mutex::new(None),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(super) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::SeqCst)
    }

    pub(super) fn hang(&self, hangs: bool) {
        self.state().hangs = hangs;
        self.changed.notify_all();
    }

    pub(super) fn cut_when(&self, decide: Decide) {
        *lock(&self.decide) = Some(decide);
    }

    pub(super) fn forget_cuts(&self) {
        *lock(&self.decide) = None;
    }

    pub(super) fn drop_all(&self) {
        let open = std::mem::take(&mut self.state().open);
        open.iter().filter_map(Weak::upgrade).for_each(|link| link.close());
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.drop_all();
    }

    pub(super) fn open(&self) -> usize {
        let state = self.state();
        state.open.iter().filter_map(Weak::upgrade).filter(|link| !link.is_closed()).count()
    }

    pub(super) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }

    /// Connects an accepted client to the server, or closes it when the server does not take it.
    pub(super) fn join(links: &Arc<Links>, client: TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, links.server_port)) else { return };
        // Without it small answers wait for each other; where it can't be set they come later.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let is_closed = AtomicBool::new(false);
        let link = Arc::new(Link { client, server, loses_answer: Mutex::new(None), is_closed });
        let mut state = links.state();
        if state.is_over {
            return;
        }
        state.open.retain(|one| one.strong_count() > 0);
        state.open.push(Arc::downgrade(&link));
        drop(state);
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (links, link) = (Arc::clone(links), Arc::clone(&link));
            thread::spawn(move || links.pump(&link, direction));
        }
    }

    /// Passes pieces of one direction until the connection ends.
    fn pump(&self, link: &Link, direction: Direction) {
        let (mut from, mut to) = match direction {
            Direction::ToServer => (&link.client, &link.server),
            Direction::ToClient => (&link.server, &link.client),
        };
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        while let Ok(length) = from.read(&mut buffer) {
            if !self.wait_while_hung(link) {
                break;
            }
            let piece = &buffer[..length];
            if length == 0 {
                // One side has said all; the other may still answer.
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            match self.decide(link, direction, piece) {
                Cut::Pass | Cut::LoseAnswer if to.write_all(piece).is_ok() => {}
                Cut::DropAfter => {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    return link.part(direction, piece);
                }
                Cut::DropBefore => {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                _ => break,
            }
        }
        link.close();
    }

    fn decide(&self, link: &Link, direction: Direction, piece: &[u8]) -> Cut {
        let mut loses_answer = lock(&link.loses_answer);
        if *loses_answer == Some(direction) {
            return Cut::DropBefore;
        }
        let cut = lock(&self.decide).as_mut().map_or(Cut::Pass, |decide| decide(direction, piece));
        if cut == Cut::LoseAnswer {
            *loses_answer = Some(direction.other());
        }
        cut
    }

    /// Waits until pieces may pass; false when the connection was closed meanwhile.
    fn wait_while_hung(&self, link: &Link) -> bool {
        let state = self.state();
        let waits = |state: &mut State| state.hangs && !state.is_over && !link.is_closed();
        let state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        !state.is_over && !link.is_closed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Link {
    /// Closes both sides. A side that is closed already is as it should be.
    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Closes the side that sent the piece, so that no answer gets through, and has the other read to the end of it before
    /// that is closed too: else the kernel could take back what it has not read yet.
    fn part(&self, direction: Direction, piece: &[u8]) {
        self.is_closed.store(true, Ordering::SeqCst);
        let (sender, mut reader) = match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        };
        let _ = sender.shutdown(Shutdown::Both);
        let _ = reader.write_all(piece);
        let _ = reader.shutdown(Shutdown::Write);
        let mut rest = [0; 4096];
        while reader.read(&mut rest).is_ok_and(|length| length > 0) {}
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }
}

impl Direction {
    fn other(self) -> Direction {
        match self {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }
}

/// A test that panicked while it decided must not hide its own words behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
