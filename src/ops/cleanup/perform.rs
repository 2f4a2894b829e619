//! A run from a configuration: leases, limits, and what may end it.
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{Plan, Report, Tools, run};
use crate::config::Config;
use crate::model::RoomName;
use crate::ops::archive::{ArchiveError, Destination, Session, Watch};
use crate::ops::lease::{Lease, LeaseError};
use crate::store::upkeep;

/// What is asked for beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In place of `retention.keep_last`.
    pub keep: Option<usize>,
    /// Only these rooms, some with a number of their own.
    pub rooms: Vec<(RoomName, Option<usize>)>,
    /// Archive nothing first.
    pub no_archive: bool,
    /// End after this long, between two steps.
    pub max_run: Option<Duration>,
    pub dry_run: bool,
}

/// How long a run may take to make way for chat: less than `serve` lets its own take. What ends one
/// sooner wants less done, not the same in a hurry.
const UNHURRIED: Duration = Duration::from_secs(3 * 60);

pub type CleanupError = ArchiveError;

/// Trims as `config` and `options` say. Another process that is at it is no error: then this has
/// nothing to do, and says so.
pub async fn perform(
    config: &Config,
    options: &Options,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, CleanupError> {
    let what = "discordctl cleanup";
    let application = format!("{what}, pid {}", std::process::id());
    let upkeep = upkeep::open(config.db_url.expose(), &application).await?;
    let lease = if options.dry_run {
        None
    } else {
        match Lease::take(&upkeep, "cleanup", what).await {
            Ok(lease) => Some(lease),
            Err(held @ LeaseError::Held { .. }) => return Ok(skipped(&held)),
            Err(other) => return Err(other.into()),
        }
    };
    // The holder of this lease writes the archive's manifest, or puts back what it holds.
    let session = Session::open(&config.db_url, what, options.dry_run).await;
    let done = match session {
        Ok(session) => {
            let lost = lease.as_ref().map(|lease| lease.lost().clone());
            let stop = stop.child_token();
            let end = end(options.max_run, [lost, Some(session.lost())], stop.clone());
            let work = within(config, options, session, upkeep.as_ref(), watch, &stop);
            tokio::pin!(work);
            tokio::select! {
                done = &mut work => done,
                () = end => work.await,
            }
        }
        Err(ArchiveError::Lease(held @ LeaseError::Held { .. })) => Ok(skipped(&held)),
        Err(other) => Err(other),
    };
    if let Some(lease) = lease {
        lease.release().await;
    }
    upkeep.close().await;
    done
}

fn skipped(why: &LeaseError) -> Report {
    Report {
        skipped: Some(why.to_string()),
        ..Report::default()
    }
}

/// Cancels `stop` when the time is over or a lease is lost.
async fn end(
    time: Option<Duration>,
    [one, two]: [Option<CancellationToken>; 2],
    stop: CancellationToken,
) {
    let over = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let lost = async |lease: Option<CancellationToken>| match lease {
        Some(lease) => lease.cancelled().await,
        None => std::future::pending().await,
    };
    tokio::select! {
        () = over => {}
        () = lost(one) => {}
        () = lost(two) => {}
    }
    stop.cancel();
}

async fn within(
    config: &Config,
    options: &Options,
    mut session: Session,
    upkeep: &upkeep::Upkeep,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, CleanupError> {
    let archive = if config.retention.archive_first && !options.no_archive {
        Some(Destination::open(&config.archive.url)?)
    } else {
        None
    };
    let now = session.history.now().await?;
    let age = TimeDelta::from_std(config.retention.min_age.get()).unwrap_or(TimeDelta::MAX);
    let plan = Plan {
        keep: options.keep.unwrap_or(config.retention.keep_last),
        rooms: options.rooms.clone(),
        before: now.checked_sub_signed(age).unwrap_or_default(),
        within: UNHURRIED,
        dry_run: options.dry_run,
        now,
    };
    let tools = Tools {
        history: &mut session.history,
        upkeep,
        archive: archive.as_ref(),
        watch,
    };
    let done = run(tools, &plan, stop).await;
    let closed = session.close().await;
    let report = done?;
    closed?;
    Ok(report)
}
