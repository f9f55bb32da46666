//! How far those are who follow this primary: MariaDB does not say it, so they are asked themselves, now and then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::moment::Moment;
use tokio::time::sleep;

use crate::mariadb::link::Link;
use crate::mariadb::{Config, MariaDb, Now, gtid, lend, lock, look};
use crate::observation::Follower;
use crate::order::Upstream;
use crate::program::Process;

/// From one question to the next.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// After one that was not answered.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);

impl MariaDb {
    /// From here on, while that process lives, others are asked how far they are, and may copy its data.
    pub(super) fn serve_others(&self, process: &Process) {
        for peer in &self.config.peers {
            let work = listen(Arc::clone(&self.config), peer.clone(), Arc::clone(&self.now));
            let process = process.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = process.ended() => {}
                    () = work => {}
                }
            });
        }
        let lender = lend::Lender {
            config: Arc::clone(&self.config),
            place: self.place.clone(),
            turn: Arc::clone(&self.lending),
        };
        let process = process.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = process.ended() => {}
                () = lender.serve() => {}
            }
        });
    }
}

async fn listen(config: Arc<Config>, peer: Upstream, now: Arc<Mutex<Now>>) {
    let limit = config.limits.answer_time_max;
    let mut link = None;
    loop {
        let heard = match link.take() {
            Some(link) => ask(link, &config, &peer).await,
            None => match Link::reach(&config, &peer, limit).await {
                Ok(link) => ask(link, &config, &peer).await,
                Err(_) => None,
            },
        };
        match heard {
            Some((kept, follower)) => {
                let mut now = lock(&now);
                match follower {
                    Some(follower) => {
                        now.followers.insert(peer.host.clone(), (follower, Moment::now()));
                    }
                    None => {
                        now.followers.remove(&peer.host);
                    }
                }
                link = Some(kept);
            }
            None => sleep(ASK_AGAIN_AFTER).await,
        }
        sleep(ASK_EVERY).await;
    }
}

/// What it says; with nobody in it where it follows another.
async fn ask(mut link: Link, config: &Config, peer: &Upstream) -> Option<(Link, Option<Follower>)> {
    let text = "SHOW SLAVE STATUS; SELECT @@gtid_slave_pos AS applied, @@gtid_binlog_pos AS written, @@global.read_only AS follows";
    let tables = link.ask("say how it follows", text, config.limits.answer_time_max).await.ok()?;
    // one that follows nobody gives no row, but may give its table
    let place = tables.last()?.first()?;
    let slave = tables.first().filter(|_| tables.len() > 1).and_then(|rows| rows.first());
    let Some(slave) = slave else { return Some((link, None)) };
    let is_ours = slave.text("Master_Server_Id") == config.server_id().to_string();
    let replayed =
        gtid::sequence(place.text("written")).ok()?.max(gtid::sequence(place.text("applied")).ok()?);
    let received = gtid::sequence(slave.text("Gtid_IO_Pos")).unwrap_or(0);
    let follower = Follower {
        host: peer.host.clone(),
        is_streaming: look::is_streaming(slave),
        is_confirming: look::is_streaming(slave),
        flushed: received.max(replayed),
        replayed,
        silence: Duration::ZERO,
    };
    Some((link, is_ours.then_some(follower)))
}
