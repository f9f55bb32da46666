//! The log: lines on stderr, as text for a terminal and as JSON for whatever collects them.
//!
//! What is logged while a request is answered carries its id in the field `request`, and the trace that it is a part of
//! in `trace` and `parent`.

use std::fmt::{self, Write};
use std::io::IsTerminal;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use web::Trace;

use crate::config::{LogConfig, LogForm};

/// Begins to log; called once, by the verb that serves. A second call changes nothing.
pub(crate) fn begin(config: &LogConfig) {
    let filter = EnvFilter::builder().parse_lossy(&config.level);
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let as_json = match config.form {
        LogForm::Auto => !is_terminal,
        LogForm::Json => true,
        LogForm::Text => false,
    };
    // the only way to fail is that a program which uses us as a library logs already: then its log is the right one
    let _ = match as_json {
        true => builder.event_format(Json).try_init(),
        false => {
            let line = Format::default().with_target(false).with_ansi(is_terminal);
            builder.with_ansi(is_terminal).event_format(Text(line)).try_init()
        }
    };
}

/// Names and values of the request that is being answered.
fn trace(mut take: impl FnMut(&'static str, &str)) {
    Trace::show(|trace| {
        take("request", trace.id());
        if let Some((trace, parent)) = trace.parent() {
            take("trace", trace);
            take("parent", parent);
        }
    });
}

/// Lines for people.
struct Text(Format);

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        line.truncate(line.trim_end().len());
        trace(|name, value| line.extend([" ", name, "=", value]));
        writeln!(out, "{line}")
    }
}

/// One object per line: `timestamp`, `level`, `target`, `message`, and what else there is to tell, all side by side.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Object(Map::new());
        line.set("timestamp", timestamp);
        line.set("level", event.metadata().level().as_str());
        line.set("target", event.metadata().target());
        event.record(&mut line);
        trace(|name, value| line.set(name, value));
        writeln!(out, "{}", Value::Object(line.0))
    }
}

struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Object {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // a value whose `Debug` fails is shown as far as it went
        let _ = write!(text, "{value:?}");
        self.set(field.name(), text);
    }
}
