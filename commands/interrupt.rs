//! Ctrl-C and SIGTERM for commands that take long: the first ends between two steps, the second
//! at once.
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::Context;
use discordctl::config::redact;
use discordctl::server::{Signals, signalled};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Listens from when it is made.
pub(crate) struct Interrupt {
    pub(crate) stop: CancellationToken,
    signal: Arc<AtomicI32>,
}

impl Interrupt {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let (stop, signal) = (CancellationToken::new(), Arc::new(AtomicI32::new(0)));
        let (told, number) = (stop.clone(), signal.clone());
        tokio::spawn(async move {
            loop {
                let signal = signals.next().await;
                if told.is_cancelled() {
                    std::process::exit(i32::from(exit_of(signal) as u8));
                }
                number.store(signal, Ordering::Relaxed);
                told.cancel();
                crate::output::tell("stopping at the next safe point; once more ends at once");
            }
        });
        Ok(Self { stop, signal })
    }

    /// If it was stopped: says how to go on, and the exit for that signal.
    pub(crate) fn ended(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => {
                let again = this_command();
                crate::output::tell(&format!("what is done is safe; to go on:\n  {again}"));
                Some(exit_of(signal))
            }
        }
    }
}

/// Runs `work`, which is done whole or not at all: a signal drops it where it is.
pub(crate) async fn unless_signalled<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    tokio::select! {
        done = work => Ok(done),
        signal = signalled() => Err(exit_of(signal.unwrap_or(15))),
    }
}

fn exit_of(signal: i32) -> Exit {
    match signal {
        2 => Exit::Interrupted,
        _ => Exit::Terminated,
    }
}

/// What was typed, as it can be typed again.
fn this_command() -> String {
    let word = |arg: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
        if !arg.is_empty() && arg.chars().all(plain) {
            redact(&arg)
        } else {
            format!("'{}'", redact(&arg).replace('\'', r"'\''"))
        }
    };
    let args = std::env::args_os().skip(1);
    let words: Vec<_> = args.map(|arg| word(arg.to_string_lossy().into())).collect();
    format!("discordctl {}", words.join(" "))
}
