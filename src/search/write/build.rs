//! Making packs: of what was said lately, and in one pass of all that there was.
use super::{ENOUGH, LONG, Term, WriteError, done};
use crate::index::pack::{Builder, Doc, Mark, Pack};
use crate::model::{MessageId, PackId, RoomId, Seq};
use crate::store::search::{Behind, PackRow, Spoken};

/// Entries of one pack of what was said lately.
const MOST: u64 = 8_192;
/// Messages of one pack of a pass, and how many are read at once.
const OF_A_PASS: usize = 32_768;
const PAGE: usize = 4_096;
/// What one transaction writes: on SQLite every other writer waits for it.
const BYTES: usize = 128 << 10;

impl Term {
    /// Makes a pack of what was said lately, if that is enough, or waits for long. Returns how much still waits.
    pub(super) async fn pack(&mut self, behind: &[Behind]) -> Result<i64, WriteError> {
        let now = self.clock.now();
        let far = |of: &Behind| of.last.map_or(0, |last| last.since(of.packed));
        let waiting: u64 = behind.iter().map(far).sum();
        if waiting == 0 {
            self.waits = None;
        }
        let since = (waiting > 0).then(|| *self.waits.get_or_insert(now));
        let waited = since.map_or(std::time::Duration::ZERO, |since| {
            now.saturating_duration_since(since)
        });
        let seconds = i64::try_from(waited.as_secs()).unwrap_or(i64::MAX);
        self.meters.search_behind_seconds.set(seconds);
        if waiting < ENOUGH && waited < LONG {
            return Ok(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
        let mut left = MOST;
        let mut parts: Vec<(RoomId, Seq, Seq)> = Vec::new();
        for of in behind {
            let Some(last) = of.last.filter(|last| *last > of.packed && left > 0) else {
                continue;
            };
            let up_to = last.min(of.packed.plus(left));
            left = left.saturating_sub(up_to.since(of.packed));
            parts.push((of.room, of.packed, up_to));
        }
        let spoken = self.store.spoken(&parts).await?;
        let pack = built(spoken).await?;
        let new = self.write(&pack).await?;
        let new: Vec<PackId> = new.into_iter().collect();
        let turned = self
            .store
            .turn_packs(self.holder, (&new, &[]), &parts, None);
        done(turned.await?)?;
        self.waits = None;
        let packed = MOST - left;
        Ok(i64::try_from(waiting.saturating_sub(packed)).unwrap_or(i64::MAX))
    }

    /// Makes a pack of the newest messages that the index began without. Returns up to which id there are more.
    pub(super) async fn pass(&mut self, below: MessageId) -> Result<i64, WriteError> {
        let mut spoken: Vec<Spoken> = Vec::new();
        let mut at = below;
        let next = loop {
            let page = self.store.spoken_before(at, PAGE).await?;
            let Some(last) = page.last() else {
                break 0;
            };
            at = MessageId::new(last.id.get().saturating_sub(1));
            let whole = page.len() == PAGE;
            spoken.extend(page);
            if !whole {
                break 0;
            }
            if spoken.len() >= OF_A_PASS {
                break at.get();
            }
        };
        let pack = built(spoken).await?;
        let new = self.write(&pack).await?;
        let new: Vec<PackId> = new.into_iter().collect();
        let below = Some(MessageId::new(next));
        let turned = self.store.turn_packs(self.holder, (&new, &[]), &[], below);
        done(turned.await?)?;
        Ok(next)
    }

    /// Writes a pack that is not live yet; nothing where there is nothing in it.
    pub(super) async fn write(&mut self, pack: &Pack) -> Result<Option<PackId>, WriteError> {
        if pack.docs == 0 {
            return Ok(None);
        }
        let row = PackRow {
            id: PackId::new(0),
            ids: pack.ids,
            times: pack.times,
            messages: pack.docs.into(),
            live: false,
        };
        let id = self.store.new_pack(self.holder, &row).await?;
        let id = id.ok_or(WriteError::Lost)?;
        let mut rest = &pack.blocks[..];
        while !rest.is_empty() {
            let mut bytes = 0;
            let many = rest.iter().take_while(|block| {
                let fits = bytes < BYTES;
                bytes += block.data.len();
                fits
            });
            let (blocks, others) = rest.split_at(many.count());
            rest = others;
            let blocks = blocks.iter().map(|of| (&*of.key, &*of.data));
            let blocks: Vec<(&[u8], &[u8])> = blocks.collect();
            done(self.store.write_blocks(self.holder, id, &blocks).await?)?;
        }
        Ok(Some(id))
    }
}

/// A pack of messages that have words.
async fn built(spoken: Vec<Spoken>) -> Result<Pack, WriteError> {
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = Builder::new();
        for of in spoken.iter().filter(|of| !of.content.is_empty()) {
            let doc = Doc {
                id: of.id.get(),
                seq: of.seq.get(),
                room: of.room.get(),
                at_ms: of.created_at.timestamp_millis(),
            };
            let mut marks = vec![Mark::Room(doc.room)];
            marks.extend(of.user.map(|user| Mark::Author(user.get())));
            marks.extend(of.thread.map(|_| Mark::Thread));
            builder.add(doc, &of.content, &marks);
        }
        builder.finish()
    });
    built.await.map_err(|e| WriteError::Inside(e.to_string()))
}
