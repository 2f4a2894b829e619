//! The first reading: every document to its end, before anything is written.
use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, Utc};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::error::ReplayError;
use super::reader::{self, Fault, Line};
use super::source::Source;
use super::{Destination, Plan};
use crate::model::{RoomName, Seq};
use crate::ops::archive::Manifest;
use crate::store::history::History;

/// Ids remembered from both ends of a document, to find it in the database again.
const ENDS: usize = 1_000;
/// Names in documents may be longer than those that can be chosen here, but not endless.
const LONGEST_NAME: usize = 256;

/// A document that was read to its end.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) source: Source,
    pub(super) path: String,
    pub(super) room: RoomName,
    pub(super) count: u64,
    /// The first and last `seq`, where messages have one.
    pub(super) seqs: Option<(Seq, Seq)>,
    pub(super) lowest_id: i64,
    pub(super) highest_id: i64,
    pub(super) earliest: DateTime<Utc>,
    pub(super) latest: DateTime<Utc>,
    /// Some ids with their place in the document, counted from 0.
    pub(super) samples: Vec<(i64, u64)>,
    /// The archive holds this very document.
    pub(super) archived: bool,
    sha256: String,
}

/// What is learnt of a document line by line.
#[derive(Debug, Default)]
struct Reading {
    count: u64,
    with_seq: bool,
    first_seq: Seq,
    last_seq: Seq,
    ids: Option<(i64, i64)>,
    ascending: bool,
    last_id: i64,
    times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    first: Vec<(i64, u64)>,
    last: VecDeque<(i64, u64)>,
}

impl Reading {
    fn take(&mut self, line: &Line, holds: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let Line { id, seq, .. } = *line;
        if id < 1 {
            return Err(format!("the id {id} is not positive"));
        }
        let user = line.user.as_deref().unwrap_or("-");
        check_name("user", user)?;
        if !holds(&line.content) {
            return Err("the content has a character that the database can't store".into());
        }
        match seq {
            _ if self.count == 0 => self.with_seq = seq.is_some(),
            Some(seq) if self.with_seq && seq <= self.last_seq => {
                return Err(format!("the seq {seq} comes after {}", self.last_seq));
            }
            _ if seq.is_some() == self.with_seq => {}
            _ => return Err("some messages have a seq, and others have none".into()),
        }
        if let Some(seq) = seq {
            if seq < 1 {
                return Err(format!("the seq {seq} is not positive"));
            }
            if self.count == 0 {
                self.first_seq = seq;
            }
            self.last_seq = seq;
        }
        self.ascending = (self.count == 0 || self.ascending) && id > self.last_id;
        self.last_id = id;
        let (low, high) = self.ids.unwrap_or((id, id));
        self.ids = Some((low.min(id), high.max(id)));
        let (early, late) = self.times.unwrap_or((line.created_at, line.created_at));
        self.times = Some((early.min(line.created_at), late.max(line.created_at)));
        self.sample(id);
        self.count += 1;
        Ok(())
    }

    fn sample(&mut self, id: i64) {
        match self.first.len() < ENDS {
            true => self.first.push((id, self.count)),
            false => {
                self.last.push_back((id, self.count));
                if self.last.len() > ENDS {
                    self.last.pop_front();
                }
            }
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let length = name.chars().count();
    match name.chars().any(char::is_control) {
        true => Err(format!("the {what}'s name has a control character")),
        false if length == 0 || length > LONGEST_NAME => {
            Err(format!("the {what}'s name has {length} characters"))
        }
        false => Ok(()),
    }
}

/// Reads all documents, and leaves out those of other rooms than the one asked for and those
/// that come twice.
pub(super) async fn all(
    history: &mut dyn History,
    archive: &Destination,
    sources: Vec<Source>,
    plan: &Plan,
    stop: &CancellationToken,
) -> Result<Vec<Checked>, ReplayError> {
    let nul = history.holds("\0");
    let mut checked: Vec<Checked> = Vec::new();
    for source in sources {
        if stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let Some(document) = one(source, nul).await? else {
            continue;
        };
        let wanted = plan.room.as_ref().is_none_or(|room| *room == document.room);
        if wanted && checked.iter().all(|other| other.sha256 != document.sha256) {
            checked.push(document);
        }
    }
    if let (true, Some(room)) = (checked.is_empty(), &plan.room) {
        return Err(ReplayError::OtherRooms(room.to_string()));
    }
    // An archive that can't be reached knows nothing: its messages are archived once more.
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
    Ok(checked)
}

/// Reads one document; `None` if it holds no message.
async fn one(source: Source, nul: bool) -> Result<Option<Checked>, ReplayError> {
    let path = source.path();
    let expected = source.expected().await?;
    let opened = source.open().await?;
    let read = spawn_blocking(move || {
        let mut reading = Reading::default();
        let holds = |text: &str| nul || !text.contains('\0');
        let read = opened.text(|text| reader::read(text, |line| reading.take(&line, &holds)));
        read.map(|(room, sum)| (room, sum, reading))
    });
    let read = read
        .await
        .map_err(|e| ReplayError::bad(&path, e.to_string()))?;
    let (room, sum, reading) = read.map_err(|fault| explain(&path, fault))?;
    if let Some(why) = expected.and_then(|entry| sum.difference(&entry)) {
        return Err(ReplayError::bad(&path, why));
    }
    check_name("room", &room).map_err(|why| ReplayError::bad(&path, why))?;
    let (Some(ids), Some(times)) = (reading.ids, reading.times) else {
        return Ok(None);
    };
    if !reading.ascending {
        distinct(&source, &path).await?;
    }
    let seqs = (reading.first_seq, reading.last_seq);
    Ok(Some(Checked {
        room: RoomName::stored(&room),
        count: reading.count,
        seqs: reading.with_seq.then_some(seqs),
        lowest_id: ids.0,
        highest_id: ids.1,
        earliest: times.0,
        latest: times.1,
        samples: reading.first.into_iter().chain(reading.last).collect(),
        archived: false,
        sha256: sum.sha256,
        source,
        path,
    }))
}

/// Fails if a document whose ids do not ascend has one twice. This alone needs memory for it.
async fn distinct(source: &Source, path: &str) -> Result<(), ReplayError> {
    let opened = source.open().await?;
    let read = spawn_blocking(move || {
        let mut seen = HashSet::new();
        let once = |line: Line| match seen.insert(line.id) {
            true => Ok(()),
            false => Err(format!("the id {} comes twice", line.id)),
        };
        opened.text(|text| reader::read(text, once)).map(drop)
    });
    let read = read
        .await
        .map_err(|e| ReplayError::bad(path, e.to_string()))?;
    read.map_err(|fault| explain(path, fault))
}

pub(super) fn explain(path: &str, fault: Fault) -> ReplayError {
    match fault {
        Fault::Bad(why) => ReplayError::bad(path, why),
        Fault::Io(source) => ReplayError::Unreadable {
            path: path.to_owned(),
            source,
        },
    }
}
