//! The archive: messages as JSON documents in a folder or a bucket, and then gone from the database.
//!
//! A document appears whole or not at all and is never overwritten. It is read back, entered in
//! the manifest, and marked in the database; only then are its rows deleted. Whatever ends this
//! in between, the next run goes on from the mark.
mod buffers;
mod destination;
pub(in crate::ops) mod digest;
mod document;
mod error;
mod line;
mod lookup;
mod manifest;
mod parts;
mod path;
mod perform;
mod plan;
mod session;
mod verify;
mod writer;

use tokio_util::sync::CancellationToken;

use crate::model::Seq;
use crate::store::history::RoomStand;

pub use crate::ops::lease::LeaseError;
pub use crate::store::StoreError;
pub use crate::store::history::History;

pub use destination::Destination;
pub use error::ArchiveError;
pub use manifest::{Entry, Manifest};
pub use perform::{Options, perform};
pub use plan::{Plan, Until, Watch};
pub use session::{Session, unless_lost};
pub use verify::{Finding, State, WINDOW_LOG, verify};
pub use writer::Archiver;

/// What became of one room.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RoomReport {
    pub room: String,
    pub archived: u64,
    pub deleted: u64,
    /// The watermark: up to this `seq` all is in the archive.
    pub archived_to: Seq,
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// It was stopped between two steps; the next run goes on there.
    pub interrupted: bool,
    pub archived: u64,
    pub deleted: u64,
    pub files: Vec<Entry>,
    pub rooms: Vec<RoomReport>,
}

/// Archives as `plan` says, room by room, and deletes what it archived. The caller has
/// the lease `archive`; `stop` ends it between two steps.
pub async fn run(
    history: &mut History,
    destination: &Destination,
    plan: &Plan,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ArchiveError> {
    let stands = wanted(history.rooms().await?, plan)?;
    let mut archiver = Archiver::open(history, destination, plan, watch, stop).await?;
    let mut report = Report {
        dry_run: plan.dry_run,
        ..Report::default()
    };
    for stand in &stands {
        if stop.is_cancelled() {
            break;
        }
        let files = archiver.write(stand, plan.until).await?;
        let archived = files.iter().map(|entry| entry.count).sum();
        let reached = files.last().map_or(stand.archived, |entry| entry.last_seq);
        let deleted = if plan.keep_rows {
            0
        } else {
            archiver.trim(stand, reached).await?
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
    report.interrupted = stop.is_cancelled();
    Ok(report)
}

fn wanted(stands: Vec<RoomStand>, plan: &Plan) -> Result<Vec<RoomStand>, ArchiveError> {
    if plan.rooms.is_empty() {
        return Ok(stands);
    }
    let missing = |name: &&_| stands.iter().all(|stand| stand.room.name != **name);
    if let Some(name) = plan.rooms.iter().find(missing) {
        return Err(ArchiveError::NoSuchRoom(name.to_string()));
    }
    let asked = |stand: &RoomStand| plan.rooms.contains(&stand.room.name);
    Ok(stands.into_iter().filter(asked).collect())
}
