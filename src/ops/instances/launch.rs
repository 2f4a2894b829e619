//! A process in the background, from its first moment until it is ready.
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::error::{End, InstanceError, Said};
use super::{ANSWER_WITHIN, Place};
use crate::ops::probe;
use crate::process::{Handle, Identity, State, append_to, last_lines, tail};

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
        let unwritten = format!("cannot write the log {}", log.display());
        let (log_from, file) = opened.map_err(InstanceError::io(unwritten))?;
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
        let unrun = format!("cannot run {}", launch.binary.display());
        Ok(Self {
            child: child.map_err(InstanceError::io(unrun))?,
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
            let unseen = InstanceError::io(format!("cannot watch pid {pid}"));
            if let Some(how) = self.ended().map_err(unseen)? {
                let said = self.said();
                return Err(InstanceError::Ended { how, said });
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
                    said: self.said(),
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

    fn said(&self) -> Said {
        let text = tail(&self.log, self.log_from, BYTES).unwrap_or_default();
        Said {
            log: self.log.clone(),
            tail: last_lines(&text, LINES),
        }
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
