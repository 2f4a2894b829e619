//! Replay: archived messages back into the database, exactly as they were.
//!
//! All documents are read and checked to their ends before the first row is written; then they
//! are read once more. Rows that are there already are left alone, so that a replay which was
//! ended anywhere is simply run again.
mod check;
mod error;
mod ids;
mod late;
mod place;
mod reader;
mod rules;
mod source;
mod write;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::archive::Destination;
use crate::model::{RoomName, Seq};
use crate::ops::archive::Watch;
use crate::store::history::History;

use check::Checked;
use place::Placed;

pub use error::ReplayError;
pub use source::{Source, find};

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub path: String,
    pub room: String,
    /// What it holds: messages, and events.
    pub entries: u64,
    pub messages: u64,
    /// Entries that were not in the database.
    pub restored: u64,
    pub first_seq: Option<Seq>,
    pub last_seq: Option<Seq>,
}

/// A document that another one supersedes: it holds the same places in a past that began later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub path: String,
    pub superseded_by: String,
}

/// What a replay did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// It was stopped between two steps; run again, it goes on.
    pub interrupted: bool,
    pub entries: u64,
    pub messages: u64,
    pub restored: u64,
    pub files: Vec<FileReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// What a replay is to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Only documents of this room.
    pub room: Option<RoomName>,
    /// Do all but write.
    pub dry_run: bool,
}

/// Puts back what `sources` hold. The caller has the lease `archive`; `stop` ends it
/// between two steps. `archive` is where messages are archived to: what it holds itself need not
/// be archived again.
pub async fn run(
    history: &mut History,
    archive: &Destination,
    sources: Vec<Source>,
    plan: &Plan,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, ReplayError> {
    let mut report = Report {
        dry_run: plan.dry_run,
        ..Report::default()
    };
    let looked = async {
        let read = check::all(history, archive, sources, plan, stop).await?;
        let documents = read.documents.into_iter();
        let (lost, others) = documents.partition(|document| document.lost);
        let placed = place::all(history, others, stop).await?;
        Ok((lost, placed, read.left_out))
    };
    let (lost, placed, left_out): (Vec<Checked>, Vec<Placed>, _) = match looked.await {
        Err(ReplayError::Stopped) => {
            report.interrupted = true;
            return Ok(report);
        }
        looked => looked?,
    };
    report.left_out = left_out;
    crate::ops::fault::point("replay:verified");
    watch.expect(lost.iter().map(|document| document.count).sum());
    for document in &placed {
        watch.expect(document.missing);
    }
    for document in placed {
        if stop.is_cancelled() {
            break;
        }
        let restored = if plan.dry_run {
            document.missing
        } else {
            write::restore(history, &document, watch, stop).await?
        };
        report.entries += document.checked.count;
        report.messages += document.checked.messages;
        report.restored += restored;
        report.files.push(document.report(restored));
    }
    for document in lost {
        if stop.is_cancelled() {
            break;
        }
        let restored = late::restore(history, &document, plan.dry_run, watch, stop).await?;
        report.entries += document.count;
        report.messages += document.messages;
        report.restored += restored;
        report.files.push(FileReport {
            path: document.path,
            room: document.room.to_string(),
            entries: document.count,
            messages: document.messages,
            restored,
            first_seq: None,
            last_seq: None,
        });
    }
    report.interrupted = stop.is_cancelled();
    Ok(report)
}
