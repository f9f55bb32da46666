//! A small HTTP client: one connection, one request at a time, and event streams. It costs little, so that the machine is
//! left to the servers under test.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to a server on this machine.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// An event stream, read as far as its headers.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
    is_chunked: bool,
    text: Vec<u8>,
}

/// How an answer's body is told from what follows.
struct Head {
    status: u16,
    length: usize,
    is_chunked: bool,
}

impl Client {
    /// Connects to a port of the loopback.
    pub(crate) async fn connect(port: u16) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), token: String::new() })
    }

    /// The same in the name of an account.
    #[must_use]
    pub(crate) fn with_token(mut self, token: &str) -> Client {
        token.clone_into(&mut self.token);
        self
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Reply> {
        self.ask(method, path, body).await?;
        let head = read_head(&mut self.stream).await?;
        let mut bytes = vec![0; head.length];
        self.stream.read_exact(&mut bytes).await?;
        while head.is_chunked && read_chunk(&mut self.stream, &mut bytes).await? {}
        Ok(Reply { status: head.status, body: String::from_utf8(bytes)? })
    }

    /// The same; an answer that is no success is an error.
    pub(crate) async fn expect(&mut self, method: &str, path: &str, body: &str) -> Result<serde_json::Value> {
        let reply = self.send(method, path, body).await?;
        ensure!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.body);
        if reply.body.is_empty() {
            Ok(serde_json::Value::Null)
        } else {
            Ok(serde_json::from_str(&reply.body)?)
        }
    }

    /// Opens an event stream on this connection.
    pub(crate) async fn listen(mut self, path: &str) -> Result<Events> {
        self.ask("GET", path, "").await?;
        let head = read_head(&mut self.stream).await?;
        ensure!(head.status == 200, "GET {path}: {}", head.status);
        Ok(Events { stream: self.stream, is_chunked: head.is_chunked, text: Vec::new() })
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let length = body.len();
        let authorization =
            if self.token.is_empty() { String::new() } else { format!("Authorization: {}\r\n", self.token) };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{authorization}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        Ok(self.stream.get_mut().write_all(request.as_bytes()).await?)
    }
}

impl Events {
    /// The next event as it came, without the empty line that ends it; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let rest = self.text.split_off(end + 2);
                let mut event = std::mem::replace(&mut self.text, rest);
                event.truncate(end);
                return Ok(Some(event));
            }
            let has_more = if self.is_chunked {
                read_chunk(&mut self.stream, &mut self.text).await?
            } else {
                self.stream.read_buf(&mut self.text).await? > 0
            };
            if !has_more {
                return Ok(None);
            }
        }
    }
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Result<Head> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).context("the server closed the connection")?.parse()?;
    let mut head = Head { status, length: 0, is_chunked: false };
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.trim().parse()?,
            "transfer-encoding" => head.is_chunked = value.trim() == "chunked",
            _ => {}
        }
    }
    Ok(head)
}

/// Reads a chunk into `bytes`; false after the last one.
async fn read_chunk(stream: &mut BufReader<TcpStream>, bytes: &mut Vec<u8>) -> Result<bool> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(false);
    }
    let Ok(length) = usize::from_str_radix(line.trim_end(), 16) else {
        bail!("a chunk begins with {line:?}")
    };
    let start = bytes.len();
    bytes.resize(start + length + 2, 0);
    stream.read_exact(&mut bytes[start..]).await?;
    bytes.truncate(start + length);
    Ok(length > 0)
}
