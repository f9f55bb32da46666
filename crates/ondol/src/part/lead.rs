//! Who is primary, told to the store for as long as it is certain; and what this host's database is busy with, told to whoever
//! reads its log.

use std::time::Duration;

use base::moment::Moment;
use cluster::View;
use store::Primary;
use tokio::sync::watch;
use tokio::time::sleep;

use super::core::primary;

/// How often the view's age is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Least time between two lines about one work.
const WORK_TOLD_EVERY: Duration = Duration::from_secs(3);

/// Tells the store until nobody listens any more. A view that is older than `age_max` names nobody.
pub(crate) async fn tell(mut view: watch::Receiver<View>, age_max: Duration, to: watch::Sender<Primary>) {
    loop {
        let now = primary(&view.borrow_and_update(), Moment::now(), age_max);
        to.send_if_modified(|told| std::mem::replace(told, now.clone()) != now);
        tokio::select! {
            () = to.closed() => return,
            changed = view.changed() => if changed.is_err() { return },
            // time passes without a change
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// Says what the database of a host is busy with, and how far it is: a copy of a large one takes a while.
pub(crate) async fn tell_work(mut view: watch::Receiver<View>, host: String) {
    let mut told = None;
    loop {
        let work = view.borrow_and_update().members.get(&host).and_then(|member| member.what.work.clone());
        if work != told {
            match &work {
                Some(work) => tracing::info!("this host's database {work}"),
                None => tracing::info!("this host's database is at work no more"),
            }
            told = work;
            sleep(WORK_TOLD_EVERY).await;
        } else if view.changed().await.is_err() {
            return;
        }
    }
}
