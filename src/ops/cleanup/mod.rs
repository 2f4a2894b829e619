//! Trimming rooms to their newest messages: never what is young, and with the archive first
//! never what is not in it.
mod pace;
mod perform;
mod plan;

use tokio_util::sync::CancellationToken;

use self::pace::Pace;
use super::fault;
use crate::model::{RoomId, Seq, format_time};
use crate::ops::archive::{Archiver, Destination, Until, Watch};
use crate::store::StoreError;
use crate::store::history::{History, RoomStand};
use crate::store::upkeep::Upkeep;

pub use crate::ops::archive::ArchiveError;
pub use perform::{CleanupError, Options, perform};
pub use plan::Plan;

/// What became of one room, or would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RoomReport {
    pub room: String,
    /// Messages beyond the newest, and old enough.
    pub candidates: u64,
    pub archived: u64,
    pub deleted: u64,
    /// Messages that the database still has.
    pub left: u64,
    /// The oldest of them.
    pub oldest_seq: Option<Seq>,
    pub oldest_at: Option<String>,
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// The process that was at it; then nothing was done.
    pub skipped: Option<String>,
    /// It was stopped, or its time was over: there is more to do.
    pub unfinished: bool,
    pub candidates: u64,
    pub archived: u64,
    pub deleted: u64,
    /// Messages in the whole database that are dated later than now. They go with those that
    /// were said after them.
    pub dated_ahead: u64,
    pub rooms: Vec<RoomReport>,
}

/// What trimming works with. `archive` is where messages go first; without one they just go.
pub struct Tools<'a> {
    pub history: &'a mut History,
    pub upkeep: &'a Upkeep,
    pub archive: Option<&'a Destination>,
    pub watch: &'a dyn Watch,
}

/// Trims as `plan` says, room by room. The caller has the leases `cleanup` and
/// `archive`; `stop` ends it between two steps.
pub async fn run(
    tools: Tools<'_>,
    plan: &Plan,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let Tools {
        history,
        upkeep,
        archive,
        watch,
    } = tools;
    let crowded = upkeep.crowded(plan.least_kept(), plan.before).await?;
    let stands = plan.wanted(history.rooms().await?)?;
    let served = history.served().await?;
    let mut report = Report {
        dry_run: plan.dry_run,
        dated_ahead: u64::try_from(upkeep.dated_ahead().await?).unwrap_or(0),
        ..Report::default()
    };
    let orders = plan.archiving();
    let mut hands = match archive {
        Some(destination) if !plan.dry_run => {
            let archiver = Archiver::open(history, destination, &orders, watch, stop).await?;
            Hands::Archiving(Box::new(archiver))
        }
        _ => Hands::Plain(history),
    };
    let mut rooms: Vec<_> = (stands.iter())
        .filter(|stand| crowded.contains(&stand.room.id))
        .collect();
    // Where one takes all the time that there is, the others are done before it.
    rooms.sort_by_key(|stand| stand.last_seq.since(stand.archived));
    let mut trimming = Trimming {
        plan,
        upkeep,
        stop,
        archive_first: archive.is_some(),
        pace: Pace::new(hands.history().batch(), served, rooms.len(), plan.within),
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
    plan: &'a Plan,
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
        let room = stand.room.id;
        let limit = self.limit(hands.history(), stand).await?;
        let candidates = hands.history().span(room, Seq::START, limit).await?.count;
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
        let deleted = if self.plan.dry_run {
            candidates
        } else {
            self.delete(hands.history(), room, may_go).await?
        };
        let left = hands.history().span(room, Seq::START, Seq::MAX).await?;
        // A dry run shows what would be left.
        let (after, gone) = if self.plan.dry_run {
            (limit, candidates)
        } else {
            (Seq::START, 0)
        };
        let oldest = hands.history().page(room, after, Seq::MAX, 1).await?;
        Ok(Some(RoomReport {
            room: stand.room.name.to_string(),
            candidates,
            archived,
            deleted,
            left: left.count - gone.min(left.count),
            oldest_seq: oldest.first().map(|row| row.seq),
            oldest_at: oldest.first().map(|row| format_time(row.created_at)),
        }))
    }

    /// The last message that may go: not among the newest, and with none before it that is
    /// young, so that what stays has no holes.
    async fn limit(&self, history: &mut History, stand: &RoomStand) -> Result<Seq, StoreError> {
        let (room, keep) = (stand.room.id, self.plan.keep(&stand.room.name));
        let Some(beyond) = history.beyond_newest(room, keep).await? else {
            return Ok(Seq::START);
        };
        let young = history
            .first_since(room, Seq::START, self.plan.before)
            .await?;
        Ok(young.map_or(beyond, |young| beyond.min(young.previous())))
    }

    async fn delete(
        &mut self,
        history: &mut History,
        room: RoomId,
        up_to: Seq,
    ) -> Result<u64, StoreError> {
        let mut deleted = 0;
        while !self.stop.is_cancelled() {
            let batch = self.pace.begin();
            let count = history.delete(room, up_to, batch).await?;
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
    match hands {
        Hands::Archiving(archiver) if limit > stand.archived => {
            let files = archiver.write(stand, Until::Seq(limit)).await?;
            let count = files.iter().map(|file| file.count).sum();
            let reached = files.last().map_or(stand.archived, |file| file.last_seq);
            Ok((count, reached))
        }
        Hands::Archiving(_) => Ok((0, stand.archived)),
        // A dry run: all of it would be.
        Hands::Plain(history) => {
            let span = history.span(stand.room.id, stand.archived, limit).await?;
            Ok((span.count, limit))
        }
    }
}
