//! One question over HTTP, with as much of it as that takes.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use trust::Tls;

/// Bytes of an answer that are read at the most.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Asks `HOST:PORT` for a path: the status, and the body. It waits for as long as there is no answer.
pub(crate) async fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    get_as(address, path, None).await
}

/// The same as whoever has this secret.
pub(crate) async fn get_as(
    address: &str,
    path: &str,
    secret: Option<&str>,
) -> std::io::Result<(u16, String)> {
    ask(TcpStream::connect(address).await?, address, path, secret).await
}

/// The same of one that the hosts' papers are shown to.
pub(crate) async fn get_among(tls: &Tls, address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let stream = TcpStream::connect(address).await?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    ask(tls.encrypt(host, stream).await?, address, path, None).await
}

/// Whether a host lets us in who shows papers.
pub(crate) async fn reach(tls: &Tls, address: &str) -> std::io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    tls.encrypt(host, stream).await.map(drop)
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    address: &str,
    path: &str,
    secret: Option<&str>,
) -> std::io::Result<(u16, String)> {
    let secret = secret.map(|secret| format!("Authorization: Bearer {secret}\r\n")).unwrap_or_default();
    // of the first version, so that the answer's end is the connection's
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{secret}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    // some servers keep the connection open all the same
    while !is_whole(&read) && read.len() < ANSWER_BYTES_MAX && stream.read_buf(&mut read).await? > 0 {}
    let text = String::from_utf8_lossy(&read);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}

/// Whether all of an answer that says its length is there.
fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    length.is_some_and(|length| read.len() >= head.len() + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn an_answer_is_whole_when_all_that_it_announced_is_there() {
        assert!(is_whole(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]"));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[]"));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\n\r\n[]"), "it ends with the connection");
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\nContent-Le"));
    }
}
