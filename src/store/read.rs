//! Reading the log back, of either kind of database.
use std::collections::HashMap;

use async_trait::async_trait;

use super::ask::{Ask, Turn};
use super::rows::{self, Row, columns};
use super::sql::Arg;
use super::{
    Archived, Authored, Head, Heads, Kept, Known, Part, Reading, Span, StoreError, epoch, history,
    kept,
};
use crate::model::{
    Entry, Epoch, Reactions, RoomId, RoomKey, RoomKind, RoomRef, RoomVersion, Seq, Uid, UserId,
    UserKey,
};

/// A page of the room with id `$1` and uid `$4`. The index finds the first place beyond `$2`, also where
/// that is NULL.
macro_rules! page {
    ($which:expr, $limit:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM messages m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.room_id = (SELECT id FROM rooms WHERE id = $1 AND uid = $4) AND m.seq ",
            $which,
            " LIMIT ",
            $limit
        )
    };
}

/// The last `$3` before the place `$2`, or of all, of which that holds; descending.
macro_rules! before {
    ($which:literal) => {
        page!(
            concat!(
                "< coalesce($2, 9223372036854775807) AND ",
                $which,
                " ORDER BY m.seq DESC"
            ),
            "$3"
        )
    };
}

pub(super) const AFTER: &str = page!("> $2 ORDER BY m.seq", "$3");
const SINCE: &str = page!("> $2 AND m.kind < 10 ORDER BY m.seq", "$3");
const BEFORE: &str = before!("m.kind < 10");
const PINNED: &str = before!("m.pinned_at IS NOT NULL");
const REPLIES: &str = before!("m.thread = $5 AND m.kind < 10");
const REPLIES_SINCE: &str = page!(
    "> $2 AND m.thread = $5 AND m.kind < 10 ORDER BY m.seq",
    "$3"
);
const NEWS_IN_POSTGRES: &str = page!(
    "> greatest($2, (SELECT replayed_seq FROM rooms WHERE id = $1)) ORDER BY m.seq",
    "$3"
);
const NEWS_IN_SQLITE: &str = page!(
    "> max($2, (SELECT replayed_seq FROM rooms WHERE id = $1)) ORDER BY m.seq",
    "$3"
);
/// From the message on that has `$3` newer ones.
const NEWEST: &str = page!(
    ">= coalesce((SELECT seq FROM messages WHERE room_id = $1 AND kind < 10
         ORDER BY seq DESC LIMIT 1 OFFSET $3), $2) ORDER BY m.seq DESC",
    "2048"
);

const SPAN: &str = "WITH page AS (SELECT seq FROM messages
      WHERE room_id = (SELECT id FROM rooms WHERE id = $1 AND uid = $4)
        AND seq < coalesce($2, 9223372036854775807) AND kind < 10 ORDER BY seq DESC LIMIT $3)
    SELECT min(seq), max(seq), count(*), EXISTS (SELECT 1 FROM messages
      WHERE room_id = $1 AND seq < (SELECT min(seq) FROM page) AND kind < 10)
    FROM page";

const AUTHORED: &str = "SELECT u.id, u.uid, coalesce(u.nickname, 'deleted-user'),
      m.kind < 10 AND m.gone IS NULL
    FROM messages m JOIN rooms r ON r.id = m.room_id LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = $1 AND m.seq = $2 AND r.uid = $3";

const HEAD: &str = "SELECT last_seq, replayed_seq, history_version, kind FROM rooms
    WHERE id = $1 AND uid = $2";

/// The epoch beside each room that is elsewhere than it is known to be, without a place where it is
/// gone, or alone. A room that was deleted left a line among the changes of rights.
macro_rules! heads {
    ($known:literal, $id:literal, $uid:literal, $seq:literal, $version:literal) => {
        concat!(
            "SELECT e.epoch, h.id, h.uid, h.last_seq, h.replayed_seq, h.history_version, h.kind,
               h.deleted
             FROM epoch e LEFT JOIN
               (SELECT ",
            $id,
            " AS id, ",
            $uid,
            " AS uid, r.last_seq, r.replayed_seq, r.history_version, r.kind,
                 r.id IS NULL AND EXISTS (SELECT 1 FROM rights_changes c
                   WHERE c.room_id = ",
            $id,
            " AND c.user_id IS NULL AND c.ends = @true) AS deleted
                FROM ",
            $known,
            " LEFT JOIN rooms r ON r.id = ",
            $id,
            " AND r.uid = ",
            $uid,
            " WHERE r.id IS NULL OR r.last_seq <> ",
            $seq,
            " OR r.history_version <> ",
            $version,
            ") h ON true"
        )
    };
}

const HEADS_IN_POSTGRES: &str = heads!(
    "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (id, uid, seq, version)",
    "k.id",
    "k.uid",
    "k.seq",
    "k.version"
);
const HEADS_IN_SQLITE: &str = heads!(
    "json_each($1) k",
    "k.value ->> 0",
    "k.value ->> 1",
    "k.value ->> 2",
    "k.value ->> 3"
);

type HeadRow = (Seq, Seq, RoomVersion, String);
type EpochRow = (
    String,
    Option<RoomId>,
    Option<Uid>,
    Option<Seq>,
    Option<Seq>,
    Option<RoomVersion>,
    Option<String>,
    Option<bool>,
);

#[async_trait]
impl<A: Ask> Reading for A {
    async fn read(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (sql, place, limit) = match part {
            Part::After(seq) => (AFTER, Some(seq), limit),
            Part::News(seq) => {
                let news = self.either(NEWS_IN_POSTGRES, NEWS_IN_SQLITE);
                (news, Some(seq), limit)
            }
            Part::Newest => (NEWEST, Some(Seq::START), limit.saturating_sub(1)),
            Part::Before(seq) => (BEFORE, seq, limit),
            Part::Pinned(seq) => (PINNED, seq, limit),
            Part::Since(seq) => (SINCE, Some(seq), limit),
            Part::Replies(_, before) => (REPLIES, before, limit),
            Part::RepliesSince(_, after) => (REPLIES_SINCE, Some(after), limit),
        };
        let key = room.key;
        let mut args = vec![key.id.into(), place.into(), limit.into(), key.uid.into()];
        if let Part::Replies(root, _) | Part::RepliesSince(root, _) = part {
            args.push(root.into());
        }
        let mut rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let descending = matches!(
            part,
            Part::Before(_) | Part::Newest | Part::Pinned(_) | Part::Replies(..)
        );
        if descending {
            rows.reverse();
        }
        rows::entries(self, room, rows).await
    }

    async fn authored(&self, room: RoomKey, seq: Seq) -> Result<Option<Authored>, StoreError> {
        type Row = (Option<UserId>, Option<Uid>, String, bool);
        let args = [room.id.into(), seq.into(), room.uid.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(AUTHORED, &args)]).await?;
        let authored = |(id, uid, nickname, is_said): Row| Authored {
            user: id.zip(uid).map(|(id, uid)| UserKey { id, uid }),
            nickname,
            is_said,
        };
        Ok(rows.into_iter().next().map(authored))
    }

    async fn reactions(
        &self,
        room: &RoomRef,
        messages: &[Seq],
    ) -> Result<HashMap<Seq, Reactions>, StoreError> {
        rows::reactions(self, room, messages).await
    }

    async fn span(
        &self,
        room: RoomKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        type Row = (Option<Seq>, Option<Seq>, i64, bool);
        let args = [room.id.into(), before.into(), limit.into(), room.uid.into()];
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

    async fn kept(
        &self,
        room: RoomKey,
        range: (Seq, Seq),
        thread: Option<Seq>,
    ) -> Result<Option<Kept>, StoreError> {
        kept::kept(self, room, range, thread).await
    }

    async fn archived(&self, rooms: &[RoomKey]) -> Result<Vec<Archived>, StoreError> {
        kept::archived(self, rooms).await
    }

    async fn display_names(&self, nicknames: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        kept::display_names(self, nicknames).await
    }

    async fn erasures(&self) -> Result<Vec<history::Erasure>, StoreError> {
        kept::erasures(self).await
    }

    async fn head(&self, room: RoomKey) -> Result<Option<Head>, StoreError> {
        let args = [room.id.into(), room.uid.into()];
        let rows: Vec<HeadRow> = self.all(Turn::Read, &[(HEAD, &args)]).await?;
        Ok(rows.into_iter().next().map(|row| head(room, row)))
    }

    async fn heads(&self, known: &[Known]) -> Result<Heads, StoreError> {
        let sql = self.either(HEADS_IN_POSTGRES, HEADS_IN_SQLITE);
        let args = [Arg::Known(known)];
        let rows: Vec<EpochRow> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let (epoch, ..) = rows.first().ok_or_else(epoch::missing)?;
        let mut heads = Heads {
            epoch: Epoch::named(epoch),
            rooms: Vec::new(),
            gone: Vec::new(),
            deleted: Vec::new(),
        };
        for (_, id, uid, last, replayed, version, kind, deleted) in rows {
            let (Some(id), Some(uid)) = (id, uid) else {
                continue;
            };
            let room = RoomKey { id, uid };
            match (last, replayed, version, kind) {
                (Some(last), Some(replayed), Some(version), Some(kind)) => {
                    heads
                        .rooms
                        .push(head(room, (last, replayed, version, kind)));
                }
                _ if deleted == Some(true) => heads.deleted.push(room),
                _ => heads.gone.push(room),
            }
        }
        Ok(heads)
    }
}

fn head(room: RoomKey, (last_seq, replayed_seq, version, kind): HeadRow) -> Head {
    Head {
        room,
        last_seq,
        replayed_seq,
        version,
        kind: RoomKind::stored(&kind),
    }
}
