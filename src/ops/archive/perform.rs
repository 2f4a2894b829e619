//! A run from a configuration: what is old enough, the lease, and what may end it.
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::session::{Session, unless_lost};
use super::{ArchiveError, Destination, Plan, Report, Until, Watch, run};
use crate::config::{Config, HumanDuration};
use crate::model::RoomName;

/// What is asked for beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In place of `archive.older_than`.
    pub older_than: Option<HumanDuration>,
    /// Only these rooms; none named means all.
    pub rooms: Vec<RoomName>,
    pub keep_rows: bool,
    pub compress: bool,
    pub dry_run: bool,
}

/// Archives as `config` and `options` say.
pub async fn perform(
    config: &Config,
    options: Options,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let destination = Destination::open(&config.archive.url)?;
    let mut session = Session::open(&config.db_url, "discordctl archive", options.dry_run).await?;
    let lost = session.lost();
    let now = session.history.now().await?;
    let before = |age: Duration| {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        now.checked_sub_signed(age).unwrap_or_default()
    };
    let older = before(
        options
            .older_than
            .unwrap_or(config.archive.older_than)
            .get(),
    );
    let plan = Plan {
        rooms: options.rooms,
        until: Until::Time(older),
        // An age that is asked for by hand is meant; configured, the stricter of the two holds.
        delete_before: match options.older_than {
            Some(_) => older,
            None => older.min(before(config.retention.min_age.get())),
        },
        keep_last: config.retention.keep_last,
        keep_rows: options.keep_rows,
        compress: options.compress,
        dry_run: options.dry_run,
        now,
    };
    let stop = stop.child_token();
    let work = run(&mut session.history, &destination, &plan, watch, &stop);
    let done = unless_lost(work, lost, &stop).await;
    let closed = session.close().await;
    let report = done?;
    closed?;
    Ok(report)
}
