//! What each job does: the same as the command of its name, as configured.
use std::time::Duration;

use chrono::TimeDelta;
use discordctl::config::Config;
use discordctl::ops::archive::{
    self, ArchiveError, Destination, LeaseError, Plan, Report, Session, Until,
};
use discordctl::ops::cleanup::{Options, perform};
use discordctl::ops::jobs::{Ended, Job, RunResult, failed, skipped};
use tokio_util::sync::CancellationToken;

/// It goes on at its next time.
const LONGEST_CLEANUP: Duration = Duration::from_secs(240);

pub(super) async fn work(config: &Config, job: Job, stop: &CancellationToken) -> Ended {
    let done = match job {
        Job::Archive => archive(config, stop).await,
        Job::Cleanup => cleanup(config, stop).await,
    };
    match done {
        Ok(ended) => ended,
        Err(ArchiveError::Lease(held @ LeaseError::Held { .. })) => skipped(&held),
        Err(error) => failed(&error),
    }
}

async fn cleanup(config: &Config, stop: &CancellationToken) -> Result<Ended, ArchiveError> {
    let options = Options {
        max_run: Some(LONGEST_CLEANUP),
        ..Options::default()
    };
    let report = perform(config, &options, &(), stop).await?;
    if let Some(why) = &report.skipped {
        return Ok(skipped(why));
    }
    let more = match report.unfinished {
        true => "; there is more to do",
        false => "",
    };
    Ok(ended(
        stop,
        format!(
            "archived {} and deleted {} of {} messages in {} rooms{more}",
            report.archived,
            report.deleted,
            report.candidates,
            report.rooms.len()
        ),
    ))
}

async fn archive(config: &Config, stop: &CancellationToken) -> Result<Ended, ArchiveError> {
    let destination = Destination::open(&config.archive.url)?;
    let mut session = Session::open(&config.db_url, "discordctl archive", false).await?;
    let lost = session.lost();
    let now = session.history.now().await?;
    let before = |age: Duration| {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        now.checked_sub_signed(age).unwrap_or_default()
    };
    let older = before(config.archive.older_than.get());
    let plan = Plan {
        rooms: Vec::new(),
        until: Until::Time(older),
        delete_before: older.min(before(config.retention.min_age.get())),
        keep_last: config.retention.keep_last,
        keep_rows: false,
        compress: false,
        dry_run: false,
        now,
    };
    let ending = stop.child_token();
    let done = {
        let run = archive::run(&mut *session.history, &destination, &plan, &(), &ending);
        let mut run = std::pin::pin!(run);
        tokio::select! {
            done = &mut run => done,
            () = lost.cancelled() => {
                ending.cancel();
                run.await
            }
        }
    };
    let closed = session.close().await;
    let Report {
        archived,
        deleted,
        files,
        ..
    } = done?;
    closed?;
    let files = files.len();
    let detail = format!("archived {archived} messages in {files} files, and deleted {deleted}");
    Ok(ended(stop, detail))
}

fn ended(stop: &CancellationToken, detail: String) -> Ended {
    Ended {
        result: match stop.is_cancelled() {
            true => RunResult::Interrupted,
            false => RunResult::Ok,
        },
        detail,
    }
}
