//! A client that knows as much HTTP as the tests need: JSON there and back on one connection.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{EMAIL, PASSWORD};

/// Longest wait for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// One connection to the server at an address.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(Client { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// Sends one request; its status and the JSON of its answer (null where there is none).
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.ask_with("", method, path, body)
    }

    /// The same under a key: done once, however often it is asked for.
    pub(crate) fn ask_once(
        &mut self,
        key: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<(u16, Value)> {
        self.ask_with(&format!("Idempotency-Key: {key}\r\n"), method, path, body)
    }

    fn ask_with(&mut self, headers: &str, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: house\r\nAuthorization: {}\r\n{headers}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, length) = read_head(&mut self.stream)?;
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok((status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? }))
    }
}

/// Reads status line and headers: the status, and how long the body is said to be.
pub(crate) fn read_head(stream: &mut BufReader<TcpStream>) -> Result<(u16, usize)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other(format!("no status in {line:?}")))?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { return Ok((status, length)) };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(Error::other)?;
        }
    }
}

/// A superuser's token.
pub(crate) fn sign_in(address: &str) -> String {
    let mut client = Client::new(address, "").expect("the server listens");
    let sent = json!({"identity": EMAIL, "password": PASSWORD});
    let path = "/api/collections/_superusers/auth-with-password";
    let (status, told) = client.ask("POST", path, &sent).expect("an answer");
    assert_eq!(status, 200, "{told}");
    told["token"].as_str().expect("a token").to_owned()
}
