//! Where connections come in: a bound socket, and what is spoken on it.

use std::sync::Arc;

use tokio::net::TcpListener;
use trust::Door;

use crate::front::Pass;
use crate::tls::Tls;

/// A socket that is bound already, and what is spoken on it.
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) speaks: Speaks,
}

/// What is spoken on a socket.
#[derive(Clone)]
pub(crate) enum Speaks {
    /// HTTP/1.1 as it is.
    Plain,
    /// TLS; inside it what client and server agree on.
    Tls(Arc<Tls>),
    /// HTTP/1.1 within TLS, to whom shows papers of the same kin.
    Kin(Door),
    /// HTTP/1.1 as it is, and somebody else answers.
    Aside(Arc<dyn Pass>),
}

impl Listener {
    /// Plain HTTP.
    pub fn plain(socket: TcpListener) -> Listener {
        Listener { socket, speaks: Speaks::Plain }
    }

    /// HTTP within TLS.
    pub fn tls(socket: TcpListener, tls: Arc<Tls>) -> Listener {
        Listener { socket, speaks: Speaks::Tls(tls) }
    }

    /// HTTP/1.1 within TLS, for the service's own hosts: whoever shows no papers of theirs is let go.
    pub fn kin(socket: TcpListener, door: Door) -> Listener {
        Listener { socket, speaks: Speaks::Kin(door) }
    }

    /// Plain HTTP that is not answered by the service itself but by `pass`: one that sends everybody to https.
    pub fn aside(socket: TcpListener, pass: Arc<dyn Pass>) -> Listener {
        Listener { socket, speaks: Speaks::Aside(pass) }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Listener {
        Listener::plain(socket)
    }
}
