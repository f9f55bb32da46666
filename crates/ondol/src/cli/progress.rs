//! How far a long job is: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one job.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    is_bytes: bool,
    begun: Instant,
    said: Instant,
}

impl Progress {
    /// A job on so many rows.
    pub(super) fn rows(what: &'static str, total: u64) -> Progress {
        let look = "{msg} {bar:30} {human_pos} of {human_len} rows, {rate} a second, {eta} left";
        Progress::new(what, total, false, look)
    }

    /// A job on so many bytes.
    pub(super) fn bytes(what: &'static str, total: u64) -> Progress {
        let look = "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        Progress::new(what, total, true, look)
    }

    fn new(what: &'static str, total: u64, is_bytes: bool, look: &str) -> Progress {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(look).expect("the template is one of ours").with_key(
                "rate",
                |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                    // whatever can't be written to a text in memory has no second try
                    let _ = write!(to, "{}", HumanCount(state.per_sec() as u64));
                },
            );
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            bar.with_style(style).with_message(what)
        });
        let now = Instant::now();
        Progress { bar, what, total, is_bytes, begun: now, said: now }
    }

    /// It is so far now.
    pub(super) fn at(&mut self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.said.elapsed() >= LINE_EVERY => {
                self.said = Instant::now();
                // a closed stderr stops no job
                let _ = writeln!(stderr(), "{}", self.line(done));
            }
            None => {}
        }
    }

    /// Prints something else without spoiling the bar.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, done: u64) -> String {
        let elapsed = self.begun.elapsed();
        let left = match done {
            0 => Duration::ZERO,
            done => elapsed.mul_f64(self.total.saturating_sub(done) as f64 / done as f64),
        };
        let rate = (done as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        let amount = |amount: u64| match self.is_bytes {
            true => HumanBytes(amount).to_string(),
            false => HumanCount(amount).to_string(),
        };
        let unit = if self.is_bytes { "" } else { " rows" };
        format!(
            "{}: {} of {}{unit}, {} a second, {} left",
            self.what,
            amount(done),
            amount(self.total),
            amount(rate),
            HumanDuration(left)
        )
    }
}
