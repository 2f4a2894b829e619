//! Reading the log back, of either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ask::{Ask, Turn};
use super::sql::Arg;
use super::{Head, Heads, Known, Part, Reading, Span, StoreError, epoch};
use crate::model::{Epoch, Message, MessageId, RoomId, RoomRef, RoomVersion, Seq};

/// A page of a room; whether a place is beyond `$2` is the index's to say, also where that is NULL.
macro_rules! page {
    ($which:literal) => {
        concat!(
            "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
             FROM messages m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.room_id = $1 AND m.seq ",
            $which,
            " LIMIT $3"
        )
    };
}

const AFTER: &str = page!("> $2 ORDER BY m.seq");
const BEFORE: &str = page!("< coalesce($2, 9223372036854775807) ORDER BY m.seq DESC");
const NEWS_IN_POSTGRES: &str =
    page!("> greatest($2, (SELECT replayed_seq FROM rooms WHERE id = $1)) ORDER BY m.seq");
const NEWS_IN_SQLITE: &str =
    page!("> max($2, (SELECT replayed_seq FROM rooms WHERE id = $1)) ORDER BY m.seq");

const SPAN: &str = "WITH page AS (SELECT seq FROM messages
      WHERE room_id = $1 AND seq < coalesce($2, 9223372036854775807) ORDER BY seq DESC LIMIT $3)
    SELECT min(seq), max(seq), count(*), EXISTS
      (SELECT 1 FROM messages WHERE room_id = $1 AND seq < (SELECT min(seq) FROM page))
    FROM page";

const HEAD: &str = "SELECT id, last_seq, replayed_seq, history_version FROM rooms WHERE id = $1";

/// The epoch beside each room that is elsewhere than it is known to be, or alone.
macro_rules! heads {
    ($known:literal, $id:literal, $seq:literal, $version:literal) => {
        concat!(
            "SELECT e.epoch, h.id, h.last_seq, h.replayed_seq, h.history_version
             FROM epoch e LEFT JOIN
               (SELECT r.id, r.last_seq, r.replayed_seq, r.history_version
                FROM ",
            $known,
            " JOIN rooms r ON r.id = ",
            $id,
            " WHERE r.last_seq <> ",
            $seq,
            " OR r.history_version <> ",
            $version,
            ") h ON true"
        )
    };
}

const HEADS_IN_POSTGRES: &str = heads!(
    "unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (id, seq, version)",
    "k.id",
    "k.seq",
    "k.version"
);
const HEADS_IN_SQLITE: &str = heads!(
    "json_each($1) k",
    "k.value ->> 0",
    "k.value ->> 1",
    "k.value ->> 2"
);

type HeadRow = (RoomId, Seq, Seq, RoomVersion);
type EpochRow = (
    String,
    Option<RoomId>,
    Option<Seq>,
    Option<Seq>,
    Option<RoomVersion>,
);

#[async_trait]
impl<A: Ask> Reading for A {
    async fn read(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let (sql, place) = match part {
            Part::After(seq) => (AFTER, Some(seq)),
            Part::News(seq) => (self.either(NEWS_IN_POSTGRES, NEWS_IN_SQLITE), Some(seq)),
            Part::Before(seq) => (BEFORE, seq),
        };
        type Row = (MessageId, Seq, String, String, DateTime<Utc>);
        let args = [room.id.into(), place.into(), limit.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let message = |(id, seq, user, content, created_at): Row| Message {
            id,
            room: room.name.clone(),
            seq,
            user: user.into(),
            content: content.into(),
            created_at,
        };
        let mut messages: Vec<Message> = rows.into_iter().map(message).collect();
        if matches!(part, Part::Before(_)) {
            messages.reverse();
        }
        Ok(messages)
    }

    async fn span(
        &self,
        room: RoomId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        type Row = (Option<Seq>, Option<Seq>, i64, bool);
        let args = [room.into(), before.into(), limit.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(SPAN, &args)]).await?;
        let span = |(first, last, count, more): &Row| {
            Some(Span {
                first: (*first)?,
                last: (*last)?,
                count: usize::try_from(*count).unwrap_or(usize::MAX),
                more: *more,
            })
        };
        Ok(rows.first().and_then(span))
    }

    async fn head(&self, room: RoomId) -> Result<Option<Head>, StoreError> {
        let rows: Vec<HeadRow> = self.all(Turn::Read, &[(HEAD, &[room.into()])]).await?;
        Ok(rows.into_iter().next().map(Head::from))
    }

    async fn heads(&self, known: &[Known]) -> Result<Heads, StoreError> {
        let sql = self.either(HEADS_IN_POSTGRES, HEADS_IN_SQLITE);
        let args = [Arg::Known(known)];
        let rows: Vec<EpochRow> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let (epoch, ..) = rows.first().ok_or_else(epoch::missing)?;
        let head = |(_, room, last, replayed, version): &EpochRow| {
            Some(Head::from(((*room)?, (*last)?, (*replayed)?, (*version)?)))
        };
        Ok(Heads {
            epoch: Epoch::named(epoch),
            rooms: rows.iter().filter_map(head).collect(),
        })
    }
}

impl From<HeadRow> for Head {
    fn from((room, last_seq, replayed_seq, version): HeadRow) -> Self {
        Self {
            room,
            last_seq,
            replayed_seq,
            version,
        }
    }
}
