//! Searching the packs of the database, the newest first, and what is in none of them.
mod columns;

use std::collections::{HashMap, HashSet};

use self::columns::{Columns, Room};
use super::plan::{self, Blocks};
use super::scan::{Matched, Of, hits, newest, scan};
use super::{Asked, Part, SearchError};
use crate::clock::Clock;
use crate::index::pack::{Block, Damaged, Doc, Mark};
use crate::index::{Need, Query};
use crate::model::{MessageId, PackId, RoomId, RoomRef};
use crate::store::StoreError;
use crate::store::search::{BlockRow, Indexed, MOST_OF_A_ROOM, MOST_OF_ALL, PackRow};

/// Packs that are looked at together: few at first, which may be enough.
const FEW: usize = 4;
const MANY: usize = 32;
/// Candidates that are looked up in the column of messages together, in the same way.
const SOME: usize = 64;
const MOST: usize = 4_096;
/// Rows that are read together.
const ROWS: usize = 64;
/// Of so few rooms, their messages alone are candidates.
const FEW_ROOMS: usize = 16;
/// Blocks of a long list of terms that begin alike.
const NEXT: usize = 32;
/// What is judged, or packs that are opened, before others have their turn.
const AT_ONCE: usize = 256;
const PACKS_AT_ONCE: usize = 4;

/// The author of a message after its account was deleted.
const DELETED: &str = "deleted-user";

struct Search<'s> {
    store: &'s dyn Indexed,
    clock: &'s dyn Clock,
    asked: &'s Asked<'s>,
    /// The newest that were found, one more than is enough.
    found: Matched,
    /// What was looked at, whether it is found or not.
    seen: HashSet<i64>,
    complete: bool,
}

/// A pack with what of it may be found.
struct Open {
    pack: PackRow,
    /// Ascending; what was looked at is gone from the end.
    candidates: Vec<u32>,
    /// No candidate has a greater id.
    at_most: i64,
}

pub(super) async fn find(
    store: &dyn Indexed,
    clock: &dyn Clock,
    asked: &Asked<'_>,
) -> Result<Part, SearchError> {
    let mut search = Search {
        store,
        clock,
        asked,
        found: Vec::new(),
        seen: HashSet::new(),
        complete: true,
    };
    let reached = search.all().await?;
    let (found, complete) = (search.found, search.complete);
    Ok(Part {
        hits: hits(store, asked, found).await?,
        reached,
        complete,
    })
}

impl Search<'_> {
    /// Returns down to which id it looked, unless that is all.
    async fn all(&mut self) -> Result<Option<MessageId>, StoreError> {
        if self.asked.query.filters().pinned == Some(true) {
            return self.one_by_one(Of::Pinned, MessageId::new(i64::MAX)).await;
        }
        // First what is not indexed yet: it may be by the time that packs are looked at, and never the other way.
        let Some(below) = self.store.unindexed().await? else {
            return self.one_by_one(Of::All, MessageId::new(i64::MAX)).await;
        };
        self.unpacked().await?;
        if let Some(reached) = self.packs().await? {
            self.complete = false;
            return Ok(Some(reached));
        }
        match self.store.unindexed().await? {
            Some(now) if now <= below => {}
            // The index was dropped under us.
            _ => self.complete = false,
        }
        if below.get() > 0 && !self.is_enough_beyond(below.get()) {
            let next = MessageId::new(below.get().saturating_add(1));
            return self.one_by_one(Of::All, next).await;
        }
        Ok(None)
    }

    async fn one_by_one(
        &mut self,
        of: Of,
        before: MessageId,
    ) -> Result<Option<MessageId>, StoreError> {
        let (store, clock, asked) = (self.store, self.clock, self.asked);
        let reached = scan(store, clock, asked, (of, before), &mut self.found).await?;
        self.complete &= reached.is_none() || self.found.len() > asked.limit;
        Ok(reached)
    }

    /// What no pack has yet is looked at one by one.
    async fn unpacked(&mut self) -> Result<(), StoreError> {
        let behind = self.store.behind().await?;
        let far = |of: &crate::store::search::Behind| {
            let last = of.last.filter(|_| self.asked.room(of.room).is_some());
            last.map(|last| last.since(of.packed))
        };
        let far: Vec<u64> = behind.iter().filter_map(far).collect();
        if far.is_empty() {
            return Ok(());
        }
        let all: u64 = behind
            .iter()
            .filter_map(|of| of.last.map(|last| last.since(of.packed)))
            .sum();
        let too_far = far.iter().any(|far| *far > MOST_OF_A_ROOM.unsigned_abs());
        if too_far || all > MOST_OF_ALL.unsigned_abs() {
            self.complete = false;
        }
        for (n, of) in self.store.unpacked().await?.into_iter().enumerate() {
            if n % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            self.seen.insert(of.id().get());
            if let Some(ranges) = self.asked.judge_row(&of) {
                self.found.push((of, ranges));
            }
        }
        newest(&mut self.found, self.asked.limit + 1);
        Ok(())
    }

    /// Only what has this id, or a greater one, can still be shown.
    fn least(&self) -> i64 {
        let last = self.found.get(self.asked.limit);
        last.map_or(i64::MIN, |(of, _)| of.id().get())
    }

    fn is_enough_beyond(&self, id: i64) -> bool {
        self.least() > id
    }

    async fn packs(&mut self) -> Result<Option<MessageId>, StoreError> {
        let Some(needs) = self.needs().await? else {
            return Ok(None);
        };
        let packs = self.store.packs().await?;
        let packs = packs.into_iter().filter(|pack| self.may_hold(pack));
        let packs: Vec<PackRow> = packs.collect();
        let (mut rest, mut size) = (&packs[..], FEW);
        while let Some(first) = rest.first() {
            if self.is_enough_beyond(first.ids.1) {
                break;
            }
            if self.is_over() {
                return Ok(Some(after(self.at_most(first))));
            }
            let open = self.open(&rest[..size.min(rest.len())], &needs).await?;
            (rest, size) = (&rest[open.len()..], (size * 2).min(MANY));
            if let Some(left) = self.batch(open).await? {
                let then = rest.first().map(|pack| self.at_most(pack));
                return Ok(Some(after(then.map_or(left, |then| left.max(then)))));
            }
        }
        Ok(None)
    }

    fn is_over(&self) -> bool {
        self.clock.now() >= self.asked.until
    }

    /// Nothing of this pack that is asked for has a greater id.
    fn at_most(&self, pack: &PackRow) -> i64 {
        pack.ids.1.min(self.asked.before.get().saturating_sub(1))
    }

    fn may_hold(&self, pack: &PackRow) -> bool {
        let filters = self.asked.query.filters();
        let (since, until) = (filters.since, filters.until);
        pack.live
            && pack.ids.0 < self.asked.before.get()
            && since.is_none_or(|since| pack.times.1 >= since.timestamp_millis())
            && until.is_none_or(|until| pack.times.0 <= until.timestamp_millis())
    }

    /// What a message must have; `None` where none in the database can.
    async fn needs(&self) -> Result<Option<Vec<Need>>, StoreError> {
        let query: &Query = self.asked.query;
        let mut needs = query.needs().to_vec();
        let any =
            |marks: Vec<Mark<'_>>| Need::Any(marks.iter().map(|mark| vec![mark.term()]).collect());
        let from: Vec<&str> = query.filters().from.iter().map(String::as_str).collect();
        if !from.is_empty() && !from.iter().any(|name| name.eq_ignore_ascii_case(DELETED)) {
            let users = self.store.users_named(&from).await?;
            if users.is_empty() {
                return Ok(None);
            }
            needs.push(any(users.iter().map(|id| Mark::Author(id.get())).collect()));
        }
        if self.asked.rooms().len() <= FEW_ROOMS {
            let mark = |room: &RoomRef| Mark::Room(room.key.id.get());
            needs.push(any(self.asked.rooms().map(mark).collect()));
        }
        if query.filters().thread == Some(true) {
            needs.push(Need::Term(Mark::Thread.term()));
        }
        Ok(Some(needs))
    }

    /// What of these packs may be found: of the first of them alone, where the time is over.
    async fn open(&mut self, packs: &[PackRow], needs: &[Need]) -> Result<Vec<Open>, StoreError> {
        let ids: Vec<PackId> = packs.iter().map(|pack| pack.id).collect();
        let terms = plan::terms(needs);
        let mut of_pack: HashMap<PackId, Blocks> = HashMap::new();
        if !terms.is_empty() {
            for block in self.store.blocks_of(&ids, &terms).await? {
                let blocks = of_pack.entry(block.pack).or_default();
                blocks.add(of_row(block));
            }
        }
        let mut open = Vec::with_capacity(packs.len());
        for (n, pack) in packs.iter().enumerate() {
            if n % PACKS_AT_ONCE == PACKS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let mut blocks = of_pack.remove(&pack.id).unwrap_or_default();
            let begun = self.complete_beginnings(pack.id, needs, &mut blocks);
            if !begun.await? || self.is_over() {
                break;
            }
            let every = || (0..u32::try_from(pack.messages).unwrap_or(0)).collect();
            let candidates = self.sound(plan::candidates(needs, &blocks));
            open.push(Open {
                pack: *pack,
                candidates: candidates.map_or_else(Vec::new, |of| of.unwrap_or_else(every)),
                at_most: self.at_most(pack),
            });
        }
        Ok(open)
    }

    /// False where the time is over before that.
    async fn complete_beginnings(
        &mut self,
        pack: PackId,
        needs: &[Need],
        blocks: &mut Blocks,
    ) -> Result<bool, StoreError> {
        while let Some(missing) = self.sound(plan::missing(needs, blocks)) {
            if missing.is_empty() {
                break;
            }
            if self.is_over() {
                return Ok(false);
            }
            for mut of in missing {
                // The next key that there can be.
                of.after.push(0);
                let next = self.store.blocks_from(pack, &of.after, None, NEXT);
                let next = next.await?;
                blocks.go_on(&of.prefix, next.into_iter().map(of_row).collect());
            }
        }
        Ok(true)
    }

    /// Damage is told in the log, and what it hides is not found.
    fn sound<T>(&mut self, read: Result<T, Damaged>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                tracing::warn!(%error, "cannot search a part of the index: 'discordctl search rebuild' makes it anew");
                self.complete = false;
                None
            }
        }
    }

    /// Looks at candidates, the newest of all packs first as far as their ids tell. Returns the greatest id that
    /// was not looked at, where the time is over.
    async fn batch(&mut self, mut open: Vec<Open>) -> Result<Option<i64>, StoreError> {
        let mut columns = Columns::default();
        let mut size = SOME;
        loop {
            let least = self.least();
            open.retain(|of| !of.candidates.is_empty() && of.at_most >= least);
            if open.is_empty() {
                return Ok(None);
            }
            if self.is_over() {
                return Ok(open.iter().map(|of| of.at_most).max());
            }
            let mut group: Vec<(PackId, Vec<u32>)> = Vec::new();
            let mut room = Room::of(size);
            for of in &mut open {
                let taken = room.take(&mut of.candidates);
                group.push((of.pack.id, taken));
                if room.is_full() {
                    break;
                }
            }
            size = (size * 2).min(MOST);
            let docs = columns.read(self, &group).await?;
            for (of, docs) in open.iter_mut().zip(&docs) {
                // What is left comes before each that was taken.
                let least = docs.iter().map(|doc| doc.id).min();
                of.at_most =
                    least.map_or(of.at_most, |least| of.at_most.min(least.saturating_sub(1)));
            }
            if let Some(left) = self.rows(docs.into_iter().flatten().collect()).await? {
                let others = open.iter().map(|of| of.at_most).max();
                return Ok(others.max(Some(left)));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads the messages that are in rooms and times that are asked for, and looks at them. Returns the greatest
    /// id that was not looked at, where the time is over.
    async fn rows(&mut self, docs: Vec<Doc>) -> Result<Option<i64>, StoreError> {
        let mut ids: Vec<i64> = docs
            .into_iter()
            .filter(|doc| self.passes(doc))
            .map(|doc| doc.id)
            .collect();
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        for ids in ids.chunks(ROWS) {
            if self.is_over() {
                return Ok(ids.first().copied());
            }
            let least = self.least();
            let ids: Vec<i64> = ids
                .iter()
                .copied()
                .filter(|id| *id >= least && self.seen.insert(*id))
                .collect();
            if ids.is_empty() {
                continue;
            }
            for of in self.store.candidates(&ids).await? {
                if let Some(ranges) = self.asked.judge_row(&of) {
                    self.found.push((of, ranges));
                }
            }
            newest(&mut self.found, self.asked.limit + 1);
        }
        Ok(None)
    }

    fn passes(&self, doc: &Doc) -> bool {
        let filters = self.asked.query.filters();
        let at = doc.at_ms;
        doc.id < self.asked.before.get()
            && self.asked.room(RoomId::new(doc.room)).is_some()
            && filters
                .since
                .is_none_or(|since| at >= since.timestamp_millis())
            && filters
                .until
                .is_none_or(|until| at <= until.timestamp_millis())
    }
}

/// Down to where was looked, if this is the greatest id that was not.
fn after(left: i64) -> MessageId {
    MessageId::new(left.saturating_add(1))
}

fn of_row(row: BlockRow) -> Block {
    Block {
        key: row.key,
        data: row.data,
    }
}
