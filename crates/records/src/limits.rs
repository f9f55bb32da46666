//! The limits of records, with names and defaults, in one place.

/// Every limit that a request on records can meet.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Records on one page.
    pub page_size_max: u64,
    /// Records on a page when the request doesn't say.
    pub page_size_default: u64,
    /// Bytes of the stored bodies of one page.
    pub page_bytes_max: usize,
    /// Characters of a filter.
    pub filter_length_max: usize,
    /// Comparisons in a filter or rule.
    pub filter_terms_max: usize,
    /// Nested parentheses in a filter or rule.
    pub filter_depth_max: usize,
    /// Joined sources that one request's rules and filter may need.
    pub joins_max: usize,
    /// Terms of a sort.
    pub sort_terms_max: usize,
    /// Relations followed in a row by `expand`.
    pub expand_depth_max: usize,
    /// Records fetched by one expanded relation of one page.
    pub expand_records_max: usize,
    /// Bytes of all expanded records of one page, each as often as it is shown.
    pub expand_bytes_max: usize,
    /// Back-related records of one record in `expand`.
    pub expand_back_max: usize,
    /// Bytes of one stored body.
    pub body_bytes_max: usize,
    /// Bytes of the records that are kept to answer a repeated write; of larger answers only the versions are.
    pub once_bytes_max: usize,
    /// Requests of one batch.
    pub batch_requests_max: usize,
    /// Records deleted by one cascade.
    pub cascade_records_max: usize,
    /// Passwords hashed at once.
    pub password_hashes_max: usize,
    /// Password hashings that may wait; further ones are refused as busy.
    pub password_queue_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            page_size_max: 1000,
            page_size_default: 30,
            page_bytes_max: 32 << 20,
            filter_length_max: 3500,
            filter_terms_max: 200,
            filter_depth_max: 32,
            joins_max: 30,
            sort_terms_max: 8,
            expand_depth_max: 6,
            expand_records_max: 10_000,
            expand_bytes_max: 32 << 20,
            expand_back_max: 1000,
            body_bytes_max: 10 << 20,
            once_bytes_max: 64 << 10,
            batch_requests_max: 50,
            cascade_records_max: 100_000,
            password_hashes_max: 2,
            password_queue_max: 100,
        }
    }
}
