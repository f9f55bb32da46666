//! The cache's numbers at `/metrics`; nothing where nothing is kept. Helps are the sentences of `docs/operations.md`.

use records::Records;
use web::metrics::{Kind, Page, Source, Telling};

/// What was read lately.
pub(super) struct Lately(pub(super) Records);

impl Source for Lately {
    fn tell<'a>(&'a self, page: &'a mut Page) -> Telling<'a> {
        if let Some(report) = self.0.cache_report() {
            report_on(&report, page);
        }
        Box::pin(std::future::ready(()))
    }
}

fn report_on(report: &cache::Report, page: &mut Page) {
    page.counter("ondol_cache_hits_total", "Records given out of the cache", report.hits);
    let help = "Records that were not in the cache, or no longer the newest for certain";
    let misses = report.misses + report.refused_old + report.refused_garbled;
    page.counter("ondol_cache_misses_total", help, misses);
    let help = "Look-ups that went past the cache: memcached or the change log gave no answer";
    page.counter("ondol_cache_skipped_total", help, report.skipped + report.unsure);
    if report.servers.is_empty() {
        return;
    }
    let help = "1 while a memcached serves, 0 while it is left out";
    let mut family = page.family(Kind::Gauge, "ondol_cache_server_up", help);
    for server in &report.servers {
        family.number(&[("server", &server.address)], u64::from(server.out_for.is_none()));
    }
}
