//! A process in the background, from its first moment until it is ready.
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::error::{End, InstanceError};
use super::{ANSWER_WITHIN, Place};
use crate::ops::probe;
use crate::process::{Handle, Identity, State, append_to};

/// Between two looks at one that starts.
const BETWEEN: Duration = Duration::from_millis(20);
/// Of a log, what is shown: so many lines, of so many bytes.
const LINES: usize = 20;
const BYTES: u64 = 16 * 1024;
/// What is asked to end has this long before it is made to.
const POLITE: Duration = Duration::from_secs(5);

/// How to start an instance.
#[derive(Debug, Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// In the place of the process that serves it now.
    pub take_over: bool,
    /// How long it may take to become ready.
    pub within: Duration,
    /// Is told, once, what an instance of that name waits for.
    pub told: fn(&str, &str),
}

impl Launch {
    /// Of `binary`, which tells nothing.
    pub fn of(binary: PathBuf, within: Duration) -> Self {
        Self {
            binary,
            take_over: false,
            within,
            told: |_, _| {},
        }
    }
}

/// A process that we started.
#[derive(Debug)]
pub(super) struct Newcomer {
    child: Child,
    log: PathBuf,
    /// How long the log was before.
    log_from: u64,
}

impl Newcomer {
    pub(super) fn spawn(place: &Place, launch: &Launch) -> Result<Self, InstanceError> {
        let log = place.files.log.clone();
        let opened = append_to(&log).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (log_from, file) = opened.map_err(|source| InstanceError::Io {
            what: format!("cannot write the log {}", log.display()),
            source,
        })?;
        let mut command = Command::new(&launch.binary);
        command.arg("serve").arg("--background");
        if launch.take_over {
            command.arg("--take-over");
        }
        command.arg("--config").arg(place.file()?);
        // What a supervisor of ours wants to hear is not for it to say.
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(file).spawn();
        let child = child.map_err(|source| InstanceError::Io {
            what: format!("cannot run {}", launch.binary.display()),
            source,
        })?;
        Ok(Self {
            child,
            log,
            log_from,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> io::Result<Option<End>> {
        Ok(self.child.try_wait()?.map(End::from))
    }

    /// Waits until that very process is ready; if it is not, it is left as it is.
    pub(super) async fn ready(
        &mut self,
        place: &Place,
        launch: &Launch,
    ) -> Result<(), InstanceError> {
        let (start, pid, within) = (Instant::now(), self.pid(), launch.within);
        let mut told = false;
        loop {
            if let Some(how) = self.ended().map_err(|source| self.unseen(source))? {
                return Err(InstanceError::Ended {
                    how,
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            let Err(why) = is_ready(place, pid).await else {
                return Ok(());
            };
            if !told && let Some(waits) = waits(place, pid) {
                (launch.told)(place.name(), &waits);
                told = true;
            }
            if start.elapsed() >= within {
                return Err(InstanceError::Slow {
                    pid,
                    after: start.elapsed(),
                    why,
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Ends it, politely at first. It is ours: its pid is no other's until it is waited for.
    pub(super) async fn end(mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        if let Some(handle) = Handle::open(self.pid())? {
            handle.signal(Signal::TERM)?;
            if !handle.ended(POLITE).await? {
                handle.signal(Signal::KILL)?;
                handle.ended(POLITE).await?;
            }
        }
        self.child.wait().map(drop)
    }

    fn unseen(&self, source: io::Error) -> InstanceError {
        InstanceError::Io {
            what: format!("cannot watch pid {}", self.pid()),
            source,
        }
    }

    fn tail(&self) -> String {
        tail(&self.log, self.log_from).unwrap_or_default()
    }
}

/// What process `pid` says that it waits for.
fn waits(place: &Place, pid: u32) -> Option<String> {
    let found = Identity::read(&place.files.identity).ok()??;
    found.waits.filter(|_| found.pid == pid)
}

/// Whether process `pid` says of itself that it is ready, in its file and when it is asked.
pub(super) async fn is_ready(place: &Place, pid: u32) -> Result<(), String> {
    match Identity::read(&place.files.identity) {
        Ok(Some(found)) if found.pid == pid && found.state == State::Ready => {
            probe::instance::is_ready(place.http(&found), pid, ANSWER_WITHIN).await
        }
        Ok(Some(found)) if found.pid == pid => Err(match found.state {
            State::Draining => "it is draining".to_owned(),
            _ => match found.waits {
                Some(waits) => format!("it waits {waits}"),
                None => "it is starting".to_owned(),
            },
        }),
        Ok(_) => Err("it has not taken its lock yet".to_owned()),
        Err(error) => Err(format!("{}: {error}", place.files.identity.display())),
    }
}

/// The end of what was written to a log after its first `from` bytes.
fn tail(log: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    // Shorter than it was: it was begun anew meanwhile.
    let from = if from > length { 0 } else { from };
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(BYTES))))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
}
