//! What the store is told of the primary.

use std::time::Duration;

use base::moment::Moment;
use cluster::View;
use store::Primary;

/// Where the primary is; nowhere, once the view is so old that another host may have become it.
pub(crate) fn primary(view: &View, now: Moment, age_max: Duration) -> Primary {
    let Some(leader) = view.leader.as_ref().map(|leader| &leader.what) else {
        let epoch = view.sync.as_ref().map_or(0, |sync| sync.what.epoch);
        return Primary { address: None, epoch: signed(epoch) };
    };
    // a leader whose database does not take writes yet is asked all the same: it says so, and is asked again
    let address = split(&leader.address).filter(|_| view.is_fresh(now, age_max));
    Primary { address, epoch: signed(leader.epoch) }
}

/// Host and port.
pub(super) fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

fn signed(epoch: u64) -> i64 {
    i64::try_from(epoch).unwrap_or(i64::MAX)
}
