//! The room's numbers at `/metrics`: the database's pulse, the change log, the collections, realtime.
//!
//! Helps are the sentences of `docs/operations.md`.

use std::sync::atomic::Ordering::Relaxed;

use web::metrics::{Kind, Page};

use crate::service::Inner;

/// Writes the numbers down. Waits for the database's sign of life, for `health_time_max` at most.
pub(crate) async fn tell(service: &Inner, page: &mut Page) {
    let store = service.records.store();
    let pulse = service.heart.beat(store).await;
    let version = env!("CARGO_PKG_VERSION");
    let (engine, engine_version) = pulse.as_ref().map_or(("", ""), |pulse| (pulse.engine, &*pulse.version));
    let labels = [("version", version), ("engine", engine), ("engine_version", engine_version)];
    page.family(Kind::Gauge, "ondol_build_info", "Always 1; the labels tell the versions").number(&labels, 1);
    let help = "1 when the database gave a sign of life within `health_time_max`, else 0";
    page.gauge("ondol_database_up", help, u8::from(pulse.is_ok()));
    let help = "1 on the primary, 0 on a replica";
    let is_primary = pulse.as_ref().is_ok_and(|pulse| pulse.role == store::Role::Primary);
    page.gauge("ondol_database_primary", help, u8::from(is_primary));
    let help = "Seconds that reads here lie behind the primary; 0 on the primary";
    let delay = pulse.as_ref().map_or(0.0, |pulse| pulse.delay.as_secs_f64());
    page.gauge("ondol_database_delay_seconds", help, delay);
    let help = "Newest position of the change log: it grows by one with every record written";
    page.gauge("ondol_change_log_position", help, store.position().0);
    let collections = service.records.catalog().all().len();
    page.gauge("ondol_collections", "Collections, those of the system included", collections);
    let (listeners, tally) = (service.hub.listeners(), service.hub.tally());
    page.gauge("ondol_realtime_listeners", "Realtime listeners connected", listeners);
    let help = "Realtime events handed to listeners' connections";
    page.counter("ondol_realtime_events_total", help, tally.events.load(Relaxed));
    let help = "Realtime listeners let go of because they could not keep up";
    page.counter("ondol_realtime_listeners_let_go_total", help, tally.let_go.load(Relaxed));
}
