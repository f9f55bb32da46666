//! The page of numbers: Prometheus' text format, version 0.0.4.
//!
//! The format is a dozen lines of text (prometheus.io/docs/instrumenting/exposition_formats); a library for it would
//! bring its own counters and registries into every room, where plain numbers are enough.
//!
//! Invariant: names and labels' names are words of ours; only labels' values and helps are escaped.

use std::fmt::{Display, Write};

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from zero at the program's start.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by size, each with all smaller ones.
    Histogram,
}

/// Numbers as they are at this moment, one family after another.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

/// A family of numbers that differ by their labels.
#[derive(Debug)]
pub struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Page {
    /// Begins a family. Its help is one sentence, the same as in `docs/operations.md`.
    pub fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { page: self, name }
    }

    /// A gauge of one number.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(Kind::Gauge, name, help).number(&[], value);
    }

    /// A counter of one number.
    pub fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(Kind::Counter, name, help).number(&[], value);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a text takes whatever is written");
    }
}

impl Family<'_> {
    /// One number, told from the others by its labels.
    pub fn number(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// One histogram: how many were at most so large, smallest bound first, without the last bound `+Inf`; the sum and
    /// count of all.
    pub fn histogram(&mut self, labels: &[(&str, &str)], buckets: &[(f64, u64)], sum: f64, count: u64) {
        for (bound, count) in buckets {
            self.line("_bucket", labels, Some(&bound.to_string()), count);
        }
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, end: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl Display) {
        let (name, page) = (self.name, &mut *self.page);
        page.write(format_args!("{name}{end}"));
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut sign = '{';
        for (label, value) in all {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            page.write(format_args!("{sign}{label}=\"{value}\""));
            sign = ',';
        }
        let close = if sign == ',' { "}" } else { "" };
        page.write(format_args!("{close} {value}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_with_help_kind_and_escaped_labels() {
        let mut page = Page::default();
        page.gauge("a_b", "What\\it is\nto us", 2.5);
        let mut family = page.family(Kind::Counter, "c_total", "Counts");
        family.number(&[("x", "1"), ("y", "\"\\\n")], 7);
        let mut family = page.family(Kind::Histogram, "d", "Sizes");
        family.histogram(&[("x", "1")], &[(0.5, 1), (1.0, 3)], 9.0, 4);
        assert_eq!(
            page.into_text(),
            "# HELP a_b What\\\\it is\\nto us\n# TYPE a_b gauge\na_b 2.5\n\
             # HELP c_total Counts\n# TYPE c_total counter\nc_total{x=\"1\",y=\"\\\"\\\\\\n\"} 7\n\
             # HELP d Sizes\n# TYPE d histogram\nd_bucket{x=\"1\",le=\"0.5\"} 1\nd_bucket{x=\"1\",le=\"1\"} 3\n\
             d_bucket{x=\"1\",le=\"+Inf\"} 4\nd_sum{x=\"1\"} 9\nd_count{x=\"1\"} 4\n"
        );
    }
}
