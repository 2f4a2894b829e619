//! A run from a configuration: what is old enough goes into the archive, and then from the database.
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::session::{Alone, Session, before, give_way};
use super::writer::{Archiver, Form};
use super::{Report, RoomReport, Watch, beside, wanted};
use crate::archive::{ArchiveError, Destination};
use crate::config::{Config, HumanDuration};
use crate::model::{RoomId, RoomName, Seq};
use crate::ops::fault;
use crate::store::StoreError;
use crate::store::history::{History, RoomStand};

/// What is asked for beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In place of `archive.older_than`.
    pub older_than: Option<HumanDuration>,
    /// Only these rooms; none named means all.
    pub rooms: Vec<RoomName>,
    /// Delete nothing.
    pub keep_rows: bool,
    /// Write `.json.zst`.
    pub compress: bool,
    /// Do all but write and delete.
    pub dry_run: bool,
}

/// Archives as `config` and `options` say, room by room, and deletes what it archived; `stop` ends
/// it between two steps.
///
/// # Errors
/// Fails where the archive or the database cannot be used, or another process is at it.
pub async fn perform(
    config: &Config,
    options: &Options,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let destination = Destination::open(&config.archive.url)?;
    let alone = Alone::Archive.unless(options.dry_run);
    let session = Session::open(&config.db_url, "discordctl archive", alone).await?;
    let run = async |session: &mut Session, stop: &CancellationToken| {
        let history = &mut session.history;
        Box::pin(run(config, options, history, &destination, watch, stop)).await
    };
    session.during(stop, run).await
}

async fn run(
    config: &Config,
    options: &Options,
    history: &mut History,
    destination: &Destination,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let now = history.now().await?;
    let older = before(
        now,
        options
            .older_than
            .unwrap_or(config.archive.older_than)
            .get(),
    );
    // An age that is asked for by hand is meant; configured, the stricter of the two holds.
    let delete_before = match options.older_than {
        Some(_) => older,
        None => older.min(before(now, config.retention.min_age.get())),
    };
    let names: Vec<_> = options.rooms.iter().collect();
    let stands = wanted(history.rooms().await?, &names)?;
    let form = Form {
        compress: options.compress,
        words: config.search.enabled,
        dry_run: options.dry_run,
        made_at: now,
    };
    let mut archiver = Archiver::open(history, destination, form, watch, stop).await?;
    let mut report = Report {
        dry_run: options.dry_run,
        ..Report::default()
    };
    for stand in &stands {
        if stop.is_cancelled() {
            break;
        }
        let room = stand.room.key.id;
        let young = archiver
            .history()
            .first_since(room, stand.archived, older)
            .await?;
        // What was said since the room was looked at is young too.
        let up_to = young.map_or(stand.last_seq, |young| young.previous().min(stand.last_seq));
        archiver.renew(stand).await?;
        let files = archiver.write(stand, up_to).await?;
        let archived = files.iter().map(|entry| entry.count).sum();
        let reached = files.last().map_or(stand.archived, |entry| entry.last_seq);
        let deleted = if options.keep_rows {
            0
        } else {
            let limit = may_go(
                archiver.history(),
                room,
                config.retention.keep_last,
                delete_before,
            )
            .await?;
            delete(archiver.history(), stand, limit.min(reached), options, stop).await?
        };
        report.archived += archived;
        report.deleted += deleted;
        report.files.extend(files);
        if archived + deleted > 0 {
            report.rooms.push(RoomReport {
                room: stand.room.name.to_string(),
                archived,
                deleted,
                archived_to: reached,
            });
        }
    }
    if !options.dry_run {
        beside::complete(destination, config.search.enabled, stop).await?;
    }
    report.interrupted = stop.is_cancelled();
    Ok(report)
}

/// The last entry of a room that may go: before its newest messages, and with none before it that is
/// young, so that what stays has no holes.
pub(in crate::ops) async fn may_go(
    history: &mut History,
    room: RoomId,
    keep: usize,
    before: DateTime<Utc>,
) -> Result<Seq, StoreError> {
    let Some(beyond) = history.before_newest(room, keep).await? else {
        return Ok(Seq::START);
    };
    let young = history.first_since(room, Seq::START, before).await?;
    Ok(young.map_or(beyond, |young| beyond.min(young.previous())))
}

/// Deletes a room's messages up to `up_to`. Returns how many.
async fn delete(
    history: &mut History,
    stand: &RoomStand,
    up_to: Seq,
    options: &Options,
    stop: &CancellationToken,
) -> Result<u64, StoreError> {
    let room = stand.room.key.id;
    if options.dry_run {
        return history.count(room, Seq::START, up_to).await;
    }
    let beside_chat = history.served().await?;
    let batch = history.batch();
    let mut deleted = 0;
    while !stop.is_cancelled() {
        let since = Instant::now();
        let deleting = history.delete_archived(room, up_to, batch, stand.last_seq);
        let count = deleting.await?;
        fault::point("archive:deleted");
        deleted += count;
        if count < batch as u64 {
            break;
        }
        if beside_chat {
            give_way(since).await;
        }
    }
    Ok(deleted)
}
