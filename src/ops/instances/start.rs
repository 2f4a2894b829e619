//! Starting an instance in the background, unless it runs.
use std::time::Duration;

use tokio::time::Instant;

use super::error::{InstanceError, Said};
use super::launch::{Launch, Newcomer, is_ready};
use super::place::Place;
use super::systemd;
use crate::process::{Known, Proof, State, look};

const BETWEEN: Duration = Duration::from_millis(20);

/// A process that serves, and what was done for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    pub pid: u32,
    pub start: Start,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Nothing: it ran.
    Already,
    Now(Duration),
    ByUnit(String),
}

impl Started {
    fn already(pid: u32) -> Self {
        let start = Start::Already;
        Self { pid, start }
    }
}

/// Starts it and waits until the process that was started is ready. If it does not become so in
/// time it is left alone: it may be slow for a good reason.
pub async fn start(place: &Place, launch: &Launch) -> Result<Started, InstanceError> {
    let known = settled(place, launch.within).await?;
    if let Some((identity, unit)) = known.in_unit() {
        let (pid, unit) = (identity.pid, unit.to_owned());
        if identity.state != State::Draining {
            return Ok(Started::already(pid));
        }
        return by_unit(place, unit, launch.within).await;
    }
    let unit = match known {
        Known::Running(proof) if proof.identity.state != State::Draining => {
            return already(place, &proof, launch.within).await;
        }
        Known::Running(proof) => {
            gone(place, &proof).await?;
            None
        }
        Known::Foreign { identity, why } => {
            let pid = identity.pid;
            return Err(InstanceError::Foreign { pid, why });
        }
        Known::Dead { identity, .. } => identity.unit,
        Known::Starting => return Err(InstanceError::TooEarly),
        Known::Stopped => None,
    };
    let unit = match unit {
        Some(unit) => Some(unit),
        None => systemd::enabled_unit(place).await,
    };
    match unit {
        Some(unit) => by_unit(place, unit, launch.within).await,
        None => in_background(place, launch).await,
    }
}

/// How it is, when its record is there.
async fn settled(place: &Place, within: Duration) -> Result<Known, InstanceError> {
    let start = Instant::now();
    loop {
        let known = look(&place.files).await?;
        if !matches!(known, Known::Starting) || start.elapsed() >= within {
            return Ok(known);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn already(place: &Place, proof: &Proof, within: Duration) -> Result<Started, InstanceError> {
    let (start, pid) = (Instant::now(), proof.identity.pid);
    // One that is up and cannot reach its database runs; one that is still starting is waited for.
    if proof.identity.state != State::Starting {
        return Ok(Started::already(pid));
    }
    loop {
        let Err(why) = is_ready(place, pid).await else {
            return Ok(Started::already(pid));
        };
        let ended = proof.ended(BETWEEN).await.map_err(unseen(pid))?;
        if ended || start.elapsed() >= within {
            return Err(InstanceError::Slow {
                pid,
                after: start.elapsed(),
                why: if ended { "it has ended".into() } else { why },
                said: Said {
                    log: place.files.log.clone(),
                    tail: String::new(),
                },
            });
        }
    }
}

async fn gone(place: &Place, proof: &Proof) -> Result<(), InstanceError> {
    let (pid, after) = (proof.identity.pid, place.stop_within());
    if proof.ended(after).await.map_err(unseen(pid))? {
        Ok(())
    } else {
        Err(InstanceError::StillThere { pid, after })
    }
}

fn unseen(pid: u32) -> impl Fn(std::io::Error) -> InstanceError {
    InstanceError::io(format!("cannot watch pid {pid}"))
}

async fn in_background(place: &Place, launch: &Launch) -> Result<Started, InstanceError> {
    let start = Instant::now();
    let mut newcomer = Newcomer::spawn(place, launch)?;
    newcomer.ready(place, launch).await?;
    Ok(Started {
        pid: newcomer.pid(),
        start: Start::Now(start.elapsed()),
    })
}

async fn by_unit(place: &Place, unit: String, within: Duration) -> Result<Started, InstanceError> {
    systemd::systemctl("start", &unit, within).await?;
    let pid = systemd::running(place, None, within).await?;
    let start = Start::ByUnit(unit);
    Ok(Started { pid, start })
}
