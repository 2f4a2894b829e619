//! Writing packs: by one process at a time, and by none that was taken for dead.
//!
//! The writer has put a random number into the one row of `search_state`. Each write first takes that row
//! where the number still stands in it, so that a writer that was replaced writes nothing more.
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::statements::{
    BEGIN, BEHIND, BELOW, CHANGED_IN_POSTGRES, CHANGED_IN_SQLITE, COUNT, DEAD, DELETE_BLOCKS,
    DELETE_PACK, EXISTING, FORGET, HELD, HOLD, LEAVE, LIVE, NEW, NOT_BEGUN, PLACE_IN_POSTGRES,
    PLACE_IN_SQLITE, REMOVE_IN_POSTGRES, REMOVE_IN_SQLITE, SEIZE, SPOKEN_BEFORE,
    SPOKEN_IN_POSTGRES, SPOKEN_IN_SQLITE, STAND, TAKE, UNLIVE, UNPLACE, WRITE_IN_POSTGRES,
    WRITE_IN_SQLITE,
};
use super::{Behind, Changed, PackRow, Spoken};
use crate::model::{MessageId, PackId, RoomId, Seq, UserId};
use crate::store::StoreError;
use crate::store::ask::{Ask, Statement, Turn};
use crate::store::sql::Arg;

/// Without a sign of life for so long, another process may take the writer's place.
pub const PACKS_LIFE: Duration = Duration::from_secs(10);

/// A random number for one time that packs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub i64);

/// What is written of packs. What says `bool` is false where another writes by now, and did nothing then.
#[async_trait]
pub trait Packs: Send + Sync + 'static {
    /// Takes the writer's place, where that is free; with `force`, in any case.
    async fn take_packs(&self, holder: Holder, force: bool) -> Result<bool, StoreError>;

    /// Gives a sign of life, the one after `turn`: false, too, where the database does not know of that one.
    async fn hold_packs(&self, holder: Holder, turn: i64) -> Result<bool, StoreError>;

    async fn leave_packs(&self, holder: Holder) -> Result<(), StoreError>;

    /// Begins the index: what is there now is for one pass over all messages, and what comes is behind.
    async fn begin_index(&self, holder: Holder) -> Result<bool, StoreError>;

    /// Says that there is no index. Its packs are not live any more.
    async fn drop_index(&self, holder: Holder) -> Result<bool, StoreError>;

    /// Enters a pack that is not live yet; `None` where another writes.
    async fn new_pack(&self, holder: Holder, pack: &PackRow) -> Result<Option<PackId>, StoreError>;

    /// Writes blocks with their keys.
    async fn write_blocks(
        &self,
        holder: Holder,
        pack: PackId,
        blocks: &[(&[u8], &[u8])],
    ) -> Result<bool, StoreError>;

    /// Puts blocks in the place of others, so that words are gone.
    async fn replace_blocks(
        &self,
        holder: Holder,
        pack: PackId,
        old: &[&[u8]],
        new: &[(&[u8], &[u8])],
    ) -> Result<bool, StoreError>;

    /// Makes packs live and others not so, in one step with how far rooms are packed: from where they
    /// were to where they are. `below` lowers up to which id messages are not indexed.
    async fn turn_packs(
        &self,
        holder: Holder,
        (live, dead): (&[PackId], &[PackId]),
        rooms: &[(RoomId, Seq, Seq)],
        below: Option<MessageId>,
    ) -> Result<bool, StoreError>;

    /// Deletes some blocks of a pack that is not live, and with the last of them the pack. True while there
    /// are more.
    async fn delete_pack(&self, holder: Holder, pack: PackId) -> Result<bool, StoreError>;

    /// Rooms with entries that are in no pack yet, and rooms that are gone while their words may be in packs.
    async fn behind(&self) -> Result<Vec<Behind>, StoreError>;

    /// Forgets rooms that are gone.
    async fn forget_rooms(&self, holder: Holder, rooms: &[RoomId]) -> Result<bool, StoreError>;

    /// The rooms that there are.
    async fn room_ids(&self) -> Result<Vec<RoomId>, StoreError>;

    /// What was said in each room after a place and up to another, or edited then.
    async fn spoken(&self, parts: &[(RoomId, Seq, Seq)]) -> Result<Vec<Spoken>, StoreError>;

    /// Messages with ids up to this one, the newest first.
    async fn spoken_before(&self, id: MessageId, limit: usize) -> Result<Vec<Spoken>, StoreError>;

    /// Of which messages words are gone, by events in these parts of rooms.
    async fn changed_words(&self, parts: &[(RoomId, Seq, Seq)])
    -> Result<Vec<Changed>, StoreError>;

    /// How many messages there are with ids from one to another.
    async fn count_between(&self, ids: (i64, i64)) -> Result<i64, StoreError>;

    /// Of these ids, those of messages that there are.
    async fn existing(&self, ids: &[i64]) -> Result<Vec<i64>, StoreError>;

    /// Words are gone from blocks, and are not to be left in the database's log.
    fn words_left(&self);
}

type SpokenRow = (
    Seq,
    MessageId,
    RoomId,
    Seq,
    Option<UserId>,
    String,
    DateTime<Utc>,
    Option<Seq>,
);

impl From<SpokenRow> for Spoken {
    fn from((by, id, room, seq, user, content, created_at, thread): SpokenRow) -> Self {
        Self {
            by,
            id,
            room,
            seq,
            user,
            content,
            created_at,
            thread,
        }
    }
}

/// Whether statements were carried out by the writer: the last of them says it by a row.
async fn held(by: &impl Ask, statements: &[Statement<'_>]) -> Result<bool, StoreError> {
    Ok(by.run(Turn::Repeatable, statements).await? > 0)
}

impl From<Holder> for Arg<'_> {
    fn from(holder: Holder) -> Self {
        holder.0.into()
    }
}

#[async_trait]
impl<A: Ask> Packs for A {
    async fn take_packs(&self, holder: Holder, force: bool) -> Result<bool, StoreError> {
        let args = [
            holder.into(),
            Arg::Ahead(PACKS_LIFE),
            Arg::Ahead(2 * PACKS_LIFE),
        ];
        if force {
            return held(self, &[(SEIZE, &args[..2])]).await;
        }
        held(self, &[(TAKE, &args)]).await
    }

    async fn hold_packs(&self, holder: Holder, turn: i64) -> Result<bool, StoreError> {
        let args = [holder.into(), Arg::Ahead(PACKS_LIFE), turn.into()];
        Ok(self.run(Turn::Once, &[(HOLD, &args)]).await? > 0)
    }

    async fn leave_packs(&self, holder: Holder) -> Result<(), StoreError> {
        self.run(Turn::Repeatable, &[(LEAVE, &[holder.into()])])
            .await?;
        Ok(())
    }

    async fn begin_index(&self, holder: Holder) -> Result<bool, StoreError> {
        let (fence, this) = (fence(holder), [holder.into()]);
        held(self, &[(HELD, &fence), (STAND, &this), (BEGIN, &this)]).await
    }

    async fn drop_index(&self, holder: Holder) -> Result<bool, StoreError> {
        let (fence, this) = (fence(holder), [holder.into()]);
        let statements: [Statement<'_>; 4] = [
            (HELD, &fence),
            (UNLIVE, &this),
            (UNPLACE, &this),
            (NOT_BEGUN, &this),
        ];
        held(self, &statements).await
    }

    async fn new_pack(&self, holder: Holder, pack: &PackRow) -> Result<Option<PackId>, StoreError> {
        let (ids, times) = (pack.ids, pack.times);
        let args = [
            holder.into(),
            ids.0.into(),
            ids.1.into(),
            times.0.into(),
            times.1.into(),
            pack.messages.into(),
        ];
        let rows: Vec<(PackId,)> = self.all(Turn::Once, &[(NEW, &args)]).await?;
        Ok(rows.into_iter().next().map(|(id,)| id))
    }

    async fn write_blocks(
        &self,
        holder: Holder,
        pack: PackId,
        blocks: &[(&[u8], &[u8])],
    ) -> Result<bool, StoreError> {
        let sql = self.either(WRITE_IN_POSTGRES, WRITE_IN_SQLITE);
        let args = [holder.into(), pack.into(), Arg::BlobPairs(blocks)];
        let fence = fence(holder);
        held(self, &[(HELD, &fence), (sql, &args), (HELD, &fence)]).await
    }

    async fn replace_blocks(
        &self,
        holder: Holder,
        pack: PackId,
        old: &[&[u8]],
        new: &[(&[u8], &[u8])],
    ) -> Result<bool, StoreError> {
        let remove = self.either(REMOVE_IN_POSTGRES, REMOVE_IN_SQLITE);
        let write = self.either(WRITE_IN_POSTGRES, WRITE_IN_SQLITE);
        let removed = [holder.into(), pack.into(), Arg::Blobs(old)];
        let written = [holder.into(), pack.into(), Arg::BlobPairs(new)];
        let fence = fence(holder);
        let statements: [Statement<'_>; 4] = [
            (HELD, &fence),
            (remove, &removed),
            (write, &written),
            (HELD, &fence),
        ];
        held(self, &statements).await
    }

    async fn turn_packs(
        &self,
        holder: Holder,
        (live, dead): (&[PackId], &[PackId]),
        rooms: &[(RoomId, Seq, Seq)],
        below: Option<MessageId>,
    ) -> Result<bool, StoreError> {
        let numbers = |packs: &[PackId]| packs.iter().map(|id| id.get()).collect::<Vec<_>>();
        let (live, dead) = (numbers(live), numbers(dead));
        let places = triples(rooms);
        let live = [Arg::Numbers(&live), holder.into()];
        let dead = [Arg::Numbers(&dead), holder.into()];
        let places = [holder.into(), Arg::Triples(&places)];
        let place = self.either(PLACE_IN_POSTGRES, PLACE_IN_SQLITE);
        let below = [holder.into(), below.into()];
        let fence = fence(holder);
        let statements: [Statement<'_>; 5] = [
            (HELD, &fence),
            (LIVE, &live),
            (DEAD, &dead),
            (place, &places),
            (BELOW, &below),
        ];
        held(self, &statements).await
    }

    async fn delete_pack(&self, holder: Holder, pack: PackId) -> Result<bool, StoreError> {
        let (fence, args) = (fence(holder), [holder.into(), pack.into()]);
        let blocks: [Statement<'_>; 2] = [(HELD, &fence), (DELETE_BLOCKS, &args)];
        if self.run(Turn::Repeatable, &blocks).await? > 0 {
            return Ok(true);
        }
        let last: [Statement<'_>; 2] = [(HELD, &fence), (DELETE_PACK, &args)];
        self.run(Turn::Repeatable, &last).await?;
        Ok(false)
    }

    async fn behind(&self) -> Result<Vec<Behind>, StoreError> {
        let rows: Vec<(RoomId, Seq, Option<Seq>)> = self.all(Turn::Read, &[(BEHIND, &[])]).await?;
        let behind = |(room, packed, last)| Behind { room, packed, last };
        Ok(rows.into_iter().map(behind).collect())
    }

    async fn forget_rooms(&self, holder: Holder, rooms: &[RoomId]) -> Result<bool, StoreError> {
        let rooms: Vec<i64> = rooms.iter().map(|room| room.get()).collect();
        let args = [Arg::Numbers(&rooms), holder.into()];
        let fence = fence(holder);
        held(self, &[(HELD, &fence), (FORGET, &args), (HELD, &fence)]).await
    }

    async fn room_ids(&self) -> Result<Vec<RoomId>, StoreError> {
        let sql = "SELECT id FROM rooms";
        let rows: Vec<(RoomId,)> = self.all(Turn::Read, &[(sql, &[])]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    async fn spoken(&self, parts: &[(RoomId, Seq, Seq)]) -> Result<Vec<Spoken>, StoreError> {
        let parts = triples(parts);
        let sql = self.either(SPOKEN_IN_POSTGRES, SPOKEN_IN_SQLITE);
        let rows: Vec<SpokenRow> = self
            .all(Turn::Read, &[(sql, &[Arg::Triples(&parts)])])
            .await?;
        Ok(rows.into_iter().map(Spoken::from).collect())
    }

    async fn spoken_before(&self, id: MessageId, limit: usize) -> Result<Vec<Spoken>, StoreError> {
        let args = [id.into(), limit.into()];
        let rows: Vec<SpokenRow> = self.all(Turn::Read, &[(SPOKEN_BEFORE, &args)]).await?;
        Ok(rows.into_iter().map(Spoken::from).collect())
    }

    async fn changed_words(
        &self,
        parts: &[(RoomId, Seq, Seq)],
    ) -> Result<Vec<Changed>, StoreError> {
        let parts = triples(parts);
        let sql = self.either(CHANGED_IN_POSTGRES, CHANGED_IN_SQLITE);
        let rows: Vec<(RoomId, Seq, Option<MessageId>)> = self
            .all(Turn::Read, &[(sql, &[Arg::Triples(&parts)])])
            .await?;
        let changed = |(room, target, id)| Changed { room, target, id };
        Ok(rows.into_iter().map(changed).collect())
    }

    async fn count_between(&self, (first, last): (i64, i64)) -> Result<i64, StoreError> {
        let args = [first.into(), last.into()];
        self.value(Turn::Read, &[(COUNT, &args)]).await
    }

    async fn existing(&self, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        let args = [Arg::Numbers(ids)];
        let rows: Vec<(i64,)> = self.all(Turn::Read, &[(EXISTING, &args)]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    fn words_left(&self) {
        self.words_are_gone();
    }
}

fn triples(parts: &[(RoomId, Seq, Seq)]) -> Vec<[i64; 3]> {
    let of = |&(room, one, other): &(RoomId, Seq, Seq)| [room.get(), one.get(), other.get()];
    parts.iter().map(of).collect()
}

fn fence(holder: Holder) -> [Arg<'static>; 2] {
    [holder.into(), Arg::Ahead(PACKS_LIFE)]
}
