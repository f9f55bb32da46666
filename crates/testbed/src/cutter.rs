//! A proxy in front of a server that breaks connections at a chosen moment: before, during and after a commit.
//!
//! It knows no protocol. A *piece* is what one read gave: on loopback, between a client that waits for each answer and
//! its server, that is one message of one side, up to [`PIECE_BYTES_MAX`].
//!
//! Invariant: bytes are passed on whole and in order, or the connection is closed; nothing is changed.

mod link;

use std::fmt;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use link::Links;

/// The most that one piece holds, in bytes.
const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Which way a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What becomes of a piece and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It goes on.
    Pass,
    /// The connection is closed on both sides; the piece is lost.
    DropBefore,
    /// The piece is passed on, then the connection is closed: a client that loses it so knows nothing of what the
    /// server, which certainly reads the piece, makes of it.
    DropAfter,
    /// The piece is passed on; when the other side answers, the answer is lost and the connection closed: what was asked
    /// has been done for certain, and the client doesn't know.
    LoseAnswer,
}

/// The proxy. It, and all connections through it, end when it is dropped.
pub struct Cutter {
    port: u16,
    links: Arc<Links>,
    listening: Option<JoinHandle<()>>,
}

impl Cutter {
    /// A proxy in front of `127.0.0.1:server_port` that passes everything.
    pub fn before(server_port: u16) -> Cutter {
        let port = crate::port::free();
        let mut cutter = Cutter { port, links: Arc::new(Links::new(server_port)), listening: None };
        cutter.listen();
        cutter
    }

    /// Its own port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Passes everything, from now on, on connections old and new; what hung goes on. Cuts that were ordered and have not
    /// happened are forgotten.
    pub fn pass(&mut self) {
        self.links.forget_cuts();
        self.links.hang(false);
        self.listen();
    }

    /// Refuses new connections, as a machine without the server does. Open ones go on.
    pub fn refuse(&mut self) {
        let Some(listening) = self.listening.take() else { return };
        self.links.refuse(true);
        // The listener looks up when somebody knocks; if nobody is there, it is gone already.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if listening.join().is_err() {
            panic!("the cutter's listener broke");
        }
        self.links.refuse(false);
    }

    /// Accepts connections and passes nothing, neither way, on connections old and new.
    pub fn hang(&mut self) {
        self.listen();
        self.links.hang(true);
    }

    /// Closes every open connection now. New ones are accepted as before.
    pub fn drop_all(&self) {
        self.links.drop_all();
    }

    /// Cuts once, at the `nth` piece of this direction from now on, counted from 1 over all connections.
    pub fn cut_at(&self, direction: Direction, nth: usize, cut: Cut) {
        let mut seen = 0;
        self.cut_when(move |its, _| {
            seen += usize::from(its == direction);
            if its == direction && seen == nth { cut } else { Cut::Pass }
        });
    }

    /// Cuts once, at the first piece of this direction that holds `text`.
    pub fn cut_at_text(&self, direction: Direction, text: &str, cut: Cut) {
        let text = text.as_bytes().to_vec();
        let mut is_done = false;
        self.cut_when(move |its, piece| {
            let is_it = !is_done && its == direction && piece.windows(text.len()).any(|part| part == text);
            is_done |= is_it;
            if is_it { cut } else { Cut::Pass }
        });
    }

    /// Asks `decide` about every piece, in place of what was ordered before, until [`Cutter::pass`].
    pub fn cut_when(&self, decide: impl FnMut(Direction, &[u8]) -> Cut + Send + 'static) {
        self.links.cut_when(Box::new(decide));
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.links.open()
    }

    /// How many connections were cut because a piece said so (not by [`Cutter::drop_all`]).
    pub fn cuts(&self) -> usize {
        self.links.cuts()
    }

    fn listen(&mut self) {
        if self.listening.is_some() {
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port));
        let listener =
            listener.unwrap_or_else(|error| panic!("listen on the cutter's port {}: {error}", self.port));
        let links = Arc::clone(&self.links);
        self.listening = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if links.refuses() {
                    return;
                }
                // A client that left before it was accepted is nobody's loss.
                let Ok(client) = client else { continue };
                Links::join(&links, client);
            }
        }));
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.links.end();
        if !thread::panicking() {
            self.refuse();
        }
    }
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cutter").field("port", &self.port).finish_non_exhaustive()
    }
}
