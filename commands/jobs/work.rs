//! What each job does: the same as the command of its name, as configured.
use std::time::Duration;

use discordctl::config::Config;
use discordctl::ops::archive::{self, ArchiveError, LeaseError};
use discordctl::ops::cleanup;
use discordctl::ops::jobs::{Ended, Job, RunResult};
use tokio_util::sync::CancellationToken;

/// It goes on at its next time.
const LONGEST_CLEANUP: Duration = Duration::from_secs(240);

pub(super) async fn work(config: &Config, job: Job, stop: &CancellationToken) -> Ended {
    let done = match job {
        Job::Archive => archive(config, stop).await,
        Job::Cleanup => trim(config, stop).await,
    };
    match done {
        Ok(ended) => ended,
        Err(ArchiveError::Lease(held @ LeaseError::Held { .. })) => RunResult::Skipped.with(held),
        Err(error) => RunResult::Failed.with(error),
    }
}

async fn trim(config: &Config, stop: &CancellationToken) -> Result<Ended, ArchiveError> {
    let options = cleanup::Options {
        max_run: Some(LONGEST_CLEANUP),
        ..cleanup::Options::default()
    };
    let report = cleanup::perform(config, &options, &(), stop).await?;
    if let Some(why) = &report.skipped {
        return Ok(RunResult::Skipped.with(why));
    }
    Ok(ended(stop, report.told()))
}

async fn archive(config: &Config, stop: &CancellationToken) -> Result<Ended, ArchiveError> {
    let report = archive::perform(config, &archive::Options::default(), &(), stop).await?;
    let detail = format!(
        "archived {} messages in {} files, and deleted {}",
        report.archived,
        report.files.len(),
        report.deleted
    );
    Ok(ended(stop, detail))
}

fn ended(stop: &CancellationToken, detail: String) -> Ended {
    let result = if stop.is_cancelled() {
        RunResult::Interrupted
    } else {
        RunResult::Ok
    };
    result.with(detail)
}
