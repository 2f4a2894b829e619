//! One instance is replaced. Whatever goes wrong, the end is an instance that serves.
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::error::{End, InstanceError};
use super::super::launch::{Launch, Newcomer, is_ready};
use super::super::stop::{self, Stopped};
use super::super::{Place, systemd};
use super::event::{Event, Fault, How, Outcome, Way, What};
use super::run::Tell;
use super::soak::Sends;
use super::{previous, soak};
use crate::process::{Known, Lock, Proof, look};

/// The exit code of a successor that politely says it cannot take over.
const TRY_AGAIN: i32 = 75;

/// What is to be done with one instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its configuration file.
    pub file: PathBuf,
    pub binary: PathBuf,
    /// Whether connections may be handed over, where the instance can.
    pub hand_over: bool,
    pub within: Duration,
    pub soak: Duration,
}

/// Replaces the instance; no other process does at the same time. Tells what happens, as it
/// happens.
pub async fn step(place: &Place, order: &Order, tell: &mut (dyn FnMut(Event) + Send)) -> Outcome {
    let lock = place
        .files
        .enter()
        .and_then(|()| Lock::take(&lock_file(place)));
    let outcome = match lock {
        Ok(Some(_held)) => Step { place, order, tell }.run().await,
        Ok(None) => Outcome::refused(None, "another process is replacing it"),
        Err(error) => Outcome::refused(None, format!("{}: {error}", lock_file(place).display())),
    };
    let finished = outcome.clone();
    tell(What::Finished { outcome: finished }.to(place.name()));
    outcome
}

/// Held while an instance is being replaced.
pub(super) fn lock_file(place: &Place) -> PathBuf {
    place.files.identity.with_extension("step")
}

struct Step<'a> {
    place: &'a Place,
    order: &'a Order,
    tell: Tell<'a>,
}

impl Step<'_> {
    async fn run(mut self) -> Outcome {
        let known = match look(&self.place.files).await {
            Ok(known) => known,
            Err(error) => return Outcome::refused(None, error.to_string()),
        };
        if let Some((identity, unit)) = known.in_unit() {
            return self.by_systemd(identity.pid, unit).await;
        }
        let proof = match known {
            Known::Running(proof) => proof,
            Known::Stopped | Known::Dead { .. } => return self.start_anew().await,
            Known::Starting => return Outcome::refused(None, InstanceError::TooEarly.to_string()),
            Known::Foreign { identity, why } => {
                return Outcome::refused(Some(identity.pid), why.to_string());
            }
        };
        let pid = proof.identity.pid;
        let old = match previous::keep(self.place, &proof.identity) {
            Ok(old) => old,
            Err(error) => {
                return Outcome::refused(Some(pid), format!("cannot keep the old binary: {error}"));
            }
        };
        let usual = soak::sends(self.place).await.unwrap_or_default();
        if self.order.hand_over
            && proof.identity.hand_over.is_some()
            && let Some(outcome) = self.take_over(&proof, &old, usual).await
        {
            return outcome;
        }
        self.stop_and_start(&proof, &old, usual).await
    }

    /// Nothing runs that could be put back.
    async fn start_anew(&mut self) -> Outcome {
        self.began(None, Way::StopStart);
        let up = self.bring_up(false, Sends::default()).await;
        match up {
            Ok(pid) => Outcome::Replaced { pid },
            Err(fault) => {
                self.failed(&fault);
                Outcome::Lost(fault)
            }
        }
    }

    /// `None` if the successor said that it cannot.
    async fn take_over(&mut self, proof: &Proof, old: &Path, usual: Sends) -> Option<Outcome> {
        let pid = proof.identity.pid;
        self.began(Some(pid), Way::TakeOver);
        let fault = match self.bring_up(true, usual).await {
            Ok(new) => {
                // It has nothing to do but to tell the clients that it could not hand over.
                let within = self.place.stop_within();
                if !matches!(proof.ended(within).await, Ok(true)) {
                    let _ = proof.signal(rustix::process::Signal::KILL);
                }
                return Some(Outcome::Replaced { pid: new });
            }
            Err(fault) => fault,
        };
        // The predecessor serves until the successor says that it does.
        if is_ready(self.place, pid).await.is_err() {
            self.failed(&fault);
            let _ = stop::end(self.place, proof, true).await;
            return Some(self.restore(old, fault).await);
        }
        if fault.how == How::Declined {
            self.say(What::NotTakenOver { why: fault.why });
            return None;
        }
        self.failed(&fault);
        let pid = Some(pid);
        Some(Outcome::Kept { pid, fault })
    }

    async fn stop_and_start(&mut self, proof: &Proof, old: &Path, usual: Sends) -> Outcome {
        let pid = proof.identity.pid;
        self.began(Some(pid), Way::StopStart);
        self.say(What::Draining { pid });
        // Beyond its own deadline it serves no client any more, and its place is needed.
        let forced = match stop::end(self.place, proof, true).await {
            Ok(Stopped::Ended { forced, .. }) => forced,
            Ok(_) => false,
            Err(error) => {
                return Outcome::refused(Some(pid), format!("it does not stop: {error}"));
            }
        };
        self.say(What::Stopped { pid, forced });
        match self.bring_up(false, usual).await {
            Ok(pid) => Outcome::Replaced { pid },
            Err(fault) => {
                self.failed(&fault);
                self.restore(old, fault).await
            }
        }
    }

    async fn by_systemd(&mut self, pid: u32, unit: &str) -> Outcome {
        self.began(Some(pid), Way::Systemd);
        let usual = soak::sends(self.place).await.unwrap_or_default();
        let within = self.place.stop_within() + self.order.within;
        let start = Instant::now();
        let restarted = async {
            systemd::systemctl_its_own("restart", unit, pid, within).await?;
            systemd::running(self.place, Some(pid), self.order.within).await
        };
        let stays = match restarted.await {
            Ok(new) => self.stays_well(new, start, usual).await.map(|()| new),
            Err(error) => Err(error.into()),
        };
        let fault = match stays {
            Ok(pid) => return Outcome::Replaced { pid },
            Err(fault) => fault,
        };
        self.failed(&fault);
        // What the unit runs is not ours to put back.
        match is_ready(self.place, pid).await {
            Ok(()) => Outcome::Kept {
                pid: Some(pid),
                fault,
            },
            Err(_) => Outcome::Lost(fault),
        }
    }

    /// A process of the new binary that is ready and stays so; one that does not is ended.
    async fn bring_up(&mut self, take_over: bool, usual: Sends) -> Result<u32, Fault> {
        let start = Instant::now();
        let launch = Launch {
            take_over,
            ..Launch::of(self.order.binary.clone(), self.order.within)
        };
        let mut newcomer = Newcomer::spawn(self.place, &launch)?;
        let pid = newcomer.pid();
        self.say(What::Started { pid });
        let fault = match newcomer.ready(self.place, &launch).await {
            Ok(()) => match self.stays_well(pid, start, usual).await {
                Ok(()) => return Ok(pid),
                Err(fault) => fault,
            },
            Err(error @ InstanceError::Ended { how, .. })
                if take_over && how == End::Exit(TRY_AGAIN) =>
            {
                Fault::new(How::Declined, error.to_string())
            }
            Err(error) => error.into(),
        };
        if let Err(error) = newcomer.end().await {
            tracing::warn!(%error, pid, "cannot end the new process");
        }
        Err(fault)
    }

    /// Says that process `pid` is ready, and watches it for a while.
    async fn stays_well(&mut self, pid: u32, since: Instant, usual: Sends) -> Result<(), Fault> {
        self.say(What::Ready {
            pid,
            took_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        soak::watch(self.place, pid, self.order.soak).await?;
        let sends = soak::sends(self.place).await.unwrap_or_default();
        match sends.worse_than(usual) {
            Some(why) => Err(Fault::new(How::Worse, why)),
            None => Ok(()),
        }
    }

    async fn restore(&mut self, old: &Path, fault: Fault) -> Outcome {
        let binary = old.to_owned();
        self.say(What::Restoring { binary });
        // What was there before need not prove itself again; it has as long as its settings say.
        let within = self.order.within.max(self.place.start_within());
        let launch = Launch::of(old.to_owned(), within);
        let restored = async {
            let mut newcomer = Newcomer::spawn(self.place, &launch)?;
            newcomer.ready(self.place, &launch).await?;
            Ok::<_, InstanceError>(newcomer.pid())
        };
        match restored.await {
            Ok(pid) => Outcome::Restored { pid, fault },
            Err(error) => {
                let Fault { how, why } = fault;
                let why = format!("{why}\nand the old binary does not start again: {error}");
                Outcome::Lost(Fault { how, why })
            }
        }
    }

    fn say(&mut self, what: What) {
        (self.tell)(what.to(self.place.name()));
    }

    fn began(&mut self, pid: Option<u32>, way: Way) {
        self.say(What::Began { pid, way });
    }

    fn failed(&mut self, fault: &Fault) {
        self.say(What::Failed(fault.clone()));
    }
}

impl From<InstanceError> for Fault {
    fn from(error: InstanceError) -> Self {
        let how = match &error {
            InstanceError::Ended { .. } => How::Dead,
            InstanceError::Slow { .. } => How::Slow,
            _ => How::Refused,
        };
        Self::new(how, error.to_string())
    }
}
