//! Writing a room's messages out.
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use super::{Watch, verify};
use crate::archive::buffers::Buffers;
use crate::archive::destination::Destination;
use crate::archive::document::{Builder, Document, Sealed, WHOLE};
use crate::archive::error::ArchiveError;
use crate::archive::manifest::{Entry, Manifest};
use crate::archive::{path, stored};
use crate::model::{Epoch, Seq};
use crate::ops::fault;
use crate::store::history::{History, RoomStand, Row};

/// A page of rows is about so large, whatever people wrote.
const PAGE_BYTES: usize = 1 << 20;
const MOST_ROWS: usize = 16_384;
const FIRST_ROWS: usize = 500;
/// Documents that are being stored while the next is made: a disk takes its time to be sure.
const AHEAD: usize = 2;

/// How documents are written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// As `.json.zst`.
    pub compress: bool,
    /// With an index of words beside each, for searches.
    pub words: bool,
    /// All is done but write.
    pub dry_run: bool,
    /// The time that documents say they were made.
    pub made_at: DateTime<Utc>,
}

/// Writes rooms to one archive.
pub struct Archiver<'a> {
    pub(super) history: &'a mut History,
    pub(super) destination: &'a Destination,
    pub(super) form: Form,
    watch: &'a dyn Watch,
    stop: &'a CancellationToken,
    pub(super) manifest: Manifest,
    /// The past that documents are of.
    pub(super) epoch: Epoch,
    page: usize,
    /// Documents that are being stored, the oldest first.
    storing: VecDeque<JoinHandle<Result<Entry, ArchiveError>>>,
    buffers: Buffers,
    worker: Worker,
}

impl<'a> Archiver<'a> {
    pub async fn open(
        history: &'a mut History,
        destination: &'a Destination,
        form: Form,
        watch: &'a dyn Watch,
        stop: &'a CancellationToken,
    ) -> Result<Self, ArchiveError> {
        let manifest = Manifest::load(destination).await?;
        let epoch = history.epoch().await?;
        Ok(Self {
            history,
            destination,
            form,
            watch,
            stop,
            manifest,
            epoch,
            page: FIRST_ROWS,
            storing: VecDeque::new(),
            buffers: Buffers::of(WHOLE),
            worker: Worker::start()?,
        })
    }

    /// The database, between two calls.
    pub fn history(&mut self) -> &mut History {
        self.history
    }

    /// Brings a room's messages into the archive, from its watermark on up to `up_to`. What is
    /// returned is there for certain, and marked.
    pub async fn write(
        &mut self,
        stand: &RoomStand,
        up_to: Seq,
    ) -> Result<Vec<Entry>, ArchiveError> {
        self.expect(stand, up_to).await?;
        let mut rows = self.next_page(stand, stand.archived, up_to).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.unentered(stand).await?;
        let (room, buffers) = ((stand.room.clone(), stand.kind), self.buffers.clone());
        let made = (self.form.made_at, self.epoch.clone());
        let mut builder = Builder::new(room, made, known, buffers);
        let mut entered = Vec::new();
        while let Some(last) = rows.last().map(|row| row.seq)
            && !self.stop.is_cancelled()
        {
            let count = rows.len() as u64;
            // While these become text, the next are read.
            let add = spawn_blocking(move || {
                let done = builder.add(&rows);
                (builder, done)
            });
            let (added, next) = tokio::join!(add, self.next_page(stand, last, up_to));
            let (used, done) = added.map_err(panicked)?;
            (builder, rows) = (used, next?);
            for document in done? {
                self.store(stand, document, &mut entered).await?;
            }
            self.watch.advance(count);
        }
        // Stopped, what was begun is not finished: the next run begins there.
        if !self.stop.is_cancelled() {
            for document in builder.finish() {
                self.store(stand, document, &mut entered).await?;
            }
        }
        self.settle(stand, 0, &mut entered).await?;
        self.save(stand, &entered).await?;
        Ok(entered)
    }

    async fn expect(&mut self, stand: &RoomStand, up_to: Seq) -> Result<(), ArchiveError> {
        if !self.watch.wants_total() {
            return Ok(());
        }
        let (room, after) = (stand.room.key.id, stand.archived);
        self.watch
            .expect(self.history.count(room, after, up_to).await?);
        Ok(())
    }

    /// The rows after `after`, the last of which is `up_to`.
    async fn next_page(
        &mut self,
        stand: &RoomStand,
        after: Seq,
        up_to: Seq,
    ) -> Result<Vec<Row>, ArchiveError> {
        let page = self
            .history
            .page(stand.room.key.id, after, up_to, self.page);
        let rows = page.await?;
        let bytes: usize = rows.iter().map(|row| row.content.len() + 100).sum();
        if let Some(average) = bytes.checked_div(rows.len()) {
            self.page = (PAGE_BYTES / average).clamp(100, MOST_ROWS);
        }
        Ok(rows)
    }

    /// Documents of the room that are there and not in the manifest: written by a run that was
    /// ended before it could enter them. Those that it superseded, and could not remove, go.
    async fn unentered(&mut self, stand: &RoomStand) -> Result<BTreeMap<Seq, Seq>, ArchiveError> {
        let mut paths = self.destination.list(&path::folder(&stand.room)).await?;
        paths.retain(|path| !self.manifest.knows(path::document_of(path)));
        let (superseded, paths): (Vec<_>, Vec<_>) = paths
            .into_iter()
            .partition(|path| self.manifest.was(path::document_of(path)));
        if !self.form.dry_run {
            for path in superseded {
                self.destination.remove(&path).await?;
            }
        }
        Ok(paths.iter().filter_map(|path| path::span(path)).collect())
    }

    /// Begins to store a document, once there are few enough that are not stored yet.
    async fn store(
        &mut self,
        stand: &RoomStand,
        mut document: Document,
        entered: &mut Vec<Entry>,
    ) -> Result<(), ArchiveError> {
        // Compressing takes memory of its own, and leaves less to wait for.
        let beside = if self.form.compress { 0 } else { AHEAD - 1 };
        self.settle(stand, beside, entered).await?;
        let (destination, buffers) = (self.destination.clone(), self.buffers.clone());
        let Form {
            compress,
            words,
            dry_run,
            ..
        } = self.form;
        if self
            .manifest
            .is_of_another(&document.path(compress), &self.epoch)
        {
            document.name_by_epoch(&self.epoch);
        }
        let worker = self.worker.clone();
        self.storing.push_back(tokio::spawn(async move {
            let own = buffers.clone();
            let seal = move || document.seal(compress, words && !dry_run, &own);
            let sealed = worker.run(seal).await??;
            let bytes = sealed.bytes.clone();
            let entry = if dry_run {
                Ok(sealed.entry)
            } else {
                store(&destination, sealed).await
            };
            buffers.keep(bytes);
            entry
        }));
        Ok(())
    }

    /// Waits until no more than `left` documents are being stored, and enters the others.
    async fn settle(
        &mut self,
        stand: &RoomStand,
        left: usize,
        entered: &mut Vec<Entry>,
    ) -> Result<(), ArchiveError> {
        while self.storing.len() > left
            && let Some(oldest) = self.storing.pop_front()
        {
            let entry = oldest.await.map_err(panicked)??;
            self.manifest.add(entry.clone());
            entered.push(entry);
            if self.manifest.worth_saving() {
                self.save(stand, entered).await?;
            }
        }
        Ok(())
    }

    /// Writes the manifest, and then the watermark.
    async fn save(&mut self, stand: &RoomStand, entered: &[Entry]) -> Result<(), ArchiveError> {
        let Some(last) = entered.last().map(|entry| entry.last_seq) else {
            return Ok(());
        };
        if self.form.dry_run {
            return Ok(());
        }
        self.manifest.save(self.destination).await?;
        fault::point("archive:entered");
        self.history.archived(stand.room.key.id, last).await?;
        fault::point("archive:marked");
        Ok(())
    }
}

/// Stores a document and reads it back; what lies beside it, too. One that is there already, from a run that was
/// ended, is taken if it holds the very same, and replaced if it holds the same entries as they were before they
/// were changed: nothing names it yet.
pub(super) async fn store(
    destination: &Destination,
    mut sealed: Sealed,
) -> Result<Entry, ArchiveError> {
    let path = sealed.entry.path.clone();
    if !destination.put_new(&path, sealed.bytes.clone()).await? {
        let there = destination.get(&path).await?;
        let (there, version) = there.ok_or_else(|| ArchiveError::damaged(&path, "it vanished"))?;
        let before = entries(&path, there.clone())?;
        let now = entries(&path, sealed.bytes.clone())?;
        if before == now {
            sealed = Sealed::again(sealed.entry, there)?;
        } else if names(&before).is_some_and(|before| Some(before) == names(&now)) {
            destination
                .replace(&path, sealed.bytes.clone(), Some(version))
                .await?;
        } else {
            return Err(ArchiveError::Exists(path));
        }
    }
    fault::point("archive:written");
    let seen = verify::look(destination, &path).await?;
    let seen = seen.ok_or_else(|| ArchiveError::damaged(&path, "it vanished"))?;
    if let Some(why) = verify::difference(&seen, &sealed.entry) {
        return Err(ArchiveError::damaged(&path, format!("read back, {why}")));
    }
    if let Some(places) = &sealed.places {
        destination
            .put(&path::places(&path), places.to_bytes()?)
            .await?;
    }
    if let Some(words) = sealed.words {
        destination.put(&path::words(&path), words).await?;
    }
    fault::point("archive:read-back");
    Ok(sealed.entry)
}

/// The lines of a document but the first, which says when it was made.
fn entries(path: &str, bytes: Bytes) -> Result<Bytes, ArchiveError> {
    let text = stored::unpacked(path, bytes)?;
    let first = memchr::memchr(b'\n', &text).unwrap_or(text.len());
    Ok(text.slice(first..))
}

/// What the lines of a document begin with, `{"id":42`; `None` if one is not as ours are.
fn names(entries: &[u8]) -> Option<Vec<&[u8]>> {
    let lines = entries.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty() && *line != b"]}");
    let name = |line: &'_ [u8]| -> Option<usize> {
        let end = memchr::memchr(b',', line)?;
        line.starts_with(b"{\"id\":").then_some(end)
    };
    lines.map(|line| Some(&line[..name(line)?])).collect()
}

fn panicked(error: tokio::task::JoinError) -> ArchiveError {
    ArchiveError::Inside(error.to_string())
}
