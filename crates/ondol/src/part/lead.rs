//! Who is primary, told to the store for as long as it is certain.

use std::time::Duration;

use base::moment::Moment;
use cluster::View;
use store::Primary;
use tokio::sync::watch;
use tokio::time::sleep;

use super::core::primary;

/// How often the view's age is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
