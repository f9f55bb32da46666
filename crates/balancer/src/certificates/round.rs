//! One look at all certificates: what is on the shelf is shown, what is missing or near its end is ordered, what is too near
//! is told.

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::Timestamp;
use sha2::{Digest, Sha256};
use web::tls::Certificate;

use super::core::{self, History, Nearness, Window};
use super::order::{Failed, Orders, Pair};
use super::shelf::Shelf;
use super::{Fault, Inner, files};

/// What the names begin with under which certificates and their keys are kept.
pub const CERTIFICATE: &str = "certificate ";
/// The turn to order.
const TURN: &str = "turn order";
/// The turn to ask the issuer for windows; nobody gives it back.
const ASKING: &str = "turn ask";
/// The wait after an issuer has said that we come too often.
const LIMITED_WAIT: Duration = Duration::from_secs(3600);
/// How often one certificate's end is told.
const TELL_EVERY: Duration = Duration::from_secs(24 * 3600);

/// What this host has seen so far.
pub(super) struct Seen {
    marks: files::Marks,
    from_files: Vec<Certificate>,
    /// What the shelf had under each name.
    ordered: BTreeMap<String, (Pair, Certificate)>,
    /// What the last order for a name that failed came to.
    pub(super) faults: BTreeMap<String, Fault>,
    /// When an end was told last, and how near it was.
    told: BTreeMap<String, (Nearness, Timestamp)>,
}

impl Seen {
    pub(super) fn new(marks: files::Marks, from_files: Vec<Certificate>) -> Seen {
        Seen { marks, from_files, ordered: BTreeMap::new(), faults: BTreeMap::new(), told: BTreeMap::new() }
    }
}

impl Inner {
    /// Looks at everything once. What goes wrong is told here.
    pub(super) async fn round(&self) {
        self.read_files().await;
        if let Err(fault) = self.show().await {
            tracing::warn!(%fault, "the certificates that are kept can't be read");
        } else if let Some(shelf) = self.shelf.get() {
            self.order(shelf.as_ref()).await;
        }
        self.tell_ends().await;
    }

    /// Reads the files again if they have changed.
    async fn read_files(&self) {
        let files = self.config.files.clone();
        let look = move || (files::marks(&files), files::read(&files));
        // small files, read seldom
        let Ok((marks, read)) = tokio::task::spawn_blocking(look).await else { return };
        let mut seen = self.seen.lock().await;
        if marks == seen.marks {
            return;
        }
        seen.marks = marks;
        match read {
            Ok(read) => {
                for certificate in &read {
                    let (names, until) = (certificate.names().join(" "), certificate.ends());
                    tracing::info!(names, serial = certificate.serial(), %until, "certificate read from its file");
                }
                seen.from_files = read;
                self.put_up(&seen);
            }
            Err(fault) => {
                tracing::error!(%fault, "a certificate's file has a mistake; the certificates stay as they were");
            }
        }
    }

    /// Shows what is on the shelf.
    pub(super) async fn show(&self) -> Result<(), Fault> {
        let Some(shelf) = self.shelf.get() else { return Ok(()) };
        let mut seen = self.seen.lock().await;
        let mut has_changed = false;
        for name in &self.config.names {
            let Some(pair) = kept::<Pair>(shelf.as_ref(), &certificate_of(name)).await? else { continue };
            if seen.ordered.get(name).is_some_and(|(before, _)| *before == pair) {
                continue;
            }
            match Certificate::read(&pair.chain, &pair.key) {
                Ok(certificate) => {
                    let (serial, until) = (certificate.serial(), certificate.ends());
                    tracing::info!(name, serial, %until, "certificate shown");
                    seen.ordered.insert(name.clone(), (pair, certificate));
                    has_changed = true;
                }
                Err(unfit) => tracing::error!(name, %unfit, "the certificate that is kept can't be used"),
            }
        }
        if has_changed {
            self.put_up(&seen);
        }
        Ok(())
    }

    fn put_up(&self, seen: &Seen) {
        // the team's own go first: who names no host is shown the first of them
        let ordered = self.config.names.iter().filter_map(|name| seen.ordered.get(name));
        let all = seen.from_files.iter().cloned().chain(ordered.map(|(_, certificate)| certificate.clone()));
        self.certificates.replace(all.collect());
    }

    /// Orders what is missing or due, if it is our turn.
    async fn order(&self, shelf: &dyn Shelf) {
        if let Err(failed) = self.ask_windows(shelf).await {
            tracing::info!(fault = %failed.fault, "the issuer has not said when to renew; a third of the life left decides");
        }
        for name in &self.config.names {
            match self.order_one(shelf, name).await {
                Ok(()) => {}
                Err(fault) => {
                    tracing::warn!(name, %fault, "whether a certificate is to be ordered can't be seen")
                }
            }
        }
    }

    async fn order_one(&self, shelf: &dyn Shelf, name: &str) -> Result<(), Fault> {
        if !self.is_wanted(shelf, name).await? || !shelf.claim(TURN, self.config.turn_time_max.0).await? {
            return Ok(());
        }
        let done = self.order_in_turn(shelf, name).await;
        shelf.forget(TURN).await?;
        done
    }

    /// Whether a name's certificate is missing or due, and another order may begin.
    async fn is_wanted(&self, shelf: &dyn Shelf, name: &str) -> Result<bool, Fault> {
        let now = self.clock.now();
        let (has_own, kept_one) = {
            let seen = self.seen.lock().await;
            let has_own = seen.from_files.iter().any(|own| own.covers(name));
            (has_own, seen.ordered.get(name).map(|(_, certificate)| certificate.clone()))
        };
        if has_own {
            return Ok(false);
        }
        if let Some(certificate) = kept_one {
            let window: Option<Window> = kept(shelf, &window_of(name)).await?;
            let window = window.filter(|window| window.serial == certificate.serial());
            let chance = chance_of(certificate.serial());
            if core::due(certificate.begins(), certificate.ends(), window.as_ref(), chance) > now {
                return Ok(false);
            }
        }
        let history: History = kept(shelf, &history_of(name)).await?.unwrap_or_default();
        let config = &self.config;
        let may_begin = core::may_order(
            &history,
            config.order_every_min.0,
            config.again_after_min.0,
            config.again_after_max.0,
        );
        Ok(may_begin <= now)
    }

    /// Orders, unless another host has done so meanwhile.
    async fn order_in_turn(&self, shelf: &dyn Shelf, name: &str) -> Result<(), Fault> {
        self.show().await?;
        if !self.is_wanted(shelf, name).await? {
            return Ok(());
        }
        let mut history: History = kept(shelf, &history_of(name)).await?.unwrap_or_default();
        // counted as failed until it has not: a process that dies here begins no loop
        history =
            History { last: self.clock.now().0, failed: history.failed.saturating_add(1), not_before: 0 };
        keep(shelf, &history_of(name), &history).await?;
        let before = self.seen.lock().await.ordered.get(name).map(|(_, certificate)| certificate.clone());
        match self.get(shelf, name, before.as_ref()).await {
            Ok(pair) => {
                keep(shelf, &certificate_of(name), &pair).await?;
                keep(shelf, &history_of(name), &History { failed: 0, ..history }).await?;
                self.seen.lock().await.faults.remove(name);
                self.show().await
            }
            Err(failed) => {
                if failed.is_limited {
                    history.not_before = self.clock.now().after(LIMITED_WAIT).0;
                    keep(shelf, &history_of(name), &history).await?;
                }
                let config = &self.config;
                let again = core::may_order(
                    &history,
                    config.order_every_min.0,
                    config.again_after_min.0,
                    config.again_after_max.0,
                );
                let (fault, tries) = (&failed.fault, history.failed);
                match before {
                    None => {
                        tracing::error!(name, %fault, tries, %again, "no certificate could be had; https fails for this name")
                    }
                    Some(before) => {
                        let until = before.ends();
                        tracing::error!(name, %fault, tries, %again, %until, "the certificate could not be renewed; the old one is still shown");
                    }
                }
                self.seen.lock().await.faults.insert(name.to_owned(), failed.fault);
                Ok(())
            }
        }
    }

    async fn get(&self, shelf: &dyn Shelf, name: &str, before: Option<&Certificate>) -> Result<Pair, Failed> {
        tracing::info!(name, directory = self.config.directory, "ordering a certificate");
        let pair = Orders::open(&self.config, shelf).await?.order(name, before).await?;
        let certificate = Certificate::read(&pair.chain, &pair.key)
            .map_err(|unfit| Fault(format!("the issuer's certificate can't be used: {unfit}")))?;
        if !certificate.covers(name) {
            return Err(
                Fault(format!("the issuer's certificate is of {}", certificate.names().join(" "))).into()
            );
        }
        Ok(pair)
    }

    /// Asks the issuer when to renew what is there; one host, every few hours.
    async fn ask_windows(&self, shelf: &dyn Shelf) -> Result<(), Failed> {
        let ordered: Vec<(String, Certificate)> = {
            let seen = self.seen.lock().await;
            seen.ordered.iter().map(|(name, (_, certificate))| (name.clone(), certificate.clone())).collect()
        };
        if ordered.is_empty() || !shelf.claim(ASKING, self.config.ask_every.0).await? {
            return Ok(());
        }
        let orders = Orders::open(&self.config, shelf).await?;
        for (name, certificate) in ordered {
            if let Some(window) = orders.window(&certificate).await? {
                keep(shelf, &window_of(&name), &window).await?;
            }
        }
        Ok(())
    }

    /// Tells of certificates that are near their end: seldom, and louder the nearer.
    async fn tell_ends(&self) {
        let now = self.clock.now();
        let mut seen = self.seen.lock().await;
        for certificate in self.certificates.all() {
            let near = core::nearness(certificate.begins(), certificate.ends(), now);
            let before = seen.told.get(certificate.serial());
            let is_old = before.is_none_or(|(told, at)| *told < near || at.after(TELL_EVERY) <= now);
            if near == Nearness::Far || !is_old {
                continue;
            }
            seen.told.insert(certificate.serial().to_owned(), (near, now));
            let (names, until) = (certificate.names().join(" "), certificate.ends());
            match near {
                Nearness::Far => {}
                Nearness::Near => {
                    tracing::warn!(names, %until, "a certificate ends within thirty days and has not been renewed")
                }
                Nearness::Close => {
                    tracing::error!(names, %until, "a certificate ends within seven days and has not been renewed")
                }
                Nearness::Over => {
                    tracing::error!(names, %until, "a certificate has ended: https fails for these names")
                }
            }
        }
        let alive: Vec<String> = self.certificates.all().iter().map(|one| one.serial().to_owned()).collect();
        seen.told.retain(|serial, _| alive.contains(serial));
    }
}

fn certificate_of(name: &str) -> String {
    format!("{CERTIFICATE}{name}")
}

fn history_of(name: &str) -> String {
    format!("history {name}")
}

fn window_of(name: &str) -> String {
    format!("window {name}")
}

/// A number from 0 to 1 that is every host's for a certificate.
fn chance_of(serial: &str) -> f64 {
    let hash = Sha256::digest(serial.as_bytes());
    f64::from(u16::from_be_bytes([hash[0], hash[1]])) / f64::from(u16::MAX)
}

async fn kept<T: serde::de::DeserializeOwned>(shelf: &dyn Shelf, name: &str) -> Result<Option<T>, Fault> {
    let Some(text) = shelf.read(name).await? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Fault(format!("`{name}` as it is kept can't be read: {error}")))
}

async fn keep<T: serde::Serialize>(shelf: &dyn Shelf, name: &str, value: &T) -> Result<(), Fault> {
    let text =
        serde_json::to_string(value).map_err(|error| Fault(format!("`{name}` can't be kept: {error}")))?;
    shelf.write(name, &text).await
}
