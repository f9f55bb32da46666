//! `docs/api.md` says what is true: every endpoint is in it, and every limit with its default.

use std::fmt::Display;
use std::path::Path;

use base::unit::Bytes;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_endpoint_is_documented() {
    let (docs, source) = (read("../../docs/api.md"), read("src/service.rs"));
    let paths: Vec<_> = source.split('"').filter(|text| text.starts_with("/api/")).collect();
    assert!(paths.len() > 8, "the list of routes is found: {paths:?}");
    for path in paths {
        assert!(docs.contains(&format!(" {path}` |")), "{path} is not in docs/api.md");
    }
}

/// Checks that the table has the row of a limit.
fn row(docs: &str, section: &str, name: &str, default: impl Display) {
    let row = format!("| `{section}.{name}` | {default} |");
    assert!(docs.contains(&row), "docs/api.md lacks the row {row}");
}

/// Takes a room's settings apart by name, so that a new one does not compile before it is here.
macro_rules! rows {
    ($docs:ident, $section:literal, $($part:ident)::+ { $($name:ident $(as $show:ident)?),* } besides { $($other:ident),* }) => {
        let $($part)::+ { $($name,)* $($other: _,)* } = $($part)::+::default();
        $($(let $name = $show($name);)? row($docs, $section, stringify!($name), $name);)*
    };
}

#[test]
fn every_limit_is_documented_with_its_default() {
    let docs = &read("../../docs/api.md");
    let bytes = |bytes: usize| Bytes(bytes as u64);
    rows!(docs, "api", api::Config {
        values_bytes_max, parts_max, batch_files_bytes_max, thumb_pixels_max, thumbs_at_once_max, thumb_wait_max,
        listeners_max, subscriptions_max, topic_bytes_max, queue_events_max, queue_bytes_max, replay_changes_max,
        replays_at_once_max, heartbeat, unsubscribed_time_max, listen_time_max, recheck_every, health_time_max
    } besides {});
    rows!(docs, "records", records::Limits {
        page_size_max, page_size_default, page_bytes_max as bytes, filter_length_max, filter_terms_max, filter_depth_max, joins_max,
        sort_terms_max, expand_depth_max, expand_records_max, expand_bytes_max as bytes,
        expand_back_max, body_bytes_max as bytes,
        once_bytes_max as bytes, batch_requests_max, cascade_records_max, password_hashes_max, password_queue_max
    } besides {});
    rows!(docs, "web", web::Config {
        connections_max, connections_per_second_max, head_bytes_max, headers_max, head_time_max,
        handshake_time_max, idle_time_max,
        streams_max, connection_age_max, body_bytes_max, body_grace,
        body_pace_min, request_time_max, slow_time, write_stall_max, drain_time_max, handover_time_max, linger_time_max,
        rate_entries_max
    } besides { access_log, trusted_proxies, proxy_protocol, origins, rates });
}
