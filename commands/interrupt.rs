//! Ctrl-C and SIGTERM for commands that take long: the first ends between two steps, the second
//! at once, where that leaves nothing half done.
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

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    Ends,
    ChangesNothing,
}

impl Interrupt {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let words = "stopping at the next safe point; once more ends at once";
        Self::saying(words, Second::Ends)
    }

    /// Tells a signal in these words.
    pub(crate) fn saying(words: &'static str, second: Second) -> anyhow::Result<Self> {
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let (stop, signal) = (CancellationToken::new(), Arc::new(AtomicI32::new(0)));
        let (told, number) = (stop.clone(), signal.clone());
        tokio::spawn(async move {
            loop {
                let signal = signals.next().await;
                if !told.is_cancelled() {
                    number.store(signal, Ordering::Relaxed);
                    told.cancel();
                } else if second == Second::Ends {
                    std::process::exit(i32::from(Exit::of_signal(signal) as u8));
                }
                crate::output::tell(words);
            }
        });
        Ok(Self { stop, signal })
    }

    /// If it was stopped: the exit for that signal.
    pub(crate) fn exit(&self) -> Option<Exit> {
        let signal = self.signal.load(Ordering::Relaxed);
        (signal != 0).then(|| Exit::of_signal(signal))
    }

    /// The same, and says how to go on.
    pub(crate) fn ended(&self) -> Option<Exit> {
        let exit = self.exit()?;
        let again = this_command();
        crate::output::tell(&format!("what is done is safe; to go on:\n  {again}"));
        Some(exit)
    }
}

/// Runs `work`, which is done whole or not at all: a signal drops it where it is.
pub(crate) async fn unless_signalled<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    tokio::select! {
        done = work => Ok(done),
        signal = signalled() => Err(Exit::of_signal(signal.unwrap_or(15))),
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
