//! The log: lines on stderr, as text for a terminal and as JSON for whatever collects them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{LogConfig, LogForm};

/// Begins to log; called once, by the verb that serves. A second call changes nothing.
pub(crate) fn begin(config: &LogConfig) {
    let filter = EnvFilter::builder().parse_lossy(&config.level);
    let is_terminal = std::io::stderr().is_terminal();
    let builder =
        fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).with_target(false);
    let as_json = match config.form {
        LogForm::Auto => !is_terminal,
        LogForm::Json => true,
        LogForm::Text => false,
    };
    // the only way to fail is that a program which uses us as a library logs already: then its log is the right one
    let _ = if as_json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
}
