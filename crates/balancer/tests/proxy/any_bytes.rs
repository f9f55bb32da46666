//! Whatever bytes come in: what goes out is read in one way only, and is as many requests as were answered.

use std::sync::Arc;

use balancer::{Config, Route, Uploads};
use base::unit::Bytes;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, TestRunner};

use crate::bench::{Bench, config, statuses};
use crate::strict::{self, Rest};
use crate::witness::Witness;

/// Requests that are tried.
const CASES: usize = 600;
/// At once.
const BATCH: usize = 60;

/// Lines out of which requests are put together, right and wrong.
const LINES: [&str; 24] = [
    "Host: t",
    "Host: t",
    "Host:t",
    "host: evil",
    "Content-Length: 3",
    "Content-Length: 3",
    "content-length: 0",
    "Content-Length: 03",
    "Content-Length: 3,3",
    "Content-Length : 3",
    "Content_Length: 30",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: gzip",
    "Connection: close",
    "Connection: Transfer-Encoding",
    "Connection: keep-alive, X-A",
    "Upgrade: websocket",
    "Expect: 100-continue",
    " folded",
    "X-A: \u{e9}",
    "no colon",
];

const FIRSTS: [&str; 9] = [
    "GET /a HTTP/1.1",
    "POST /a?b=c HTTP/1.1",
    "PUT /a HTTP/1.1",
    "HEAD /a HTTP/1.1",
    "POST /a HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "POST http://t/a HTTP/1.1",
    "get /a HTTP/1.1",
    "GET /a b HTTP/1.1",
];

const BODIES: [&str; 8] = [
    "",
    "abc",
    "3\r\nabc\r\n0\r\n\r\n",
    "3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /hidden HTTP/1.1\r\nHost: t\r\n\r\n",
    "3\nabc\n0\n\n",
    "ffffffffffffffffff\r\nabc\r\n",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let lines = proptest::collection::vec(proptest::sample::select(&LINES[..]), 0..5);
    let ends = proptest::sample::select(&["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\r\n"][..]);
    let one = (proptest::sample::select(&FIRSTS[..]), lines, ends, proptest::sample::select(&BODIES[..]));
    // now and then a byte is another one
    let slip = proptest::option::weighted(0.2, (any::<proptest::sample::Index>(), any::<u8>()));
    (one, slip).prop_map(|((first, mut lines, end, body), slip)| {
        lines.insert(0, "Host: t");
        let head: String = lines.iter().map(|line| format!("{line}{end}")).collect();
        let mut bytes = format!("{first}{end}{head}{end}{body}").into_bytes();
        if let Some((at, byte)) = slip {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// How requests go on.
#[derive(Clone, Copy, Debug)]
enum On {
    /// As they come.
    Plain,
    /// With their bodies taken in whole, on disk.
    Whole,
    /// To an application that has something sent in its answer's stead.
    Stead,
}

/// What is wrong about what became of these bytes; `None` when nothing is.
async fn fault(bytes: Vec<u8>, on: On) -> Option<String> {
    let witness = Witness::echo().await;
    let application = Witness::new(Arc::new(|read| {
        // no route takes `*`
        let status = if read.path == "*" { "404 Not Found" } else { "200 OK" };
        let order = format!("X-Reproxy-Url: http://store{}", read.path);
        Some(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{order}\r\n\r\n").into_bytes())
    }));
    let usual = config(&[witness.address]);
    let bench = match on {
        On::Plain => Bench::hasty(&[witness.address]).await,
        On::Whole => {
            let route = Route { uploads: Uploads::Whole, ..Route::default() };
            // even what is small lies on disk
            Bench::impatient(Config { routes: vec![route], spool_bytes_max: Bytes(1), ..usual }).await
        }
        On::Stead => {
            let application = config(&[application.await.address]).backends;
            let route = Route { reproxy_pools: vec!["store".into()], ..Route::default() };
            let pools = [("store".to_owned(), usual.backends.clone())].into();
            Bench::impatient(Config { backends: application, pools, routes: vec![route], ..usual }).await
        }
    };
    let heard = bench.say(&bytes).await;
    bench.end().await;
    let mut passed = Vec::new();
    for sent in witness.ended().await {
        let (requests, rest) = strict::read(&sent);
        if let Rest::Bad(what) = rest {
            return Some(format!("{what} in {:?} of {:?}", text(&sent), text(&bytes)));
        }
        passed.extend(requests);
    }
    let answered = statuses(&heard).into_iter().filter(|status| *status == 200).count();
    if answered != passed.len() {
        return Some(format!("{answered} answers to {passed:?} of {:?}", text(&bytes)));
    }
    if matches!(on, On::Stead) {
        let is_read =
            |read: &strict::Read| matches!(read.method.as_str(), "GET" | "HEAD") && read.body.is_empty();
        return passed
            .iter()
            .find(|read| !is_read(read))
            .map(|read| format!("{read:?} of {:?}", text(&bytes)));
    }
    // what was plain in itself is passed on as what it was, or not at all
    if let (plain, Rest::Clean) = strict::read(&bytes)
        && !passed.is_empty()
    {
        let same = plain
            .iter()
            .zip(&passed)
            .all(|(a, b)| (&a.method, &a.path, &a.body) == (&b.method, &b.path, &b.body));
        if !same || passed.len() > plain.len() {
            return Some(format!("{passed:?} of {:?}", text(&bytes)));
        }
    }
    None
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_in_goes_out_as_requests_that_are_read_in_one_way_and_each_is_answered() {
    let mut runner = TestRunner::new(Runs { failure_persistence: None, ..Runs::default() });
    let cases: Vec<Vec<u8>> =
        (0..CASES).map(|_| bytes().new_tree(&mut runner).expect("a case").current()).collect();
    let mut passed = 0;
    for (count, batch) in cases.chunks(BATCH).enumerate() {
        let on = [On::Plain, On::Whole, On::Plain, On::Stead, On::Whole][count % 5];
        let all = join_all(batch.iter().cloned().map(|bytes| fault(bytes, on))).await;
        let faults: Vec<String> = all.into_iter().flatten().collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        passed += batch.len();
    }
    assert_eq!(passed, CASES);
}
