//! What each job does: the same as the command of its name, as configured.
use std::time::Duration;

use discordctl::archive::ArchiveError;
use discordctl::config::Config;
use discordctl::ops::SystemClock;
use discordctl::ops::archive;
use discordctl::ops::backup;
use discordctl::ops::cleanup;
use discordctl::ops::jobs::{Ended, Job, RunResult};
use tokio_util::sync::CancellationToken;

use crate::units::bytes;

/// It goes on at its next time.
const LONGEST_CLEANUP: Duration = Duration::from_secs(240);

pub(super) async fn work(config: &Config, job: Job, stop: &CancellationToken) -> Ended {
    let done = match job {
        Job::Archive => archive(config, stop).await,
        Job::Backup => return back_up(config, stop).await,
        Job::Cleanup => trim(config, stop).await,
    };
    match done {
        Ok(ended) => ended,
        Err(held @ ArchiveError::InUse(_)) => RunResult::Skipped.with(held),
        Err(error) => RunResult::Failed.with(error),
    }
}

/// A backup is whole or not at all: it is dropped where it is.
async fn back_up(config: &Config, stop: &CancellationToken) -> Ended {
    let run = backup::scheduled(config, &SystemClock);
    let ran = tokio::select! {
        ran = run => ran,
        () = stop.cancelled() => {
            return RunResult::Interrupted.with("interrupted; the backups from before are there");
        }
    };
    match ran {
        Ok(ran) => {
            let backup::Ran {
                made,
                removed,
                kept,
            } = ran;
            let (name, bytes, messages) = (&made.name, bytes(made.bytes), made.messages);
            RunResult::Ok.with(format!(
                "{name}: {messages} messages, {bytes}, verified; {removed} older ones removed, \
                 {kept} kept"
            ))
        }
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
        "archived {} entries in {} files, and deleted {}",
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
