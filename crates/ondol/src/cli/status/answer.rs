//! Whether a web server answers: one request to `/api/health`, with as much HTTP as that takes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes that the line with the status has at the most.
const LINE_BYTES_MAX: usize = 64;

/// Asks the server that listens there; an error says why there is no good answer.
pub(super) async fn ask(listen: &str, time: Duration) -> Result<(), String> {
    let Some(address) = crate::house::addresses(listen).ok().and_then(|found| found.into_iter().next())
    else {
        return Err(format!("`{listen}` is not an address"));
    };
    if address.port() == 0 {
        return Err("it takes a free port at each start, so nobody knows where to ask".into());
    }
    match tokio::time::timeout(time, status(near(address))).await {
        Err(_) => Err(format!("it does not answer within {} s", time.as_secs())),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err("nothing listens there; start it with `ondol serve`".into())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(line)) if line.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(Ok(line)) => Err(format!("it answers `{line}`")),
    }
}

/// Where a server on this machine that listens everywhere can be asked.
fn near(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let is_v4 = address.is_ipv4();
        address.set_ip(if is_v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// The first line of the answer.
async fn status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    stream.take(LINE_BYTES_MAX as u64).read_to_end(&mut read).await?;
    let text = String::from_utf8_lossy(&read);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
