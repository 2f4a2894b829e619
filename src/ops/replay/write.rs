//! The second reading: row by row into the database.
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::check::{Checked, explain};
use super::error::ReplayError;
use super::place::{Place, Placed};
use super::reader::{self, Fault};
use super::rules;
use crate::archive::Line;
use crate::ops::archive::{Watch, give_way};
use crate::ops::fault;
use crate::store::history::{Claim, History, Row, Spot};

/// A batch holds at most so much text.
const MOST_BYTES: usize = 1 << 20;
/// Batches that are ready while another is written.
const AHEAD: usize = 1;
/// People remembered, so that each row need not have a copy of the name.
const PEOPLE: usize = 1_000;

/// A document's rows, some at a time, read ahead.
pub(super) struct Batches {
    batches: mpsc::Receiver<Vec<Row>>,
    reading: Option<JoinHandle<Result<(), Fault>>>,
    path: String,
}

impl Batches {
    /// `base` is the spot before the first, for messages that name none.
    pub(super) async fn of(
        document: &Checked,
        base: Spot,
        rows: usize,
        stop: &CancellationToken,
    ) -> Result<Self, ReplayError> {
        let opened = document.source.open().await?;
        let (origin, sha256) = (document.origin, document.sha256.clone());
        let (room, mut erasures) = (document.room.clone(), document.erasures.clone());
        let stop = stop.clone();
        let (give, batches) = mpsc::channel(AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            let mut batch = Batch {
                most: rows,
                last: base,
                ..Batch::default()
            };
            let take = |mut line: Line| {
                // What was read first was all good; this may be another file by now.
                rules::check(&line, origin)?;
                if !erasures.is_empty() {
                    erasures.scrub(&room, &mut line);
                }
                batch.push(line);
                if !batch.is_full() {
                    return Ok(());
                }
                let given = give.blocking_send(batch.take());
                // The task that wanted it has ended.
                given.map_err(|_| "not read on".to_owned())
            };
            let (_, sum) = opened.text(|text| reader::read(text, &stop, take))?;
            if sum.sha256 != sha256 {
                return Err(Fault::Bad("it was changed while it was replayed".into()));
            }
            // As above.
            let _ = give.blocking_send(batch.take());
            Ok(())
        });
        Ok(Self {
            batches,
            reading: Some(reading),
            path: document.path.clone(),
        })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, ReplayError> {
        if let Some(rows) = self.batches.recv().await {
            return Ok(Some(rows));
        }
        if let Some(reading) = self.reading.take() {
            let read = reading.await;
            let read = read.map_err(|e| ReplayError::bad(&self.path, e.to_string()))?;
            read.map_err(|fault| explain(&self.path, fault))?;
        }
        Ok(None)
    }
}

#[derive(Default)]
struct Batch {
    most: usize,
    /// That of the last row, counted from the base.
    last: Spot,
    rows: Vec<Row>,
    bytes: usize,
    people: HashMap<String, Arc<str>>,
}

impl Batch {
    fn push(&mut self, line: Line) {
        self.last = self.last.plus(1);
        self.bytes += line.content.len();
        let last = self.last;
        let row = line.into_row(last, |name| self.person(name));
        self.rows.push(row);
    }

    fn person(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.people.get(name) {
            return known.clone();
        }
        if self.people.len() >= PEOPLE {
            self.people.clear();
        }
        let shared: Arc<str> = name.into();
        self.people.insert(name.to_owned(), shared.clone());
        shared
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.most || self.bytes >= MOST_BYTES
    }

    fn take(&mut self) -> Vec<Row> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// Puts a document's rows back; returns how many were not there.
pub(super) async fn restore(
    history: &mut History,
    document: &Placed,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<u64, ReplayError> {
    if document.missing == 0 {
        return Ok(0);
    }
    let Placed { checked, place, .. } = document;
    let count = checked.count;
    let (claim, first) = match *place {
        Place::Own { last } => (Claim::UpTo(last), checked.seqs.map(|(first, _)| first)),
        Place::After(base) => (Claim::UpTo(base.plus(count)), Some(base.seq.next())),
        Place::End => (Claim::Next(count), None),
    };
    let unarchived = first.filter(|_| !checked.archived);
    let (room, end) = history
        .claim(
            (&checked.room, checked.kind),
            claim,
            checked.highest_id,
            unarchived,
        )
        .await?;
    fault::point("replay:claimed");
    let base = match *place {
        Place::After(base) => base,
        Place::Own { .. } => Spot::default(),
        Place::End => end,
    };
    let beside_chat = history.served().await?;
    let mut restored = 0;
    // Stopped, it ends between two batches.
    let to_the_end = CancellationToken::new();
    let mut batches = Batches::of(checked, base, history.batch(), &to_the_end).await?;
    while !stop.is_cancelled()
        && let Some(rows) = batches.next().await?
    {
        let since = Instant::now();
        let count = history.restore(room, &rows).await?;
        fault::point("replay:restored");
        restored += count;
        watch.advance(count);
        if beside_chat {
            give_way(since).await;
        }
    }
    history.refresh(room).await?;
    fault::point("replay:refreshed");
    Ok(restored)
}
