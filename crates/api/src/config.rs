//! The limits of the API, each with its default. Those of records (pages, filters, expand) are in `records::Limits`,
//! those of connections in `web::Config`.

use std::time::Duration;

use base::unit::{Bytes, Span};
use serde::Deserialize;

/// Every limit of this room.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes of a request's JSON, or of all its plain values.
    pub values_bytes_max: Bytes,
    /// Parts of a multipart request.
    pub parts_max: usize,
    /// Bytes of all files of one batch.
    pub batch_files_bytes_max: Bytes,
    /// Pixels of a picture of which a thumb is made; of larger ones the picture itself is sent.
    pub thumb_pixels_max: u64,
    /// Thumbs made at once.
    pub thumbs_at_once_max: usize,
    /// Longest wait for a place to make a thumb; then the picture itself is sent.
    pub thumb_wait_max: Span,
    /// Realtime listeners at once.
    pub listeners_max: usize,
    /// Subscriptions of one listener.
    pub subscriptions_max: usize,
    /// Bytes of one subscription's topic, options included.
    pub topic_bytes_max: usize,
    /// Events that wait for a listener; one that falls further behind is disconnected, and may resume.
    pub queue_events_max: usize,
    /// Bytes of the events that wait for a listener.
    pub queue_bytes_max: Bytes,
    /// Changes that a resuming listener may be behind; one that is further behind is told to begin anew.
    pub replay_changes_max: u64,
    /// Listeners that are replayed to at once; further ones wait.
    pub replays_at_once_max: usize,
    /// Time between two signs of life on a quiet realtime connection.
    pub heartbeat: Span,
    /// Longest life of a realtime connection without any subscription.
    pub unsubscribed_time_max: Span,
    /// Longest life of a realtime connection.
    pub listen_time_max: Span,
    /// Time between two looks at whether listeners' tokens are still valid.
    pub recheck_every: Span,
    /// Longest wait for the database's sign of life at `/api/health`; then the service is told to be unwell (503).
    pub health_time_max: Span,
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(Duration::from_secs(s));
        Config {
            values_bytes_max: Bytes(16 << 20),
            parts_max: 1000,
            batch_files_bytes_max: Bytes(128 << 20),
            thumb_pixels_max: 50_000_000,
            thumbs_at_once_max: 2,
            thumb_wait_max: seconds(30),
            listeners_max: 10_000,
            subscriptions_max: 1000,
            topic_bytes_max: 2500,
            queue_events_max: 256,
            queue_bytes_max: Bytes(8 << 20),
            replay_changes_max: 100_000,
            replays_at_once_max: 4,
            heartbeat: seconds(10),
            unsubscribed_time_max: seconds(300),
            listen_time_max: seconds(24 * 3600),
            recheck_every: seconds(60),
            health_time_max: seconds(2),
        }
    }
}
