//! The style sheet, the modules and the mark: part of the program, served with an `ETag`.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

struct Asset {
    name: &'static str,
    media: &'static str,
    bytes: &'static str,
}

const CSS: &str = concat!(
    include_str!("../assets/ground.css"),
    include_str!("../assets/frame.css"),
    include_str!("../assets/form.css"),
    include_str!("../assets/grid.css"),
);

const JS: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 7] = [
    Asset { name: "console.css", media: "text/css; charset=utf-8", bytes: CSS },
    Asset { name: "mark.svg", media: "image/svg+xml", bytes: include_str!("../assets/mark.svg") },
    Asset { name: "console.js", media: JS, bytes: include_str!("../assets/console.js") },
    Asset { name: "keys.js", media: JS, bytes: include_str!("../assets/keys.js") },
    Asset { name: "grid.js", media: JS, bytes: include_str!("../assets/grid.js") },
    Asset { name: "live.js", media: JS, bytes: include_str!("../assets/live.js") },
    Asset { name: "form.js", media: JS, bytes: include_str!("../assets/form.js") },
];

/// `GET /_/assets/NAME`. The browser asks each time and is told "as it was": no address changes with a release.
pub(crate) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response<Body> {
    let Some(asset) = ASSETS.iter().find(|a| a.name == name) else { return plain(StatusCode::NOT_FOUND) };
    let tag =
        HeaderValue::from_str(&format!("\"{:016x}\"", digest(asset.bytes))).expect("hexadecimal is ASCII");
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let mut response =
        if is_known { plain(StatusCode::NOT_MODIFIED) } else { Response::new(Body::from(asset.bytes)) };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media));
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// FNV-1a: it tells releases apart, nothing more.
fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_style_sheet_asks_nobody_else_for_anything() {
        assert!(!CSS.contains("http") && !CSS.contains("@import") && !CSS.contains("url("));
    }

    #[test]
    fn every_module_can_be_read() {
        for asset in ASSETS.iter().filter(|asset| asset.media == JS) {
            let node =
                Command::new("node").args(["--input-type=module", "--check"]).stdin(Stdio::piped()).spawn();
            // where there is no node, the browser's walk through the console finds it out
            let Ok(mut node) = node else { return };
            node.stdin.take().expect("piped").write_all(asset.bytes.as_bytes()).expect("node reads");
            assert!(node.wait().expect("node ends").success(), "{}", asset.name);
        }
    }

    #[test]
    fn every_bracket_of_the_style_sheet_is_closed() {
        assert_eq!(CSS.matches('{').count(), CSS.matches('}').count());
    }
}
