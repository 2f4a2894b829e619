//! The jobs: what they are, when they run, how the last run went, and running one now.
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::lease::{Lease, LeaseError};
use crate::config::{Config, Schedule};
use crate::store::StoreError;
use crate::store::upkeep::{Run, RunId, Upkeep};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    Archive,
    Backup,
    Cleanup,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no job '{0}'; there are archive, cleanup and backup")]
pub struct NoSuchJob(String);

impl Job {
    pub const ALL: [Self; 3] = [Self::Archive, Self::Cleanup, Self::Backup];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Backup => "backup",
            Self::Cleanup => "cleanup",
        }
    }

    fn schedule(self, config: &Config) -> &Schedule {
        match self {
            Self::Archive => &config.archive.schedule,
            Self::Backup => &config.backup.schedule,
            Self::Cleanup => &config.retention.schedule,
        }
    }
}

impl FromStr for Job {
    type Err = NoSuchJob;

    fn from_str(name: &str) -> Result<Self, NoSuchJob> {
        let job = Self::ALL.into_iter().find(|job| job.as_str() == name);
        job.ok_or_else(|| NoSuchJob(name.to_owned()))
    }
}

/// How a job stands.
#[derive(Debug, Clone)]
pub struct JobState {
    pub job: Job,
    pub schedule: Schedule,
    pub next: Option<DateTime<Utc>>,
    pub last: Option<Run>,
    /// The last run is dated later than now: the clock went back since.
    pub went_back: bool,
}

/// Every job, with the database's idea of the time.
pub async fn list(config: &Config, upkeep: &Upkeep) -> Result<Vec<JobState>, StoreError> {
    upkeep.tidy_runs().await?;
    let (now, last) = (upkeep.now().await?, upkeep.last_runs().await?);
    let state = |job: Job| {
        let schedule = job.schedule(config).clone();
        let last = last.iter().find(|run| run.job == job.as_str()).cloned();
        JobState {
            job,
            next: schedule.after(now),
            schedule,
            went_back: last.as_ref().is_some_and(|run| run.started_at > now),
            last,
        }
    };
    Ok(Job::ALL.map(state).into())
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    pub result: RunResult,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    Ok,
    Failed,
    /// Another process was at it.
    Skipped,
    Interrupted,
}

impl RunResult {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }

    /// A run that ended so, and what is to be said of it.
    pub fn with(self, detail: impl ToString) -> Ended {
        Ended {
            result: self,
            detail: detail.to_string(),
        }
    }
}

/// Runs `job` now, unless it is under way: `run` is the one that a scheduler entered, and
/// without it one is entered for `instance`. Nothing else of this job runs meanwhile.
pub async fn run<F>(
    upkeep: &Arc<Upkeep>,
    job: Job,
    run: Option<RunId>,
    instance: &str,
    work: impl FnOnce() -> F,
) -> Result<Ended, StoreError>
where
    F: Future<Output = Ended>,
{
    let name = job.as_str();
    let run = match run {
        Some(run) => run,
        None => upkeep.begin_run(name, instance).await?,
    };
    let lease = Lease::take(upkeep, &format!("job:{name}"), "discordctl jobs run").await;
    let (ended, lease) = match lease {
        Ok(lease) => (alone(&lease, work()).await, Some(lease)),
        Err(held @ LeaseError::Held { .. }) => (RunResult::Skipped.with(held), None),
        Err(LeaseError::Store(error)) => return Err(error),
        Err(lost @ LeaseError::Lost(_)) => (RunResult::Failed.with(lost), None),
    };
    let told = upkeep
        .end_run(run, ended.result.as_str(), &ended.detail)
        .await;
    if let Some(lease) = lease {
        lease.release().await;
    }
    told?;
    upkeep.tidy_runs().await?;
    Ok(ended)
}

/// `work`, for as long as the lease is held.
async fn alone(lease: &Lease, work: impl Future<Output = Ended>) -> Ended {
    tokio::select! {
        ended = work => ended,
        () = lease.lost().cancelled() => match lease.check() {
            Err(lost) => RunResult::Failed.with(lost),
            Ok(()) => RunResult::Failed.with("the lease was lost"),
        },
    }
}
