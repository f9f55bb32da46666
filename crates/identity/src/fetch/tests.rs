//! The client against sockets of this machine that answer as strangers might.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What a server of one connection does.
enum Stranger {
    Says(&'static str),
    SaysForever(&'static str),
    SaysNothing,
}

/// Asks a stranger; what came of it, and what the stranger was sent.
async fn ask_of(
    stranger: Stranger,
    limits: Limits,
    build: impl FnOnce(Url) -> Request,
) -> (Result<Answer, Error>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/a/b?c=d#e")).expect("an address");
    let fetch = Fetch::new(limits);
    let asking = fetch.send(build(url));
    let answering = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).await.unwrap_or(0);
        match stranger {
            Stranger::Says(text) => {
                // whoever has heard enough may have gone
                let _ = stream.write_all(text.as_bytes()).await;
            }
            Stranger::SaysForever(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
            Stranger::SaysNothing => drop(stream.read(&mut [0; 64]).await),
        }
        String::from_utf8_lossy(&heard[..length]).into_owned()
    };
    tokio::pin!(asking, answering);
    let mut told = None;
    let mut heard = None;
    while told.is_none() || heard.is_none() {
        tokio::select! {
            answer = &mut asking, if told.is_none() => told = Some(answer),
            text = &mut answering, if heard.is_none() => heard = Some(text),
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nobody comes to an end"),
        }
        if told.as_ref().is_some_and(|told| {
            matches!(told, Err(Error::Plain { .. } | Error::Closed { .. } | Error::Address))
        }) {
            heard.get_or_insert_default();
        }
    }
    (told.expect("told"), heard.expect("heard"))
}

fn here() -> Limits {
    Limits { may_ask_loopback: true, ..Limits::default() }
}

#[tokio::test]
async fn a_form_is_posted_and_its_answer_read_whole() {
    let says = "HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
    let build = |url| {
        Request::post(url).form([("code", "a b&c"), ("길", "x")]).header(header::AUTHORIZATION, "Basic abc")
    };
    let (answer, heard) = ask_of(Stranger::Says(says), here(), build).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.media_type().as_str()), (201, "application/json"));
    assert_eq!(answer.json().expect("JSON"), serde_json::json!({ "a": 1 }));
    assert!(heard.starts_with("POST /a/b?c=d HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("user-agent: Ondol/"), "{heard}");
    assert!(heard.contains("authorization: Basic abc\r\n") && heard.contains("host: 127.0.0.1:"), "{heard}");
    assert!(heard.ends_with("\r\n\r\ncode=a+b%26c&%EA%B8%B8=x"), "{heard}");
    assert!(!heard.to_lowercase().contains("cookie"), "{heard}");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let says = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere?x=1\r\nContent-Length: 0\r\n\r\n";
    let (answer, _) = ask_of(Stranger::Says(says), here(), Request::get).await;
    let to = answer.expect("an answer").redirect().expect("a redirect");
    assert_eq!((to.path(), to.query(), to.host_str()), ("/elsewhere", Some("x=1"), Some("127.0.0.1")));
    let says = "HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\n\r\n";
    let (answer, _) = ask_of(Stranger::Says(says), here(), Request::get).await;
    assert_eq!(answer.expect("an answer").redirect(), None);
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let says =
        "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let (answer, _) = ask_of(Stranger::SaysForever(says), here(), Request::get).await;
    assert!(matches!(answer, Err(Error::TooLarge { most: 1_048_576, .. })), "{answer:?}");
}

#[tokio::test]
async fn a_head_without_end_is_cut_too() {
    let (answer, _) =
        ask_of(Stranger::SaysForever("HTTP/1.1 200 OK\r\nX-A: aaaaaaaaaaaaa\r\n"), here(), Request::get)
            .await;
    assert!(matches!(answer, Err(Error::Broken { .. })), "{answer:?}");
}

#[tokio::test]
async fn whoever_is_silent_is_left_after_the_time() {
    let limits = Limits { time_max: Duration::from_millis(200), ..here() };
    let (answer, _) = ask_of(Stranger::SaysNothing, limits, Request::get).await;
    let error = answer.expect_err("too slow");
    assert_eq!(error.to_string(), "127.0.0.1 took longer than 200 ms");
}

#[tokio::test]
async fn this_machine_and_plain_text_are_refused_unless_opened() {
    let (answer, heard) = ask_of(Stranger::Says(""), Limits::default(), Request::get).await;
    assert!(matches!(answer, Err(Error::Plain { .. })) && heard.is_empty(), "{answer:?}");
    let (answer, heard) =
        ask_of(Stranger::Says(""), Limits::default(), |url| Request::get(url).also_plain()).await;
    assert!(matches!(answer, Err(Error::Closed { .. })) && heard.is_empty(), "{answer:?}");
    for text in [
        "http://op.example/",
        "ftp://op.example/",
        "https://localhost/",
        "https://169.254.169.254/",
        "https://[::1]/",
    ] {
        let answer =
            Fetch::new(Limits::default()).send(Request::get(Url::parse(text).expect("an address"))).await;
        assert!(
            matches!(answer, Err(Error::Plain { .. } | Error::Closed { .. } | Error::Address)),
            "{text}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_header_with_a_line_break_is_not_sent() {
    let (answer, heard) = ask_of(Stranger::Says(""), here(), |url| {
        Request::get(url).header(header::AUTHORIZATION, "Bearer a\r\nX: b")
    })
    .await;
    assert!(matches!(answer, Err(Error::Address)) && heard.is_empty(), "{answer:?}");
}
