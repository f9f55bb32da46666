//! Sends a request elsewhere.
//!
//! Invariant: who asks chooses neither the scheme nor the host: what of the path is taken over stands behind a `/` of ours
//! and begins with none of its own.

use axum::body::Body;
use axum::response::Response;
use hyper::header::{self, HeaderValue};
use hyper::{StatusCode, Uri};

use crate::config::Route;

/// Where to, and how.
#[derive(Debug)]
pub(crate) struct Redirect {
    start: String,
    /// Whether what follows the route's path is taken over, with the query.
    takes_rest: bool,
    path_length: usize,
    status: StatusCode,
}

impl Redirect {
    pub(crate) fn new(target: &str, route: &Route) -> Redirect {
        let start = target.strip_suffix('*');
        Redirect {
            start: start.unwrap_or(target).to_owned(),
            takes_rest: start.is_some(),
            path_length: route.path.len(),
            status: StatusCode::from_u16(route.status).unwrap_or(StatusCode::FOUND),
        }
    }

    /// The answer to a request of the route.
    pub(crate) fn answer(&self, uri: &Uri) -> Response {
        let mut place = self.start.clone();
        if self.takes_rest {
            let rest = uri.path().get(self.path_length..).unwrap_or_default();
            // some read `\` as `/`
            place.push_str(rest.trim_start_matches(['/', '\\']));
            if let Some(query) = uri.query() {
                place.push('?');
                place.push_str(query);
            }
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        // the gate has seen that there are only plain signs in it
        if let Ok(place) = HeaderValue::try_from(place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(target: &str, path: &str, asked: &str) -> String {
        let route = Route { path: path.into(), status: 308, ..Route::default() };
        let answer = Redirect::new(target, &route).answer(&asked.parse().expect("an address"));
        assert_eq!(answer.status(), 308);
        answer.headers()["location"].to_str().expect("plain").to_owned()
    }

    #[test]
    fn the_rest_of_the_path_and_the_query_are_taken_over_where_a_star_stands() {
        assert_eq!(place("https://b/new", "/old", "/old/x?y"), "https://b/new");
        assert_eq!(place("https://b/new/*", "/old", "/old/x/z?y"), "https://b/new/x/z?y");
        assert_eq!(place("https://b/*", "/", "/"), "https://b/");
        assert_eq!(place("/new/*", "/old/", "/old/a"), "/new/a");
    }

    #[test]
    fn nobody_is_led_to_a_host_that_the_path_names() {
        for asked in ["//evil.example/", "///evil.example", "/\\evil.example", "/\\/evil.example"] {
            assert!(place("/*", "/", asked).trim_start_matches('/').starts_with("evil.example"));
            assert!(!place("/*", "/", asked).starts_with("//"), "{asked}");
        }
    }
}
