//! Structured logs on stderr: text for a person at a terminal, JSON for everything else.
//! Fields carry session, room and request ids, never what was said or by which person.
use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};

use crate::config::{Log, LogFormat, LogLevel};
use crate::process::LogFile;

/// The level, and the means to change it while the process runs.
struct Dial {
    handle: Handle<Targets, Registry>,
    levels: Mutex<Levels>,
}

struct Levels {
    now: LogLevel,
    /// What holds when nothing else was asked for.
    usual: LogLevel,
    /// Counts the changes, so that only the last one is taken back.
    changes: u64,
}

static DIAL: OnceLock<Dial> = OnceLock::new();
/// The file that the log goes to, if it is one that this process opened.
static FILE: OnceLock<Arc<LogFile>> = OnceLock::new();

/// Starts logging for the whole process; later calls change nothing.
pub fn init(config: &Log, file: Option<LogFile>) {
    let writer = match file {
        Some(file) => BoxMakeWriter::new(FILE.get_or_init(|| Arc::new(file)).clone()),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let (filter, handle) = reload::Layer::new(filter(config.level));
    let text = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    // To complain of a log that cannot be written is to write to the same place, and to panic.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines = if text {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let colours = colours && std::io::stderr().is_terminal();
        lines.with_ansi(colours).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    };
    let started = tracing_subscriber::registry().with(filter).with(lines);
    if started.try_init().is_err() {
        return tracing::debug!("logging was started already");
    }
    let levels = Levels {
        now: config.level,
        usual: config.level,
        changes: 0,
    };
    let _ = DIAL.set(Dial {
        handle,
        levels: Mutex::new(levels),
    });
}

/// Opens the log's file anew, at its path. Where the log is no file of ours, nothing is to do.
pub fn reopen() {
    if let Some(file) = FILE.get()
        && let Err(error) = file.reopen()
    {
        tracing::warn!(%error, "cannot open the log anew; it goes on where it was");
    }
}

/// Opens it anew if its path leads elsewhere by now: it was moved away or deleted.
pub fn follow() {
    if let Some(file) = FILE.get() {
        // Where it cannot be opened it is tried again the next time, and what is written until
        // then is where it was.
        let _ = file.follow();
    }
}

/// What a configuration that was read again says: the level, and when its file is turned over.
pub(super) fn follow_config(config: &Log) {
    set(config.level, None);
    if let Some(file) = FILE.get() {
        file.rotate_at(config.rotate_size.bytes(), config.rotate_keep);
    }
}

/// Libraries are heard from warnings on: what they say below that is about themselves.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("discordctl", own)
}

/// What was, and what it goes back to.
pub(super) struct Set {
    pub(super) was: LogLevel,
    pub(super) usual: LogLevel,
}

/// Logs at `level`, for `hold` or until the process ends; `None` where it cannot be changed.
pub(super) fn set(level: LogLevel, hold: Option<Duration>) -> Option<Set> {
    let dial = DIAL.get()?;
    let mut levels = dial.levels.lock();
    if dial.handle.reload(filter(level)).is_err() {
        return None;
    }
    let was = std::mem::replace(&mut levels.now, level);
    levels.changes += 1;
    match hold {
        None => levels.usual = level,
        Some(hold) => {
            let change = levels.changes;
            tokio::spawn(async move {
                tokio::time::sleep(hold).await;
                dial.take_back(change);
            });
        }
    }
    Some(Set {
        was,
        usual: levels.usual,
    })
}

impl Dial {
    /// Goes back to the usual level, unless another was set meanwhile.
    fn take_back(&self, change: u64) {
        let mut levels = self.levels.lock();
        let usual = filter(levels.usual);
        if levels.changes == change && self.handle.reload(usual).is_ok() {
            levels.now = levels.usual;
        }
    }
}
