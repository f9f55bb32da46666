//! Answers that two clients could understand differently: whoever asks next gets no byte of another's.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::bench::{Bench, statuses};
use crate::witness::{Reply, Witness};

const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
const OK: &str = "HTTP/1.1 200 OK\r\n";

/// Name, the answer's bytes, and the statuses that the client may get; 0 for none.
fn cases() -> Vec<(&'static str, String, &'static [u16])> {
    let length = POISON.len();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(50);
    vec![
        ("plain", format!("{OK}Content-Length: 2\r\n\r\nok"), &[200]),
        ("another answer behind it", format!("{OK}Content-Length: 2\r\n\r\nok{POISON}"), &[200]),
        (
            "304 with a body",
            format!("HTTP/1.1 304 Not Modified\r\nContent-Length: {length}\r\n\r\n{POISON}"),
            &[304],
        ),
        ("204 with a body", format!("HTTP/1.1 204 No Content\r\n\r\n{POISON}"), &[204]),
        (
            "a length, then chunks",
            format!("{OK}Content-Length: 5\r\n{TE}\r\n2\r\nok\r\n0\r\n\r\n"),
            &[200, 502],
        ),
        (
            "chunks, then a length",
            format!("{OK}{TE}Content-Length: 5\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
            &[200, 502],
        ),
        ("two lengths", format!("{OK}Content-Length: 2\r\nContent-Length: 40\r\n\r\nok"), &[502]),
        ("a length that is none", format!("{OK}Content-Length: 2x\r\n\r\nok"), &[502]),
        ("a chunk's size that is none", format!("{OK}{TE}\r\nzz\r\nok\r\n0\r\n\r\n"), &[0, 200]),
        ("a zero byte in a value", format!("{OK}X: a\0b\r\nContent-Length: 2\r\n\r\nok"), &[502]),
        ("a carriage return in a value", format!("{OK}X: a\rY: b\r\nContent-Length: 2\r\n\r\nok"), &[502]),
        ("a folded header", format!("{OK}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok"), &[502]),
        ("a space before a colon", format!("{OK}X : a\r\nContent-Length: 2\r\n\r\nok"), &[502]),
        (
            "101 that nobody asked for",
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n{POISON}"),
            &[502],
        ),
        ("fifty early hints", format!("{hints}{OK}Content-Length: 2\r\n\r\nok"), &[200]),
        (
            "headers of the connection",
            format!(
                "{OK}Connection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok"
            ),
            &[200],
        ),
        ("a status of five digits", "HTTP/1.1 99999 X\r\nContent-Length: 2\r\n\r\nok".into(), &[502]),
        (
            "300 KB of a header",
            format!("{OK}X: {}\r\nContent-Length: 2\r\n\r\nok", "a".repeat(300_000)),
            &[502],
        ),
    ]
}

const TE: &str = "Transfer-Encoding: chunked\r\n";

/// What a first client gets, and a second one on the same balancer.
async fn asked(answer: String) -> (Vec<u8>, Vec<u8>) {
    let reply: Reply = Arc::new(move |read| match read.path.as_str() {
        "/second" => Some(format!("{OK}Content-Length: 6\r\n\r\nSECOND").into_bytes()),
        _ => Some(answer.clone().into_bytes()),
    });
    let witness = Witness::new(reply).await;
    let bench = Bench::hasty(&[witness.address]).await;
    let ask = async |path: &str| {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        bench.say(request.as_bytes()).await
    };
    let (first, second) = (ask("/first").await, ask("/second").await);
    bench.end().await;
    witness.ended().await;
    (first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_answer_reaches_nobody_but_the_one_who_asked() {
    let cases = cases();
    let all = join_all(cases.iter().map(|(_, answer, _)| asked(answer.clone()))).await;
    for ((name, _, allowed), (first, second)) in cases.iter().zip(all) {
        let (told, text) = (statuses(&first), String::from_utf8_lossy(&first).to_lowercase());
        let status = told.first().copied().unwrap_or(0);
        assert!(told.len() <= 1 && allowed.contains(&status), "{name}: {told:?} in {text}");
        let lengths = text.matches("content-length").count();
        assert!(lengths + text.matches("transfer-encoding").count() <= 1, "{name}: {text}");
        for hidden in ["poison", "x-secret", "keep-alive", "\0"] {
            assert!(!text.contains(hidden), "{name}: {text}");
        }
        assert!(
            second.ends_with(b"SECOND") && statuses(&second) == [200],
            "{name}: {:?}",
            String::from_utf8_lossy(&second)
        );
    }
}
