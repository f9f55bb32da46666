//! Dates: SQLite's `strftime` with a format and modifiers that are constants.
//!
//! A date is a text as it is stored (`2026-01-02 03:04:05.678Z`), also with a `T`, without a time, with an offset; anything
//! else gives NULL. What SQLite takes besides (a number of a day, a time without a date, the year 0000) gives NULL here.

use super::Engine;
use super::kind::Kind;
use super::parts::concat;
use crate::dialect::piece::{Piece, fill};
use crate::dialect::writer::Writer;
use crate::query::{Expr, Value};

/// Modifiers copy the date before them; with more of them a statement would grow without bound.
const MODIFIERS_MAX: usize = 4;

/// Days that a modifier may add: all engines have dates that far.
const DAYS_MAX: f64 = 1_000_000.0;

/// How an engine says dates.
pub(in crate::dialect) struct Words {
    /// The text `{0}` as a date, NULL when it is none.
    pub(in crate::dialect) parse: &'static str,
    pub(in crate::dialect) now: &'static str,
    /// Seconds since 1970 as a date.
    pub(in crate::dialect) of_seconds: &'static str,
    /// The date `{0}` and `{1}` microseconds, or months; a day that a month does not have goes on into the next.
    pub(in crate::dialect) add: &'static str,
    pub(in crate::dialect) add_months: &'static str,
    pub(in crate::dialect) start_of: [&'static str; 3],
    /// The next day of the week `{1}`, or this one.
    pub(in crate::dialect) weekday: &'static str,
    /// The date `{0}` by the format `{1}`.
    pub(in crate::dialect) format: &'static str,
    /// Stands between two conversions of a format, and says nothing.
    pub(in crate::dialect) between: &'static str,
    /// How the engine says a conversion of SQLite's.
    pub(in crate::dialect) conversion: fn(char) -> Option<Said>,
    /// A text that stands for itself in a format.
    pub(in crate::dialect) quoted: fn(&str) -> String,
}

/// A conversion in the engine's words.
pub(in crate::dialect) enum Said {
    /// In its formats.
    Format(&'static str),
    /// As an expression of the date `{0}`.
    Computed(&'static str),
}

/// A modifier, read.
enum Step {
    Microseconds(i64),
    Months(i64),
    StartOf(usize),
    Weekday(u8),
    Nothing,
}

impl<E: Engine> Writer<E> {
    pub(super) fn strftime(&mut self, arguments: &[Expr]) -> Piece {
        let nothing = Piece::new(E::WORDS.no_text);
        let [Expr::Value(Value::Text(format)), date, modifiers @ ..] = arguments else {
            self.refuse("strftime without a constant format");
            return nothing;
        };
        if self.kind(date) == Kind::Null {
            return nothing;
        }
        let Some(mut moment) = self.moment(date, modifiers) else { return nothing };
        let modifiers = if modifiers.first().is_some_and(is_unixepoch) { &modifiers[1..] } else { modifiers };
        if modifiers.len() > MODIFIERS_MAX {
            self.refuse(format!("strftime with more than {MODIFIERS_MAX} modifiers"));
            return nothing;
        }
        for modifier in modifiers {
            let Some(step) = step(modifier) else {
                self.refuse("a modifier of strftime that is not one of ±N days, hours, minutes, seconds, months, years, start of day, month, year, weekday N, utc, localtime");
                return nothing;
            };
            moment = apply::<E>(&moment, &step);
        }
        self.formatted(&moment, format)
    }

    /// The date before its modifiers.
    fn moment(&mut self, date: &Expr, modifiers: &[Expr]) -> Option<Piece> {
        let words = E::WORDS.moment;
        if matches!(date, Expr::Value(Value::Text(text)) if text.eq_ignore_ascii_case("now")) {
            return Some(Piece::new(words.now));
        }
        if modifiers.first().is_some_and(is_unixepoch) {
            let text = self.written(date);
            let seconds = fill(E::WORDS.number_of_text, &[&text]);
            let reads = fill(E::WORDS.reads_as_number, &[&text]);
            return Some(fill(words.of_seconds, &[&reads, &seconds]));
        }
        if matches!(self.kind(date), Kind::Number | Kind::Truth) {
            return None;
        }
        let text = self.written(date);
        Some(fill(words.parse, &[&text]))
    }

    fn formatted(&mut self, moment: &Piece, format: &str) -> Piece {
        let words = E::WORDS.moment;
        let (mut parts, mut run) = (Vec::new(), String::new());
        let mut chars = format.chars();
        let mut plain = String::new();
        while let Some(c) = chars.next() {
            let said = match c {
                '%' => match chars.next() {
                    Some('%') => None,
                    Some(conversion) => match (words.conversion)(conversion) {
                        Some(said) => Some(said),
                        None => return self.no_conversion(conversion),
                    },
                    None => return Piece::new(E::WORDS.no_text),
                },
                _ => None,
            };
            let Some(said) = said else {
                plain.push(c);
                continue;
            };
            if !plain.is_empty() {
                run.push_str(&(words.quoted)(&std::mem::take(&mut plain)));
            }
            match said {
                Said::Format(word) => {
                    // two words that stand together must not be read as a third
                    run.push_str(if run.is_empty() { "" } else { words.between });
                    run.push_str(word);
                }
                Said::Computed(words) => {
                    parts.extend(self.run(moment, &mut run));
                    parts.push(fill(words, &[moment]));
                }
            }
        }
        if parts.is_empty() && run.is_empty() {
            let plain = self.value(&Value::Text(plain.into()));
            return fill("CASE WHEN {0} IS NOT NULL THEN {1} END", &[moment, &plain]);
        }
        if !plain.is_empty() {
            run.push_str(&(words.quoted)(&plain));
        }
        parts.extend(self.run(moment, &mut run));
        concat::<E>(&parts)
    }

    fn run(&self, moment: &Piece, run: &mut String) -> Option<Piece> {
        let run = std::mem::take(run);
        (!run.is_empty()).then(|| fill(E::WORDS.moment.format, &[moment, &self.format(run)]))
    }

    fn format(&self, format: String) -> Piece {
        self.value(&Value::Text(format.into()))
    }

    /// SQLite gives NULL for what is no conversion at all.
    fn no_conversion(&mut self, conversion: char) -> Piece {
        if conversion == 'J' {
            self.refuse("the format %J of strftime");
        }
        Piece::new(E::WORDS.no_text)
    }
}

fn apply<E: Engine>(moment: &Piece, step: &Step) -> Piece {
    let words = E::WORDS.moment;
    let by = |template, amount: i64| fill(template, &[moment, &Piece::new(amount.to_string())]);
    match step {
        Step::Microseconds(amount) => by(words.add, *amount),
        Step::Months(amount) => by(words.add_months, *amount),
        Step::StartOf(unit) => fill(words.start_of[*unit], &[moment]),
        Step::Weekday(day) => by(words.weekday, i64::from(*day)),
        Step::Nothing => moment.clone(),
    }
}

fn is_unixepoch(modifier: &Expr) -> bool {
    matches!(modifier, Expr::Value(Value::Text(text)) if text.eq_ignore_ascii_case("unixepoch"))
}

fn step(modifier: &Expr) -> Option<Step> {
    let Expr::Value(Value::Text(text)) = modifier else { return None };
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "utc" | "localtime" => return Some(Step::Nothing),
        "start of day" => return Some(Step::StartOf(0)),
        "start of month" => return Some(Step::StartOf(1)),
        "start of year" => return Some(Step::StartOf(2)),
        _ => {}
    }
    if let Some(day) = text.strip_prefix("weekday ") {
        return day.trim().parse().ok().filter(|day| *day < 7).map(Step::Weekday);
    }
    let (amount, unit) = text.split_once(' ')?;
    let unit = unit.trim();
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let amount: f64 = amount.parse().ok()?;
    let months = |each: i64| {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below the bound")]
        let whole = (amount.fract() == 0.0 && amount.abs() < DAYS_MAX / 31.0).then_some(amount as i64);
        whole.map(|whole| Step::Months(whole * each))
    };
    let seconds = match unit {
        "day" => 86_400.0,
        "hour" => 3_600.0,
        "minute" => 60.0,
        "second" => 1.0,
        "month" => return months(1),
        "year" => return months(12).filter(|_| amount.abs() < 2_000.0),
        _ => return None,
    };
    if amount.abs() * seconds > DAYS_MAX * 86_400.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number of milliseconds within the bound")]
    let milliseconds = (amount * seconds * 1_000.0).round() as i64;
    Some(Step::Microseconds(milliseconds * 1_000))
}
