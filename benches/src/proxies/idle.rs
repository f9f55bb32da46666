//! What a connection takes that does nothing: many are opened, each has asked once, and then the proxy's memory is read.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::cast::{Cast, Door, Proxy};
use crate::machine::resident_mib;
use crate::say_aside;

/// Connections that are opened at once.
const AT_ONCE: usize = 32;
/// How long they are left alone before the memory is read.
const REST: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET /1k HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The cell of one proxy.
pub(super) async fn measure(proxy: &Proxy, cast: &Cast, count: usize) -> Result<String> {
    let plain = grown(proxy.plain, count, None).await?;
    let Some(door) = proxy.secure else { return Ok(format!("{plain:.1} / –")) };
    let certificate = CertificateDer::from_pem_file(cast.certificate())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    // what is kept for a next time is the client's
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    let secure = grown(door, count, Some(TlsConnector::from(Arc::new(config)))).await?;
    Ok(format!("{plain:.1} / {secure:.1}"))
}

/// KiB by which the process grew for each connection.
async fn grown(door: Door, count: usize, tls: Option<TlsConnector>) -> Result<f64> {
    let before = resident_mib(door.pid)?;
    let mut plain = Vec::new();
    let mut secure = Vec::new();
    while plain.len() + secure.len() < count {
        let some = AT_ONCE.min(count - plain.len() - secure.len());
        match &tls {
            None => plain.extend(together(some, || connect(door.port)).await?),
            Some(tls) => secure.extend(together(some, || shake(door.port, tls)).await?),
        }
    }
    tokio::time::sleep(REST).await;
    let grown = (resident_mib(door.pid)? - before) * 1024.0 / count as f64;
    say_aside(&format!("port {}: {count} idle connections, {grown:.1} KiB each", door.port));
    Ok(grown)
}

async fn together<T, F: Future<Output = Result<T>>>(count: usize, open: impl Fn() -> F) -> Result<Vec<T>> {
    futures_util::future::try_join_all((0..count).map(|_| open())).await
}

async fn connect(port: u16) -> Result<TcpStream> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).await.context("are there too few open files?")?;
    ask(&mut stream).await?;
    Ok(stream)
}

async fn shake(port: u16, tls: &TlsConnector) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.context("are there too few open files?")?;
    let mut stream = tls.connect(ServerName::try_from("localhost")?, stream).await?;
    ask(&mut stream).await?;
    Ok(stream)
}

/// Asks once, and takes the answer in.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<()> {
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(2048);
    loop {
        let found = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if found.is_some_and(|end| answer.len() >= end + 4 + (1 << 10)) {
            return Ok(());
        }
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "a proxy hung up on a connection");
    }
}
