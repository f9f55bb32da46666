//! TLS as it is spoken here: 1.2 and 1.3, HTTP/2 or HTTP/1.1 inside, sessions that are taken up again without a full handshake.
//!
//! Map: `certificate` (one, read from text), `shelf` (which one is shown to whom).
//!
//! Invariant: nothing of a private key is ever logged or shown.

mod certificate;
mod shelf;

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, version};
use tokio_rustls::server::TlsStream;

pub use certificate::{Certificate, Unfit};
pub use shelf::Certificates;

const HTTP_2: &[u8] = b"h2";
const HTTP_11: &[u8] = b"http/1.1";
/// What whoever speaks plain HTTP to us is told.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\
    Connection: close\r\n\r\n{\"status\":400,\"message\":\"This port speaks https, not http.\",\"data\":{}}";

/// The server's side of TLS.
pub struct Tls {
    acceptor: TlsAcceptor,
}

/// What two sides have agreed on to speak within TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Tls {
    /// TLS with these certificates, as they are at each handshake.
    pub fn new(certificates: &Certificates) -> Tls {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .expect("the provider has suites for both versions");
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(certificates.clone()));
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_11.to_vec()];
        match ring::Ticketer::new() {
            Ok(ticketer) => config.ticketer = ticketer,
            Err(error) => {
                tracing::warn!(%error, "TLS sessions can't be taken up again: no chance to draw keys from")
            }
        }
        Tls { acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// Shakes hands. Whoever speaks plain HTTP here is told so.
    pub(crate) async fn accept(&self, mut socket: TcpStream) -> io::Result<(TlsStream<TcpStream>, Inside)> {
        let mut first = [0];
        if socket.peek(&mut first).await? > 0 && first[0].is_ascii_alphabetic() {
            // whoever is not there any more need not be told
            let _ = socket.write_all(PLAIN).await;
            let _ = socket.shutdown().await;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plain http"));
        }
        let stream = self.acceptor.accept(socket).await?;
        let inside = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_2) => Inside::Http2,
            _ => Inside::Http1,
        };
        Ok((stream, inside))
    }
}
