//! The bare reply: axum with nothing behind it, which answers each request of the load with as many bytes as a server
//! of records would. What a server costs beyond it is its own work.

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use anyhow::Result;

/// A record of about the size of those of the load.
fn record() -> String {
    let text = "lorem ipsum dolor sit amet ".repeat(8);
    format!(
        r#"{{"body":"{text}","collectionId":"pbc_1125843985","collectionName":"posts","created":"2026-11-22 09:00:00.000Z","id":"post00000000007","room":7,"title":"Post number 7 about something","updated":"2026-11-22 09:00:00.000Z","views":7}}"#
    )
}

/// Serves on a port of the loopback until the process is ended.
pub(crate) async fn serve(port: u16) -> Result<()> {
    let one: &'static str = record().leak();
    let items = vec![one; 20].join(",");
    let many: &'static str =
        format!(r#"{{"items":[{items}],"page":1,"perPage":20,"totalItems":100,"totalPages":5}}"#).leak();
    let router = Router::new()
        .route("/api/health", get(|| async { "{}" }))
        .route(
            "/api/collections/{name}/records",
            get(move || async move { answer(many) }).post(move |request: Request| swallow(request, one)),
        )
        .route(
            "/api/collections/{name}/records/{id}",
            get(move || async move { answer(one) }).patch(move |request: Request| swallow(request, one)),
        );
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

fn answer(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// Reads a body, lets it go, and answers.
async fn swallow(request: Request, text: &'static str) -> Response {
    let mut body = request.into_body().into_data_stream();
    while body.next().await.is_some() {}
    answer(text)
}
