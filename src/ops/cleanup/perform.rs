//! A run from a configuration: leases, limits, and what may end it.
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Report, RoomReport};
use crate::archive::{ArchiveError, Destination};
use crate::config::Config;
use crate::model::{RoomName, Seq, format_time};
use crate::ops::archive::{
    Alone, Archiver, Form, Session, Watch, before, may_go, stopped_after, wanted,
};
use crate::ops::fault;
use crate::store::StoreError;
use crate::store::history::{History, RoomStand};
use crate::store::upkeep::Upkeep;

/// What is asked for beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In place of `retention.keep_last`.
    pub keep: Option<usize>,
    /// Only these rooms, some with a number of their own; none named means all.
    pub rooms: Vec<(RoomName, Option<usize>)>,
    /// Archive nothing first.
    pub no_archive: bool,
    /// End after this long, between two steps.
    pub max_run: Option<Duration>,
    /// Do all but write and delete.
    pub dry_run: bool,
}

/// How long a run may take to make way for chat: less than `serve` lets its own take. What ends one
/// sooner wants less done, not the same in a hurry.
const UNHURRIED: Duration = Duration::from_secs(3 * 60);

/// Trims as `config` and `options` say, room by room. Another process that is at it is no error:
/// then this has nothing to do, and says so.
///
/// # Errors
/// Fails where the database or the archive cannot be used.
pub async fn perform(
    config: &Config,
    options: &Options,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let alone = Alone::Cleanup.unless(options.dry_run);
    let session = match Box::pin(Session::open(&config.db_url, "discordctl cleanup", alone)).await {
        Err(held @ ArchiveError::InUse(_)) => {
            return Ok(Report {
                skipped: Some(held.to_string()),
                ..Report::default()
            });
        }
        opened => opened?,
    };
    let stop = stop.child_token();
    let work = session.during(&stop, async |session, stop| {
        // Boxed: it is all of a run, and too large for what may wait for it on a small stack.
        Box::pin(run(config, options, session, watch, stop)).await
    });
    match options.max_run {
        Some(time) => stopped_after(sleep(time), work, &stop).await,
        None => work.await,
    }
}

async fn run(
    config: &Config,
    options: &Options,
    session: &mut Session,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let archive = if config.retention.archive_first && !options.no_archive {
        Some(Destination::open(&config.archive.url)?)
    } else {
        None
    };
    let Session {
        history, upkeep, ..
    } = session;
    let now = history.now().await?;
    let keep = options.keep.unwrap_or(config.retention.keep_last);
    let least = options.rooms.iter().filter_map(|(_, own)| *own).min();
    let before = before(now, config.retention.min_age.get());
    let crowded = upkeep
        .crowded(least.map_or(keep, |own| own.min(keep)), before)
        .await?;
    let names: Vec<_> = options.rooms.iter().map(|(name, _)| name).collect();
    let stands = wanted(history.rooms().await?, &names)?;
    let served = history.served().await?;
    let mut report = Report {
        dry_run: options.dry_run,
        dated_ahead: u64::try_from(upkeep.dated_ahead().await?).unwrap_or(0),
        ..Report::default()
    };
    let mut hands = match &archive {
        Some(destination) if !options.dry_run => {
            let form = Form {
                compress: false,
                words: config.search.enabled,
                dry_run: false,
                made_at: now,
            };
            let archiver = Archiver::open(history, destination, form, watch, stop).await?;
            Hands::Archiving(Box::new(archiver))
        }
        _ => Hands::Plain(history),
    };
    let mut rooms: Vec<_> = (stands.iter())
        .filter(|stand| crowded.contains(&stand.room.key.id))
        .collect();
    // Where one takes all the time that there is, the others are done before it.
    rooms.sort_by_key(|stand| stand.last_seq.since(stand.archived));
    let mut trimming = Trimming {
        options,
        keep,
        before,
        upkeep,
        stop,
        archive_first: archive.is_some(),
        pace: Pace::new(hands.history().batch(), served, rooms.len(), UNHURRIED),
    };
    for stand in rooms {
        if stop.is_cancelled() {
            break;
        }
        let Some(room) = trimming.room(&mut hands, stand).await? else {
            continue;
        };
        report.candidates += room.candidates;
        report.archived += room.archived;
        report.deleted += room.deleted;
        report.rooms.push(room);
    }
    report.unfinished = stop.is_cancelled();
    Ok(report)
}

/// The database, with or without an archive in front of it.
enum Hands<'a> {
    Archiving(Box<Archiver<'a>>),
    Plain(&'a mut History),
}

impl Hands<'_> {
    fn history(&mut self) -> &mut History {
        match self {
            Self::Archiving(archiver) => archiver.history(),
            Self::Plain(history) => history,
        }
    }
}

struct Trimming<'a> {
    options: &'a Options,
    /// The newest messages of a room that stay, where it has no number of its own.
    keep: usize,
    /// What is not older stays.
    before: DateTime<Utc>,
    upkeep: &'a Upkeep,
    stop: &'a CancellationToken,
    archive_first: bool,
    pace: Pace,
}

impl Trimming<'_> {
    /// None if there is nothing to trim.
    async fn room(
        &mut self,
        hands: &mut Hands<'_>,
        stand: &RoomStand,
    ) -> Result<Option<RoomReport>, ArchiveError> {
        let room = stand.room.key.id;
        let named = |(name, _): &&(RoomName, _)| *name == stand.room.name;
        let own = self
            .options
            .rooms
            .iter()
            .find(named)
            .and_then(|room| room.1);
        let keep = own.unwrap_or(self.keep);
        let limit = may_go(hands.history(), room, keep, self.before).await?;
        // What was said since the room was looked at is for the next run.
        let limit = limit.min(stand.last_seq);
        let candidates = hands.history().count(room, Seq::START, limit).await?;
        self.pace.room(candidates);
        if candidates == 0 {
            return Ok(None);
        }
        let mut archived = 0;
        // Without an archive all that is allowed to go goes; with one, what it holds.
        let mut may_go = limit;
        if self.archive_first {
            let (count, reached) = archive(hands, stand, limit).await?;
            archived = count;
            may_go = limit.min(reached);
            fault::point("cleanup:archived");
        }
        let deleted = if self.options.dry_run {
            candidates
        } else {
            self.delete(hands.history(), stand, may_go).await?
        };
        let last = stand.last_seq;
        let left = hands.history().count(room, Seq::START, last).await?;
        // A dry run shows what would be left.
        let (after, gone) = if self.options.dry_run {
            (limit, candidates)
        } else {
            (Seq::START, 0)
        };
        let oldest = hands.history().page(room, after, last, 1).await?;
        Ok(Some(RoomReport {
            room: stand.room.name.to_string(),
            candidates,
            archived,
            deleted,
            left: left - gone.min(left),
            oldest_seq: oldest.first().map(|row| row.seq),
            oldest_at: oldest.first().map(|row| format_time(row.created_at)),
        }))
    }

    async fn delete(
        &mut self,
        history: &mut History,
        stand: &RoomStand,
        up_to: Seq,
    ) -> Result<u64, StoreError> {
        let room = stand.room.key.id;
        let seen = if self.archive_first {
            stand.last_seq
        } else {
            Seq::MAX
        };
        let mut deleted = 0;
        while !self.stop.is_cancelled() {
            let batch = self.pace.begin();
            let count = history.delete_archived(room, up_to, batch, seen).await?;
            fault::point("cleanup:deleted");
            deleted += count;
            if count < batch as u64 {
                break;
            }
            let waiting = if self.pace.beside_chat() {
                self.upkeep.waiting().await?
            } else {
                0
            };
            self.pace.rest(waiting).await;
        }
        Ok(deleted)
    }
}

/// Brings what is to go into the archive. Returns how many messages that were, and the last
/// that is there for certain.
async fn archive(
    hands: &mut Hands<'_>,
    stand: &RoomStand,
    limit: Seq,
) -> Result<(u64, Seq), ArchiveError> {
    if let Hands::Archiving(archiver) = hands {
        archiver.renew(stand).await?;
    }
    match hands {
        Hands::Archiving(archiver) if limit > stand.archived => {
            let files = archiver.write(stand, limit).await?;
            let count = files.iter().map(|file| file.count).sum();
            let reached = files.last().map_or(stand.archived, |file| file.last_seq);
            Ok((count, reached))
        }
        Hands::Archiving(_) => Ok((0, stand.archived)),
        // A dry run: all of it would be.
        Hands::Plain(history) => {
            let count = history.count(stand.room.key.id, stand.archived, limit);
            Ok((count.await?, limit))
        }
    }
}
