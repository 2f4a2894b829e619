//! One instance is replaced. Whatever goes wrong, the end is an instance that serves.
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::error::{End, InstanceError};
use super::super::launch::{Launch, Newcomer, is_ready};
use super::super::stop::{self, Stopped};
use super::super::{Place, systemd};
use super::event::{Event, How, Outcome, Way};
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

/// Tells what happens, as it happens.
type Tell<'t> = &'t mut (dyn FnMut(Event) + Send);

/// Replaces the instance; no other process does at the same time.
pub async fn step(place: &Place, order: &Order, tell: Tell<'_>) -> Outcome {
    let refused = |why: String| Outcome::Kept {
        pid: None,
        how: How::Refused,
        why,
    };
    let lock = place
        .files
        .enter()
        .and_then(|()| Lock::take(&lock_file(place)));
    let outcome = match lock {
        Ok(Some(_held)) => Step { place, order, tell }.run().await,
        Ok(None) => refused("somebody else is replacing it".into()),
        Err(error) => refused(format!("{}: {error}", lock_file(place).display())),
    };
    tell(Event::Finished {
        instance: place.name().to_owned(),
        outcome: outcome.clone(),
    });
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

/// A new process that did not do: what was wrong, and how it ended if it did by itself.
struct Fault {
    how: How,
    why: String,
    end: Option<End>,
}

impl Step<'_> {
    async fn run(mut self) -> Outcome {
        let kept = |pid, why: String| Outcome::Kept {
            pid,
            how: How::Refused,
            why,
        };
        let known = look(&self.place.files).await;
        if let Ok(known) = &known
            && let Some((identity, unit)) = known.in_unit()
        {
            let (pid, unit) = (identity.pid, unit.to_owned());
            return self.by_systemd(pid, &unit).await;
        }
        let proof = match known {
            Ok(Known::Running(proof)) => proof,
            Ok(Known::Stopped | Known::Dead { .. }) => return self.start_anew().await,
            Ok(Known::Starting) => return kept(None, InstanceError::TooEarly.to_string()),
            Ok(Known::Foreign { identity, why }) => {
                let pid = identity.pid;
                let foreign = InstanceError::Foreign { pid, why };
                return kept(Some(pid), foreign.to_string());
            }
            Err(error) => return kept(None, error.to_string()),
        };
        let pid = proof.identity.pid;
        let old = match previous::keep(self.place, &proof.identity) {
            Ok(old) => old,
            Err(error) => return kept(Some(pid), format!("cannot keep the old binary: {error}")),
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
        match self
            .bring_up(&self.order.binary, false, Sends::default())
            .await
        {
            Ok(pid) => Outcome::Replaced { pid },
            Err(fault) => {
                self.failed(&fault);
                let Fault { how, why, .. } = fault;
                Outcome::Lost { how, why }
            }
        }
    }

    /// `None` if the successor said that it cannot.
    async fn take_over(&mut self, proof: &Proof, old: &Path, usual: Sends) -> Option<Outcome> {
        let pid = proof.identity.pid;
        self.began(Some(pid), Way::TakeOver);
        let fault = match self.bring_up(&self.order.binary, true, usual).await {
            Ok(new) => {
                // It has nothing to do but to tell those whom it could not hand over.
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
        if fault.end == Some(End::Exit(TRY_AGAIN)) {
            self.say(|instance| Event::NotTakenOver {
                instance,
                why: fault.why,
            });
            return None;
        }
        self.failed(&fault);
        let Fault { how, why, .. } = fault;
        let pid = Some(pid);
        Some(Outcome::Kept { pid, how, why })
    }

    async fn stop_and_start(&mut self, proof: &Proof, old: &Path, usual: Sends) -> Outcome {
        let pid = proof.identity.pid;
        self.began(Some(pid), Way::StopStart);
        self.say(|instance| Event::Draining { instance, pid });
        // Beyond its own deadline it serves no client any more, and its place is needed.
        let forced = match stop::end(self.place, proof, true).await {
            Ok(Stopped::Ended { forced, .. }) => forced,
            Ok(_) => false,
            Err(error) => {
                return Outcome::Kept {
                    pid: Some(pid),
                    how: How::Refused,
                    why: format!("it does not stop: {error}"),
                };
            }
        };
        self.say(|instance| Event::Stopped {
            instance,
            pid,
            forced,
        });
        match self.bring_up(&self.order.binary, false, usual).await {
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
        let fault = match restarted.await {
            Ok(new) => {
                self.ready(new, start);
                match self.soak(new, usual).await {
                    Ok(()) => return Outcome::Replaced { pid: new },
                    Err((how, why)) => Fault {
                        how,
                        why,
                        end: None,
                    },
                }
            }
            Err(error) => Fault::from(error),
        };
        self.failed(&fault);
        let Fault { how, why, .. } = fault;
        // What the unit runs is not ours to put back.
        match is_ready(self.place, pid).await {
            Ok(()) => Outcome::Kept {
                pid: Some(pid),
                how,
                why,
            },
            Err(_) => Outcome::Lost { how, why },
        }
    }

    /// A process of that binary that is ready and stays so; one that does not is ended.
    async fn bring_up(
        &mut self,
        binary: &Path,
        take_over: bool,
        usual: Sends,
    ) -> Result<u32, Fault> {
        let start = Instant::now();
        let launch = Launch {
            take_over,
            ..Launch::of(binary.to_owned(), self.order.within)
        };
        let mut newcomer = Newcomer::spawn(self.place, &launch).map_err(Fault::from)?;
        let pid = newcomer.pid();
        self.say(|instance| Event::Started { instance, pid });
        let fault = match newcomer.ready(self.place, &launch).await {
            Ok(()) => {
                self.ready(pid, start);
                match self.soak(pid, usual).await {
                    Ok(()) => return Ok(pid),
                    Err((how, why)) => Fault {
                        how,
                        why,
                        end: None,
                    },
                }
            }
            Err(error) => Fault::from(error),
        };
        if let Err(error) = newcomer.end().await {
            tracing::warn!(%error, pid, "cannot end the new process");
        }
        Err(fault)
    }

    async fn soak(&self, pid: u32, usual: Sends) -> Result<(), (How, String)> {
        soak::watch(self.place, pid, self.order.soak).await?;
        let sends = soak::sends(self.place).await.unwrap_or_default();
        match sends.worse_than(usual) {
            Some(why) => Err((How::Worse, why)),
            None => Ok(()),
        }
    }

    async fn restore(&mut self, old: &Path, fault: Fault) -> Outcome {
        self.say(|instance| Event::Restoring {
            instance,
            binary: old.to_owned(),
        });
        // What was there before need not prove itself again; it has as long as its settings say.
        let within = self.order.within.max(self.place.start_within());
        let launch = Launch::of(old.to_owned(), within);
        let Fault { how, why, .. } = fault;
        let restored = async {
            let mut newcomer = Newcomer::spawn(self.place, &launch)?;
            newcomer.ready(self.place, &launch).await?;
            Ok::<_, InstanceError>(newcomer.pid())
        };
        match restored.await {
            Ok(pid) => Outcome::Restored { pid, how, why },
            Err(error) => Outcome::Lost {
                how,
                why: format!("{why}\nand the old binary does not start again: {error}"),
            },
        }
    }

    fn say(&mut self, event: impl FnOnce(String) -> Event) {
        let event = event(self.place.name().to_owned());
        (self.tell)(event);
    }

    fn began(&mut self, pid: Option<u32>, way: Way) {
        self.say(|instance| Event::Began { instance, pid, way });
    }

    fn ready(&mut self, pid: u32, since: Instant) {
        self.say(|instance| Event::Ready {
            instance,
            pid,
            took_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }

    fn failed(&mut self, fault: &Fault) {
        self.say(|instance| Event::Failed {
            instance,
            how: fault.how,
            why: fault.why.clone(),
        });
    }
}

impl From<InstanceError> for Fault {
    fn from(error: InstanceError) -> Self {
        let (how, end) = match &error {
            InstanceError::Ended { how, .. } => (How::Dead, Some(*how)),
            InstanceError::Slow { .. } => (How::Slow, None),
            _ => (How::Refused, None),
        };
        let why = error.to_string();
        Self { how, why, end }
    }
}
