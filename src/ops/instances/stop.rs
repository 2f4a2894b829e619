//! Stopping an instance: a signal to what is proved to be it, and to nothing else.
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::error::InstanceError;
use super::place::Place;
use super::systemd;
use crate::process::{Known, Owner, Proof, forget, look, owner};

/// What is killed is gone by then.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// What was done, or why nothing had to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It did not run; another process on its ports is named and left alone.
    NotRunning {
        held: Vec<(u16, Owner)>,
    },
    /// It had died; what it left was cleared away.
    Cleared {
        pid: u32,
    },
    Ended {
        pid: u32,
        took: Duration,
        forced: bool,
    },
    ByUnit {
        unit: String,
    },
}

/// Stops it and waits for its end. `force` kills what is still there after the time that its
/// settings give it, if it still proves to be the instance.
pub async fn stop(place: &Place, force: bool) -> Result<Stopped, InstanceError> {
    let known = look(&place.files).await?;
    if let Some((identity, unit)) = known.in_unit() {
        let within = place.stop_within();
        systemd::systemctl_its_own("stop", unit, identity.pid, within).await?;
        let unit = unit.to_owned();
        return Ok(Stopped::ByUnit { unit });
    }
    match known {
        Known::Stopped => Ok(Stopped::NotRunning { held: held(place) }),
        Known::Dead { identity, .. } => {
            clear(place)?;
            Ok(Stopped::Cleared { pid: identity.pid })
        }
        Known::Foreign { identity, why } => Err(InstanceError::Foreign {
            pid: identity.pid,
            why,
        }),
        Known::Starting => Err(InstanceError::TooEarly),
        Known::Running(proof) => end(place, &proof, force).await,
    }
}

/// Drains it and waits for its end.
pub(super) async fn end(
    place: &Place,
    proof: &Proof,
    force: bool,
) -> Result<Stopped, InstanceError> {
    let (start, pid, after) = (Instant::now(), proof.identity.pid, place.stop_within());
    let unseen = InstanceError::io(format!("cannot signal pid {pid}"));
    proof.signal(Signal::TERM).map_err(&unseen)?;
    let mut forced = false;
    if !proof.ended(after).await.map_err(&unseen)? {
        let still = look(&place.files).await?;
        match still {
            Known::Running(still) if force && still.identity.pid == pid => {
                still.signal(Signal::KILL).map_err(&unseen)?;
                forced = true;
            }
            _ => return Err(InstanceError::StillThere { pid, after }),
        }
        if !proof.ended(KILLED_WITHIN).await.map_err(&unseen)? {
            let after = start.elapsed();
            return Err(InstanceError::StillThere { pid, after });
        }
    }
    clear(place)?;
    Ok(Stopped::Ended {
        pid,
        took: start.elapsed(),
        forced,
    })
}

fn clear(place: &Place) -> Result<(), InstanceError> {
    let unremoved = format!("cannot remove {}", place.files.identity.display());
    forget(&place.files).map_err(InstanceError::io(unremoved))
}

/// The processes that listen on the ports of an instance that does not run.
pub(super) fn held(place: &Place) -> Vec<(u16, Owner)> {
    let listeners = place.config.listeners().into_iter();
    let known = listeners.map(|listener| listener.address.port());
    let known = known.filter(|port| *port != 0);
    known
        .filter_map(|port| Some((port, owner(port)?)))
        .collect()
}
