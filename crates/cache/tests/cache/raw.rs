//! Somebody else at memcached, who puts there what they like.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use testbed::Memcached;

pub(crate) fn get(server: &Memcached, key: &str) -> Option<Vec<u8>> {
    let mut stream = BufReader::new(TcpStream::connect(server.address()).unwrap());
    write!(stream.get_mut(), "get {key}\r\n").unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let length = line.strip_prefix("VALUE ")?.split_whitespace().nth(2)?.parse().unwrap();
    let mut value = vec![0; length];
    stream.read_exact(&mut value).unwrap();
    Some(value)
}

pub(crate) fn set(server: &Memcached, key: &str, value: &[u8]) {
    let mut stream = BufReader::new(TcpStream::connect(server.address()).unwrap());
    let mut text = format!("set {key} 0 0 {}\r\n", value.len()).into_bytes();
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
    stream.get_mut().write_all(&text).unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "STORED\r\n");
}
