//! What every request goes through.

use axum::routing::get;
use http_body_util::BodyExt;

use super::*;
use crate::metrics;

async fn panics() -> Response {
    panic!("on purpose")
}

async fn streams() -> Body {
    let pieces = ["one", "two"].map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(futures_util::stream::iter(pieces))
}

fn front(config: Config) -> Front {
    let router = Router::new()
        .route("/fine", get(|| async { "fine" }))
        .route("/panics", get(panics))
        .route("/full", get(|| async { Problem::unavailable("The disk is full.") }))
        .route("/streams", get(streams))
        .route("/hangs", get(std::future::pending::<Response>));
    Front::new(router, Arc::new(config))
}

async fn ask(front: &Front, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path).header("host", "test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = front.answer(request, IpAddr::from([127, 0, 0, 1])).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_404() {
    let front = front(Config::default());
    for (method, path) in [("GET", "/api/none"), ("DELETE", "/fine"), ("OPTIONS", "/fine")] {
        let (status, headers, body) = ask(&front, method, path, &[]).await;
        assert_eq!((status, &headers["content-type"]), (404, &HeaderValue::from_static("application/json")));
        assert_eq!(body, r#"{"status":404,"message":"The requested resource wasn't found.","data":{}}"#);
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_an_id_and_nothing_else() {
    let (status, headers, body) = ask(&front(Config::default()), "GET", "/panics", &[]).await;
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let id = headers["x-request-id"].to_str().expect("ASCII");
    let message = "Something went wrong while processing your request.";
    let told = serde_json::json!({ "status": 500, "message": message, "data": {}, "request": id });
    assert_eq!((status, body), (500, told));
}

#[tokio::test]
async fn a_fault_of_ours_that_gets_an_id_is_as_long_as_it_says() {
    let (status, headers, body) = ask(&front(Config::default()), "GET", "/full", &[]).await;
    assert!(status == 503 && body.contains("\"request\":"), "{body}");
    let said = headers.get("content-length").map(|length| length.to_str().expect("ASCII").to_owned());
    assert!(said.is_none_or(|said| said == body.len().to_string()), "{headers:?}, {} bytes", body.len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_503() {
    let (status, headers, _) = ask(&front(Config::default()), "GET", "/hangs", &[]).await;
    assert_eq!((status, &headers["retry-after"]), (503, &HeaderValue::from_static("1")));
}

fn told(front: &Front) -> String {
    let mut page = metrics::Page::default();
    front.meter.tell(&mut page);
    page.into_text()
}

#[tokio::test]
async fn a_client_that_goes_away_first_is_counted_as_gone() {
    use futures_util::FutureExt;
    let front = front(Config::default());
    assert!(ask(&front, "GET", "/hangs", &[]).now_or_never().is_none(), "it waits, and is dropped");
    let line = "ondol_http_requests_total{method=\"GET\",route=\"/hangs\",class=\"gone\"} 1\n";
    assert!(told(&front).contains(line), "{}", told(&front));
    assert!(told(&front).contains("in_flight 0\n"), "{}", told(&front));
}

#[tokio::test]
async fn an_answer_that_streams_is_in_flight_until_its_end_and_its_bytes_are_counted() {
    let front = front(Config::default());
    let request = Request::builder().uri("/streams").header("host", "test").body(Body::empty());
    let response = front.answer(request.expect("a request"), IpAddr::from([127, 0, 0, 1])).await;
    assert!(told(&front).contains("in_flight 1\n"), "{}", told(&front));
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"onetwo");
    assert!(told(&front).contains("in_flight 0\n"), "{}", told(&front));
    assert!(told(&front).contains("response_bytes_total 6\n"), "{}", told(&front));
}

#[tokio::test]
async fn browsers_of_any_origin_may_call_by_default_and_of_a_list_when_there_is_one() {
    let asks = [("origin", "https://a.example"), ("access-control-request-method", "PATCH")];
    let (status, headers, _) = ask(&front(Config::default()), "OPTIONS", "/fine", &asks).await;
    assert_eq!((status, headers["access-control-allow-origin"].to_str().ok()), (204, Some("*")));
    assert!(!headers.contains_key("access-control-allow-credentials"));

    let listed = Config { origins: vec!["https://b.example".into()], ..Config::default() };
    let (_, headers, _) = ask(&front(listed), "GET", "/fine", &asks[..1]).await;
    assert!(!headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let (_, headers, _) = ask(&front(Config::default()), "GET", "/fine", &[]).await;
    assert_eq!(
        (&headers["x-content-type-options"], &headers["x-frame-options"]),
        (&HeaderValue::from_static("nosniff"), &HeaderValue::from_static("SAMEORIGIN"))
    );
}
