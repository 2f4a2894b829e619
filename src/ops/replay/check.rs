//! The first reading: every document to its end, before anything is written.
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::error::ReplayError;
use super::reader::{self, Fault};
use super::rules::{Origin, Reading, check_room};
use super::source::Source;
use super::{Destination, LeftOut, Plan, ids};
use crate::archive::{Entry, Erasures, Ledger, Manifest};
use crate::model::{MessageId, Number, RoomKind, RoomName, Seq};
use crate::store::history::History;

/// A document that was read to its end.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) source: Source,
    pub(super) path: String,
    pub(super) origin: Origin,
    pub(super) room: RoomName,
    pub(super) kind: RoomKind,
    /// Of entries, and of the messages among them.
    pub(super) count: u64,
    pub(super) messages: u64,
    /// Its messages were lost when the database went back: their ids and places are others' by now.
    pub(super) lost: bool,
    /// The first and last `seq`, where entries have one.
    pub(super) seqs: Option<(Seq, Seq)>,
    /// The greatest number of messages up to an entry that has a place.
    pub(super) number: Number,
    pub(super) lowest_id: MessageId,
    pub(super) highest_id: MessageId,
    pub(super) earliest: DateTime<Utc>,
    pub(super) latest: DateTime<Utc>,
    /// Some ids with their place in the document, counted from 0.
    pub(super) samples: Vec<(MessageId, u64)>,
    /// What a manifest says of it.
    pub(super) entry: Option<Entry>,
    /// The archive holds this very document.
    pub(super) archived: bool,
    /// What of it does not come back.
    pub(super) erasures: Erasures,
    pub(super) sha256: String,
}

/// What was read, and what of it another past holds by now.
pub(super) struct Read {
    pub(super) documents: Vec<Checked>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Reads all documents, and leaves out those of other rooms than the one asked for and those
/// that come twice.
pub(super) async fn all(
    history: &mut History,
    archive: &Destination,
    sources: Vec<Source>,
    plan: &Plan,
    stop: &CancellationToken,
) -> Result<Read, ReplayError> {
    let mut checked: Vec<Checked> = Vec::new();
    let mut seen = HashSet::new();
    for source in sources {
        let Some(document) = one(history, source, stop).await? else {
            continue;
        };
        let wanted = plan.room.as_ref().is_none_or(|room| *room == document.room);
        if wanted && seen.insert(document.sha256.clone()) {
            checked.push(document);
        }
    }
    if let (true, Some(room)) = (checked.is_empty(), &plan.room) {
        return Err(ReplayError::OtherRooms(room.to_string()));
    }
    let left_out = leave_out(&mut checked);
    let (ledger, known) = (Ledger::load(archive).await?, history.erasures().await?);
    let erasures = Erasures::of(ledger.erasures().iter().chain(&known));
    for document in &mut checked {
        document.erasures = erasures.clone();
    }
    ids::apart(&checked, stop).await?;
    // An archive that cannot be reached knows nothing: its messages are archived once more.
    if let Ok(manifest) = Manifest::load(archive).await {
        let known: HashSet<_> = manifest
            .entries()
            .iter()
            .map(|e| e.sha256.as_str())
            .collect();
        for document in &mut checked {
            document.archived = known.contains(document.sha256.as_str());
        }
    }
    let documents = checked;
    Ok(Read {
        documents,
        left_out,
    })
}

/// Of documents that hold the same places in two pasts, the one that was archived later is what was said.
fn leave_out(checked: &mut Vec<Checked>) -> Vec<LeftOut> {
    let made = |document: &Checked| {
        let entry = document.entry.clone()?;
        Some((entry.archived_at.clone(), entry))
    };
    let all: Vec<_> = checked.iter().filter_map(made).collect();
    let by = |document: &Checked| {
        let (at, entry) = made(document)?;
        let later = all
            .iter()
            .find(|(other_at, other)| *other_at > at && other.contradicts(&entry));
        later.map(|(_, later)| LeftOut {
            path: document.path.clone(),
            superseded_by: later.path.clone(),
        })
    };
    let mut left_out = Vec::new();
    checked.retain(|document| {
        let superseded = by(document);
        let keep = superseded.is_none();
        left_out.extend(superseded);
        keep
    });
    left_out
}

/// Reads one document; `None` if it holds no message.
async fn one(
    history: &mut History,
    source: Source,
    stop: &CancellationToken,
) -> Result<Option<Checked>, ReplayError> {
    let path = source.path();
    let expected = source.expected()?;
    let origin = match expected {
        Some(_) => Origin::Archive,
        None => Origin::Elsewhere,
    };
    let (opened, stopped) = (source.open().await?, stop.clone());
    let read = spawn_blocking(move || {
        let mut reading = Reading::of(origin);
        let read = opened.text(|text| reader::read(text, &stopped, |line| reading.take(&line)));
        read.map(|(head, sum)| (head, sum, reading))
    });
    let read = read
        .await
        .map_err(|e| ReplayError::bad(&path, e.to_string()))?;
    let (head, sum, reading) = match (read, &expected) {
        // What was changed since it was archived is told as that, whatever it looks like now.
        (Err(Fault::Foreign(why)), Some(_)) => return Err(ReplayError::bad(&path, why)),
        (read, _) => read.map_err(|fault| explain(&path, fault))?,
    };
    if let Some(why) = expected.as_ref().and_then(|entry| sum.difference(entry)) {
        return Err(ReplayError::bad(&path, why));
    }
    let (room, lost, kind) = (head.room, head.lost, head.kind);
    let named = RoomName::stored(&room);
    if let Err(why) = check_room(&room, origin)
        && (room.chars().any(char::is_control) || history.room(&named).await?.is_none())
    {
        return Err(ReplayError::foreign(&path, why));
    }
    let (Some(ids), Some(times)) = (reading.ids, reading.times) else {
        return Ok(None);
    };
    if !reading.ascending && !lost {
        ids::distinct(&source, reading.count, stop).await?;
    }
    Ok(Some(Checked {
        room: named,
        kind,
        origin,
        count: reading.count,
        messages: reading.messages,
        lost,
        seqs: reading.with_seq.then_some(reading.seqs),
        number: reading.number,
        lowest_id: ids.0,
        highest_id: ids.1,
        earliest: times.0,
        latest: times.1,
        samples: reading.samples(),
        entry: expected,
        archived: false,
        erasures: Erasures::default(),
        sha256: sum.sha256,
        source,
        path,
    }))
}

pub(super) fn explain(path: &str, fault: Fault) -> ReplayError {
    match fault {
        Fault::Bad(why) => ReplayError::bad(path, why),
        Fault::Foreign(why) => ReplayError::foreign(path, why),
        Fault::Stopped => ReplayError::Stopped,
        Fault::Io(source) => ReplayError::Unreadable {
            path: path.to_owned(),
            source,
        },
    }
}
