//! How a roll begins, goes on after it was interrupted, or is given up.
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::super::Place;
use super::event::{Event, Outcome, What};
use super::keeper::Keeper;
use super::preflight::{self, Refusal};
use super::previous;
use super::roller::Roller;
use super::state::{Member, Progress, State, StateFile};
use crate::clock::Clock;
use crate::model::format_time;
use crate::process::{Executable, Identity};

/// What to do, and how carefully.
#[derive(Debug, Clone)]
pub struct Plan {
    pub binary: PathBuf,
    /// Whether the operator named it, or it is only what runs this.
    pub binary_named: bool,
    /// Which of the folder's instances; empty for all.
    pub chosen: Vec<String>,
    /// Whether those that do not run are started.
    pub start_stopped: bool,
    pub hand_over: bool,
    pub allow_downtime: bool,
    /// How long a new process may take to become ready; without it, as its settings say.
    pub within: Option<Duration>,
    pub soak: Duration,
    /// How long the first is watched beside the others, if it is to be.
    pub canary: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum RollError {
    #[error("another roll is in progress ({0} is locked)")]
    Busy(PathBuf),
    #[error("a roll was left unfinished ({0})")]
    Unfinished(PathBuf),
    #[error("no roll was left unfinished ({0} is not there)")]
    Nothing(PathBuf),
    #[error("{0} is not the file it was when the roll began")]
    OtherBinary(PathBuf),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Finished,
    Failed,
    Interrupted,
    /// The instances run what they ran before.
    Aborted,
}

/// What became of a roll.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub result: Verdict,
    /// Whether there is anything to go on with, or to take back.
    pub to_resume: bool,
    pub instances: Vec<Row>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub instance: String,
    pub state: Progress,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

pub(super) type Tell<'t> = &'t mut (dyn FnMut(Event) + Send);

/// Begins a roll over `places`, the instances of a folder, and goes through with it until it is
/// done, fails, or `stop` is asked for.
pub async fn roll(
    places: &[Place],
    plan: &Plan,
    keeper: &Keeper,
    clock: &dyn Clock,
    stop: &CancellationToken,
    tell: Tell<'_>,
) -> Result<Report, RollError> {
    let file = open(places)?;
    if file.read().map_err(at(file.path()))?.is_some() {
        return Err(RollError::Unfinished(file.path().to_owned()));
    }
    let chosen: Vec<Place> = places
        .iter()
        .filter(|place| plan.chosen.is_empty() || plan.chosen.iter().any(|c| c == place.name()))
        .cloned()
        .collect();
    let standing = preflight::standing(&chosen).await?;
    let binary = Executable::at(&plan.binary).map_err(at(&plan.binary))?;
    let mut members = Vec::new();
    let (mut rolled, mut all_hand_over) = (Vec::new(), plan.hand_over);
    for (place, identity) in chosen.iter().zip(standing) {
        let member = member(place, identity.as_ref(), plan)?;
        if member.progress == Progress::Skipped {
            let why = "it does not run".to_owned();
            tell(What::Skipped { why }.to(place.name()));
        } else {
            rolled.push(place);
            all_hand_over &= identity.is_some_and(|identity| identity.hand_over.is_some());
        }
        members.push(member);
    }
    preflight::binary_fits(&plan.binary, &rolled).await?;
    // Where connections are handed over, an instance always serves.
    if !plan.allow_downtime && !all_hand_over && !rolled.is_empty() {
        preflight::enough_healthy(places).await?;
    }
    tell(Event {
        what: What::Preflight {
            instances: rolled.len(),
            binary: plan.binary.clone(),
        },
        instance: None,
    });
    for place in &rolled {
        previous::discard(place);
    }
    let state = State {
        started_at: format_time(clock.utc()),
        binary,
        hand_over: plan.hand_over,
        allow_downtime: plan.allow_downtime || all_hand_over,
        within: plan.within,
        soak: plan.soak,
        canary: plan.canary,
        members,
    };
    let roller = Roller::new(places, file, state, keeper, tell);
    roller.go_on(stop).await
}

/// Goes on with a roll that was interrupted, killed, or failed.
pub async fn resume(
    places: &[Place],
    keeper: &Keeper,
    stop: &CancellationToken,
    tell: Tell<'_>,
) -> Result<Report, RollError> {
    let (file, state) = unfinished(places)?;
    let path = &state.binary.path;
    if !Executable::at(path).is_ok_and(|found| found == state.binary) {
        return Err(RollError::OtherBinary(path.clone()));
    }
    let roller = Roller::new(places, file, state, keeper, tell);
    roller.go_on(stop).await
}

/// Gives up a roll: what was replaced gets its old binary back.
pub async fn abort(places: &[Place], keeper: &Keeper, tell: Tell<'_>) -> Result<Report, RollError> {
    let (file, state) = unfinished(places)?;
    Roller::new(places, file, state, keeper, tell)
        .go_back()
        .await
}

fn member(place: &Place, identity: Option<&Identity>, plan: &Plan) -> Result<Member, RollError> {
    let instance = place.name().to_owned();
    let Some(identity) = identity else {
        return Ok(Member {
            instance,
            progress: if plan.start_stopped {
                Progress::Waiting
            } else {
                Progress::Skipped
            },
            pid: None,
            unit: None,
            ran: None,
            outcome: None,
        });
    };
    let ran = identity.facts.executable.clone();
    let other = plan.binary_named && ran.as_ref().is_some_and(|ran| ran.path != plan.binary);
    if let Some(unit) = identity.unit.clone().filter(|_| other) {
        return Err(Refusal::Unit { instance, unit }.into());
    }
    Ok(Member {
        instance,
        progress: Progress::Waiting,
        pid: Some(identity.pid),
        unit: identity.unit.clone(),
        ran,
        outcome: None,
    })
}

fn open(places: &[Place]) -> Result<StateFile, RollError> {
    // All of a folder's instances are on this machine: the first one's folder will do.
    let Some(first) = places.first() else {
        return Err(RollError::Nothing(PathBuf::new()));
    };
    let run = &first.files.run;
    first.files.enter().map_err(at(run))?;
    let opened = StateFile::open(run).map_err(at(run))?;
    opened.ok_or_else(|| RollError::Busy(run.join("roll.lock")))
}

fn unfinished(places: &[Place]) -> Result<(StateFile, State), RollError> {
    let file = open(places)?;
    match file.read().map_err(at(file.path()))? {
        Some(state) => Ok((file, state)),
        None => Err(RollError::Nothing(file.path().to_owned())),
    }
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> RollError {
    let path = path.to_owned();
    |source| RollError::Io { path, source }
}
