//! Structured logs on stderr: text for a person at a terminal, JSON for everything else.
//! Fields carry session, room and request ids, never what was said or who is who.
use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{Log, LogFormat};
use crate::process::LogFile;

/// Starts logging for the whole process; later calls change nothing.
pub fn init(config: &Log, file: Option<LogFile>) {
    let ours = config.level.as_str();
    // Libraries are heard from warnings on: what they say below that is about themselves.
    let filter = EnvFilter::new(format!("warn,discordctl={ours}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(match file {
            Some(file) => BoxMakeWriter::new(Arc::new(file)),
            None => BoxMakeWriter::new(std::io::stderr),
        });
    let text = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let started = match text {
        true => {
            let colours = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            builder
                .with_ansi(colours && std::io::stderr().is_terminal())
                .try_init()
        }
        false => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
}
