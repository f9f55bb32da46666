//! Somebody who kills memcached, freezes it, and puts old values back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use testbed::Memcached;

/// Longest wait for memcached's answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Most values that are taken to be put back.
const VALUES_MAX: usize = 64;

/// A key, its flags, its value.
type Taken = (String, String, Vec<u8>);

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) killed: u32,
    pub(crate) frozen: u32,
    pub(crate) put_back: usize,
}

/// Disturbs until `stop`, then leaves it well.
pub(crate) fn disturb(memcached: &mut Memcached, seed: u64, stop: &AtomicBool) -> Done {
    let (mut chance, mut done, mut old) = (seed, Done::default(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let wait = Duration::from_millis(50 + next(&mut chance) % 250);
        match next(&mut chance) % 16 {
            0 => {
                memcached.kill();
                sleep(wait);
                memcached.start_again();
                done.killed += 1;
            }
            1 => {
                memcached.freeze();
                sleep(wait);
                memcached.thaw();
                done.frozen += 1;
            }
            2..=5 => old = take(memcached).unwrap_or_default(),
            _ => done.put_back += put_back(memcached, &old).unwrap_or(0),
        }
        sleep(wait);
    }
    done
}

/// splitmix64: the same seed, the same disturbances.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What it holds now.
fn take(memcached: &Memcached) -> std::io::Result<Vec<Taken>> {
    let mut stream = connect(memcached)?;
    stream.get_mut().write_all(b"lru_crawler metadump all\r\n")?;
    let mut keys = Vec::new();
    loop {
        let line = line(&mut stream)?;
        match line.strip_prefix("key=").and_then(|rest| rest.split(' ').next()) {
            Some(key) => keys.push(key.to_owned()),
            None => break,
        }
    }
    let mut taken = Vec::new();
    for key in keys.into_iter().take(VALUES_MAX) {
        let plain = percent_decoded(&key);
        write!(stream.get_mut(), "get {plain}\r\n")?;
        let head = line(&mut stream)?;
        let mut words = head.split(' ').skip(2);
        let (Some(flags), Some(Ok(length))) = (words.next(), words.next().map(str::parse::<usize>)) else {
            continue;
        };
        let mut value = vec![0; length + "\r\nEND\r\n".len()];
        stream.read_exact(&mut value)?;
        value.truncate(length);
        taken.push((plain, flags.to_owned(), value));
    }
    Ok(taken)
}

/// Puts it there again, whatever is there by now.
fn put_back(memcached: &Memcached, old: &[Taken]) -> std::io::Result<usize> {
    let mut stream = connect(memcached)?;
    for (key, flags, value) in old {
        let mut text = format!("set {key} {flags} 0 {}\r\n", value.len()).into_bytes();
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
        stream.get_mut().write_all(&text)?;
        line(&mut stream)?;
    }
    Ok(old.len())
}

fn connect(memcached: &Memcached) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(memcached.address())?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(BufReader::new(stream))
}

fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// A key as it stands in the list of all keys is encoded as in an address.
fn percent_decoded(key: &str) -> String {
    let mut plain = String::new();
    let mut rest = key;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                plain.push('%');
                rest = after;
            }
        }
    }
    plain + rest
}
