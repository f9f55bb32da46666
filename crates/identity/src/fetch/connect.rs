//! Connecting: a name is resolved, every address is judged, and the connection goes to an address that was judged.
//!
//! Invariant: no address is connected to that `address::zone` has not been asked about, however it was come by: a name
//! that resolves to another address a moment later (DNS rebinding) is judged by that one.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use url::{Host, Url};

use super::address::{Zone, zone};
use super::error::Error;

/// Whether this machine's own addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loopback {
    Open,
    Closed,
}

/// A connection, encrypted or (to this machine, in development) not.
pub(super) enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What encrypts: the roots that browsers trust, as they were when the program was built.
pub(super) fn tls() -> TlsConnector {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Opens a connection to where an address of the web points.
pub(super) async fn open(url: &Url, tls: &TlsConnector, loopback: Loopback) -> Result<Line, Error> {
    let host = url.host().ok_or(Error::Address)?;
    let port = url.port_or_known_default().ok_or(Error::Address)?;
    let name = host.to_string();
    let found = match &host {
        Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
        Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
        Host::Domain(domain) => {
            let found = tokio::net::lookup_host((*domain, port)).await;
            found.map_err(|source| Error::Unresolved { host: name.clone(), source })?.collect()
        }
    };
    let stream = connect(&name, &open_ones(&name, found, loopback)?).await?;
    if url.scheme() == "http" {
        return Ok(Line::Plain(stream));
    }
    let server = match host {
        Host::Domain(domain) => ServerName::try_from(domain.to_owned()).map_err(|_| Error::Address)?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
    };
    let stream =
        tls.connect(server, stream).await.map_err(|source| Error::Unreached { host: name, source })?;
    Ok(Line::Tls(Box::new(stream)))
}

/// Those addresses of a host that may be connected to; an error when there are none.
fn open_ones(host: &str, found: Vec<SocketAddr>, loopback: Loopback) -> Result<Vec<SocketAddr>, Error> {
    let mut why = "without an address";
    let may = |address: &SocketAddr| match (zone(address.ip()), loopback) {
        (Zone::Public, _) | (Zone::Loopback, Loopback::Open) => true,
        (Zone::Loopback, Loopback::Closed) => {
            why = "this machine itself";
            false
        }
        (Zone::Closed(what), _) => {
            why = what;
            false
        }
    };
    let open: Vec<SocketAddr> = found.into_iter().filter(may).collect();
    if open.is_empty() { Err(Error::Closed { host: host.to_owned(), why }) } else { Ok(open) }
}

async fn connect(host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into());
    Err(Error::Unreached { host: host.to_owned(), source })
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Line::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_write(cx, from),
            Line::Tls(stream) => Pin::new(stream).poll_write(cx, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Line::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Line::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(found: &[&str], loopback: Loopback) -> Result<Vec<String>, String> {
        let found = found.iter().map(|text| format!("{text}:443").parse().expect("an address")).collect();
        let open = open_ones("op.example", found, loopback).map_err(|error| error.to_string())?;
        Ok(open.into_iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn of_a_names_addresses_only_the_open_ones_are_connected_to() {
        let mixed = ["10.0.0.1", "1.1.1.1", "127.0.0.1", "169.254.169.254"];
        assert_eq!(chosen(&mixed, Loopback::Closed), Ok(vec!["1.1.1.1".to_owned()]));
        assert_eq!(chosen(&mixed, Loopback::Open), Ok(vec!["1.1.1.1".to_owned(), "127.0.0.1".to_owned()]));
    }

    #[test]
    fn a_name_that_points_inside_is_refused_with_the_reason() {
        for (found, why) in
            [(&["127.0.0.1"][..], "this machine"), (&["169.254.169.254"], "metadata"), (&[], "without")]
        {
            assert!(chosen(found, Loopback::Closed).is_err_and(|told| told.contains(why)), "{found:?}");
        }
        assert!(chosen(&["10.0.0.1"], Loopback::Open).is_err(), "the setting opens this machine only");
    }

    #[test]
    fn the_roots_are_there() {
        assert!(!webpki_roots::TLS_SERVER_ROOTS.is_empty());
        drop(tls());
    }
}
