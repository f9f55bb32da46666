//! Requests that two servers could understand differently: each is refused, or reaches the server behind in one plain form.

use futures_util::future::join_all;

use crate::bench::{Bench, statuses};
use crate::strict::{self, Rest};
use crate::witness::Witness;

/// A request that is hidden in another's body.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n";

/// What must become of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Nothing reaches the server behind, and the client is told so.
    Refused,
    /// These requests reach it, as `METHOD PATH BODY`.
    Passed(&'static [&'static str]),
    /// The head may reach it, but no whole request does.
    Cut,
}

use Fate::{Cut, Passed, Refused};

fn post(headers: &str, body: &str) -> String {
    format!("POST /p HTTP/1.1\r\nHost: t\r\n{headers}\r\n{body}")
}

fn get(headers: &str, body: &str) -> String {
    format!("GET /p HTTP/1.1\r\nHost: t\r\n{headers}\r\n{body}")
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

const TE: &str = "Transfer-Encoding: chunked\r\n";
const ABC: Fate = Passed(&["POST /p abc"]);
const EMPTY: Fate = Passed(&["POST /p "]);

/// Lengths: one plain number, or none.
fn lengths() -> Vec<(&'static str, String, Fate)> {
    let hidden = HIDDEN.len();
    vec![
        ("a plain length", post("Content-Length: 3\r\n", "abc"), ABC),
        (
            "two lengths that differ",
            post(&format!("Content-Length: 0\r\nContent-Length: {hidden}\r\n"), HIDDEN),
            Refused,
        ),
        ("two lengths that are the same", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), ABC),
        ("a list of lengths", post("Content-Length: 3, 3\r\n", "abc"), Refused),
        ("a length with a plus", post("Content-Length: +3\r\n", "abc"), Refused),
        ("a length below zero", post("Content-Length: -1\r\n", "abc"), Refused),
        ("a length in hexadecimal", post("Content-Length: 0x3\r\n", "abc"), Refused),
        ("a length of two words", post("Content-Length: 3 3\r\n", "abc"), Refused),
        ("a length with a control byte", post("Content-Length: 3\x0b\r\n", "abc"), Refused),
        ("a length above 2^64", post("Content-Length: 18446744073709551619\r\n", "abc"), Refused),
        (
            "a length with a space before its colon",
            post(&format!("Content-Length : {hidden}\r\n"), HIDDEN),
            Refused,
        ),
        (
            "a length with an underscore",
            post(&format!("Content_Length: {hidden}\r\n"), HIDDEN),
            Passed(&["POST /p ", "GET /smuggled "]),
        ),
        (
            "a GET with a body",
            get(&format!("Content-Length: {hidden}\r\n"), HIDDEN),
            Passed(&["GET /p GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"]),
        ),
        (
            "a GET of no length, and another",
            get("Content-Length: 0\r\n", HIDDEN),
            Passed(&["GET /p ", "GET /smuggled "]),
        ),
    ]
}

/// Encodings: exactly one `chunked`, in HTTP/1.1, without a length.
fn encodings() -> Vec<(&'static str, String, Fate)> {
    let (abc, hidden) = (&chunked("abc"), &chunked(HIDDEN));
    let length = hidden.len();
    vec![
        ("plain chunks", post(TE, abc), ABC),
        ("a length, then chunks", post(&format!("Content-Length: 4\r\n{TE}"), abc), ABC),
        ("chunks, then a length", post(&format!("{TE}Content-Length: 4\r\n"), abc), ABC),
        ("an unknown encoding", post("Transfer-Encoding: xchunked\r\n", hidden), Refused),
        (
            "an unknown encoding and a length",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n"), hidden),
            Refused,
        ),
        (
            "identity and a length",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding: identity\r\n"), hidden),
            Refused,
        ),
        ("gzip and chunks", post("Transfer-Encoding: gzip, chunked\r\n", abc), Refused),
        ("chunks that are not last", post("Transfer-Encoding: chunked, identity\r\n", hidden), Refused),
        ("chunks in chunks", post("Transfer-Encoding: chunked, chunked\r\n", hidden), Refused),
        ("two encodings", post(&format!("{TE}{TE}"), hidden), Refused),
        ("two encodings that differ", post(&format!("{TE}Transfer-Encoding: x\r\n"), hidden), Refused),
        ("an encoding with a control byte", post("Transfer-Encoding: \x0bchunked\r\n", hidden), Refused),
        ("an encoding in quotes", post("Transfer-Encoding: \"chunked\"\r\n", hidden), Refused),
        (
            "an encoding with a space before its colon",
            post("Transfer-Encoding : chunked\r\n", hidden),
            Refused,
        ),
        ("chunks in HTTP/1.0", format!("POST /p HTTP/1.0\r\nHost: t\r\n{TE}\r\n{hidden}"), Refused),
        (
            "an empty encoding",
            post(&format!("Transfer-Encoding: \r\nContent-Length: {length}\r\n"), hidden),
            Refused,
        ),
        ("a folded encoding", post("Transfer-Encoding:\r\n chunked\r\n", hidden), Refused),
        ("a chunk's size that is none", post(TE, "zz\r\nabc\r\n0\r\n\r\n"), Cut),
        ("a chunk's size with 0x", post(TE, "0x3\r\nabc\r\n0\r\n\r\n"), Cut),
        ("a chunk's size above 2^64", post(TE, "10000000000000003\r\nabc\r\n0\r\n\r\n"), Cut),
        ("chunks with bare line feeds", post(TE, "3\nabc\n0\n\n"), Cut),
        ("a bare line feed after a chunk's size", post(TE, "3;\nxx\r\nabc\r\n0\r\n\r\n"), Cut),
        ("a chunk that is longer than it says", post(TE, "3\r\nabcdef\r\n0\r\n\r\n"), Cut),
        (
            "a length among the trailers",
            post(TE, "3\r\nabc\r\n0\r\nContent-Length: 9\r\nX-T: 1\r\n\r\n"),
            ABC,
        ),
    ]
}

/// Lines and names.
fn heads() -> Vec<(&'static str, String, Fate)> {
    let none = "Content-Length: 0\r\n";
    let many: String = (0..2000).map(|n| format!("X-{n}: 1\r\n")).collect();
    vec![
        ("a folded header", post(&format!("X-A: b\r\n c\r\n{none}"), ""), Refused),
        ("a header that begins with a space", post(&format!(" X-A: b\r\n{none}"), ""), Refused),
        ("bare line feeds", "GET /p HTTP/1.1\nHost: t\n\n".into(), Passed(&["GET /p "])),
        ("a carriage return in a value", post(&format!("X-A: b\rX-B: c\r\n{none}"), ""), Refused),
        ("a zero byte in a value", post(&format!("X-A: b\0c\r\n{none}"), ""), Refused),
        ("a zero byte in a name", post(&format!("X\0A: b\r\n{none}"), ""), Refused),
        ("a line without a colon", post(&format!("garbage\r\n{none}"), ""), Refused),
        ("a space in the path", "GET /p q HTTP/1.1\r\nHost: t\r\n\r\n".into(), Refused),
        ("a control byte in the path", "GET /p\x01#x HTTP/1.1\r\nHost: t\r\n\r\n".into(), Refused),
        ("HTTP/1.2", "GET /p HTTP/1.2\r\nHost: t\r\n\r\n".into(), Refused),
        ("HTTP/0.9", "GET /p\r\n\r\n".into(), Refused),
        ("64 KB of a header", post(&format!("X-A: {}\r\n{none}", "a".repeat(65536)), ""), Refused),
        ("2000 headers", post(&format!("{many}{none}"), ""), Refused),
        (
            "a connection that owns our word for the client",
            post(&format!("Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n{none}"), ""),
            EMPTY,
        ),
        (
            "a client's own word for its address",
            post(&format!("X-Forwarded-For: 6.6.6.6\r\n{none}"), ""),
            EMPTY,
        ),
    ]
}

/// Hosts, methods and other protocols.
fn others() -> Vec<(&'static str, String, Fate)> {
    let upgrade =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    vec![
        ("two hosts", post("Host: evil\r\nContent-Length: 0\r\n", ""), Refused),
        ("no host", "GET /p HTTP/1.1\r\n\r\n".into(), Refused),
        ("no host in HTTP/1.0", "GET /p HTTP/1.0\r\n\r\n".into(), Refused),
        ("a host that is no name", "GET /p HTTP/1.1\r\nHost: a b@c\r\n\r\n".into(), Refused),
        ("an address of another host", "GET http://evil/p HTTP/1.1\r\nHost: t\r\n\r\n".into(), Refused),
        (
            "an address of the same host",
            "GET http://t/p HTTP/1.1\r\nHost: t\r\n\r\n".into(),
            Passed(&["GET /p "]),
        ),
        (
            "another protocol and an early request",
            get("Connection: Upgrade\r\nUpgrade: foo\r\n", HIDDEN),
            Passed(&["GET /p ", "GET /smuggled "]),
        ),
        ("HTTP/2 by an upgrade", get(upgrade, ""), Passed(&["GET /p "])),
        ("CONNECT", format!("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n{HIDDEN}"), Refused),
        ("TRACE", "TRACE /p HTTP/1.1\r\nHost: t\r\n\r\n".into(), Refused),
        ("a body that is announced", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), ABC),
        ("a connection that owns the host", get("Connection: Host\r\n", ""), Refused),
        (
            "a connection that owns the length",
            post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"),
            Refused,
        ),
        ("an address of nothing", "GET * HTTP/1.1\r\nHost: t\r\n\r\n".into(), Refused),
    ]
}

/// What became of a case; and that what reached the server behind was plain, whatever it was.
async fn fate(name: &str, bytes: &[u8]) -> (Vec<String>, bool, Vec<u16>) {
    let witness = Witness::echo().await;
    let bench = Bench::hasty(&[witness.address]).await;
    let heard = bench.say(bytes).await;
    bench.end().await;
    let (mut passed, mut is_cut) = (Vec::new(), false);
    for sent in witness.ended().await {
        let (requests, rest) = strict::read(&sent);
        assert!(!matches!(rest, Rest::Bad(_)), "{name}: {rest:?} in {:?}", String::from_utf8_lossy(&sent));
        is_cut |= rest == Rest::Partial;
        for request in requests {
            for own in ["connection", "keep-alive", "te", "trailer", "upgrade", "http2-settings", "expect"] {
                assert_eq!(request.header(own), None, "{name}");
            }
            assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"), "{name}");
            passed.push(format!(
                "{} {} {}",
                request.method,
                request.path,
                String::from_utf8_lossy(&request.body)
            ));
        }
    }
    (passed, is_cut, statuses(&heard))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_request_is_refused_or_reaches_the_server_behind_in_one_plain_form() {
    let cases: Vec<_> = [lengths(), encodings(), heads(), others()].concat();
    let fates = join_all(cases.iter().map(|(name, bytes, _)| fate(name, bytes.as_bytes()))).await;
    let mut wrong = Vec::new();
    for ((name, _, expected), (mut passed, is_cut, told)) in cases.iter().zip(fates) {
        passed.sort();
        let is_right = match expected {
            Refused => passed.is_empty() && !is_cut && told.iter().all(|status| *status >= 400),
            Cut => passed.is_empty() && told.iter().all(|status| *status >= 400),
            Passed(requests) => {
                let mut requests = requests.to_vec();
                requests.sort_unstable();
                passed == requests && told == vec![200; requests.len()]
            }
        };
        if !is_right {
            wrong.push(format!("{name}: {expected:?}, but passed {passed:?}, cut {is_cut}, told {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
