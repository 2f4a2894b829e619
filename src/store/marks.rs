//! How far people have read, in either kind of database.
use std::collections::HashMap;

use async_trait::async_trait;

use super::ask::{Ask, Turn};
use super::sql::Arg;
use super::{InstanceId, StoreError};
use crate::model::{RoomId, RoomKey, Seq, Uid, UserId, UserKey};

/// Rooms of one person in one answer.
const MOST_ROOMS: usize = 2_000;

/// How far a person has read in a room, or in the thread of a message there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub user: UserKey,
    pub room: RoomKey,
    /// That message, the first of its thread.
    pub thread: Option<Seq>,
    pub seq: Seq,
}

/// A mark that went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub user: UserId,
    pub room: RoomId,
    pub thread: Option<Seq>,
    /// Where it is now: at its room's end, if it was beyond. In a thread, where it was to be.
    pub seq: Seq,
    /// Its person is online through another instance, too.
    pub elsewhere: bool,
}

/// How a person stands to what was said in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadSoFar {
    pub room: RoomKey,
    /// How many messages there were, ever.
    pub last_number: i64,
    /// How many of them the person has read, or passed over: what was said before it joined is.
    pub read_number: i64,
    /// How many of the others name the person.
    pub mentions: i64,
    /// The person wants no calls from there.
    pub muted: bool,
}

impl ReadSoFar {
    pub fn unread(&self) -> i64 {
        (self.last_number - self.read_number).max(0)
    }
}

/// A reader of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seer {
    pub nickname: String,
    pub display_name: Option<String>,
}

/// How far people have read. A mark is a maximum: it never goes back.
#[async_trait]
pub trait Marks: Send + Sync + 'static {
    /// Moves marks, those of rooms in one statement and those of threads in another. One beyond its room's
    /// end is at its end, and one of a room, a thread or a person that is not there, or of a guest, is passed
    /// over. Returns those that went on, as `here` sees them.
    async fn mark_read(&self, marks: &[Mark], here: InstanceId) -> Result<Vec<Moved>, StoreError>;

    /// The readers of a room up to a place, the first by nickname, and their number.
    async fn seen_by(
        &self,
        room: RoomKey,
        seq: Seq,
        limit: usize,
    ) -> Result<(Vec<Seer>, u64), StoreError>;

    /// Has a room not call an account, or call it again; nothing where one of them is not there.
    async fn set_muted(&self, user: UserKey, room: RoomKey, muted: bool) -> Result<(), StoreError>;

    /// How a person stands to the rooms that it is a member of; 2,000 at most.
    async fn readings(&self, user: UserKey) -> Result<Vec<ReadSoFar>, StoreError>;
}

macro_rules! is_elsewhere {
    ($marks:literal, $here:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = ",
            $marks,
            ".user_id AND s.account = @true AND s.online = @true AND s.instance_id <> ",
            $here,
            ")"
        )
    };
}

/// The marks `k` of a batch.
macro_rules! marks_in_postgres {
    ($mark:ident) => {
        $mark!(
            "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
               AS k (user_id, user_uid, room_id, room_uid, thread, seq)",
            "$7"
        )
    };
}
macro_rules! marks_in_sqlite {
    ($mark:ident) => {
        $mark!(
            "(SELECT value ->> 0 AS user_id, value ->> 1 AS user_uid, value ->> 2 AS room_id,
                value ->> 3 AS room_uid, value ->> 4 AS thread, value ->> 5 AS seq
              FROM json_each($1)) k",
            "$2"
        )
    };
}

/// `k` are the marks. The number is that of the last message up to there; where the archive alone still has
/// that, it is no more than what comes before the first that is there.
macro_rules! mark_read {
    ($marks:literal, $here:literal) => {
        concat!(
            "INSERT INTO read_marks (user_id, room_id, read_seq, read_number)
             SELECT u.id, r.id,
               CASE WHEN k.seq < r.last_seq THEN k.seq ELSE r.last_seq END,
               CASE WHEN k.seq >= r.last_seq THEN r.last_number ELSE coalesce(
                 (SELECT coalesce(m.number, m.seq) FROM messages m
                  WHERE m.room_id = r.id AND m.seq <= k.seq ORDER BY m.seq DESC LIMIT 1),
                 (SELECT CASE WHEN before.number < k.seq THEN before.number ELSE k.seq END
                  FROM (SELECT coalesce(m.number, m.seq) - CASE WHEN m.kind < 10 THEN 1 ELSE 0 END
                          AS number
                        FROM messages m WHERE m.room_id = r.id ORDER BY m.seq LIMIT 1) before),
                 r.last_number) END
             FROM ",
            $marks,
            " JOIN users u ON u.id = k.user_id AND u.uid = k.user_uid AND u.registered_at IS NOT NULL
                 AND u.disabled_at IS NULL
               JOIN rooms r ON r.id = k.room_id AND r.uid = k.room_uid
             WHERE k.seq > 0 AND k.thread IS NULL ORDER BY u.id, r.id
             ON CONFLICT (user_id, room_id) DO UPDATE
               SET read_seq = excluded.read_seq,
                 read_number = @greatest(excluded.read_number, read_marks.read_number)
               WHERE excluded.read_seq > read_marks.read_seq
             RETURNING user_id, room_id, read_seq, ",
            is_elsewhere!("read_marks", $here)
        )
    };
}

/// The same of threads, with the end of the room. What is not there any more was read as well, so those that
/// are left are counted: 1,000 at most, beyond which it makes no difference to a reader.
macro_rules! mark_threads {
    ($marks:literal, $here:literal) => {
        concat!(
            "INSERT INTO thread_marks (user_id, room_id, root, read_replies)
             SELECT u.id, t.room_id, t.root,
               CASE WHEN k.seq >= t.last_seq THEN t.replies ELSE t.replies -
                 (SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.room_id = t.room_id
                    AND m.thread = t.root AND m.seq > k.seq LIMIT 1000) AS later) END
             FROM ",
            $marks,
            " JOIN users u ON u.id = k.user_id AND u.uid = k.user_uid AND u.registered_at IS NOT NULL
                 AND u.disabled_at IS NULL
               JOIN rooms r ON r.id = k.room_id AND r.uid = k.room_uid
               JOIN threads t ON t.room_id = r.id AND t.root = k.thread
             WHERE k.seq > 0 ORDER BY u.id, t.room_id, t.root
             ON CONFLICT (user_id, room_id, root) DO UPDATE SET read_replies = excluded.read_replies
               WHERE excluded.read_replies > thread_marks.read_replies
             RETURNING user_id, room_id, root, ",
            is_elsewhere!("thread_marks", $here),
            ", (SELECT o.last_seq FROM rooms o WHERE o.id = thread_marks.room_id)"
        )
    };
}

/// Of people with a mark at or beyond a message.
macro_rules! seen {
    ($what:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM rooms r JOIN read_marks k ON k.room_id = r.id AND k.read_seq >= $3
                JOIN users u ON u.id = k.user_id
              WHERE r.id = $1 AND r.uid = $2 AND r.seen > 0 AND u.disabled_at IS NULL",
            $rest
        )
    };
}

const COUNT_SEEN: &str = seen!("count(*)", "");
const SEEN: &str = seen!(
    "u.nickname, u.display_name",
    " ORDER BY @lower(u.nickname@c) LIMIT $4"
);

/// To mute a room before one joins it is not to have missed what was said there until then.
const SET_MUTED: &str = "INSERT INTO read_marks (user_id, room_id, muted, read_number)
     SELECT u.id, r.id, CASE WHEN $5 > 0 THEN 1 ELSE 0 END, CASE WHEN EXISTS
       (SELECT 1 FROM room_members m WHERE m.room_id = r.id AND m.user_id = u.id)
       THEN 0 ELSE r.last_number END FROM users u, rooms r
     WHERE u.id = $1 AND u.uid = $2 AND r.id = $3 AND r.uid = $4
     ON CONFLICT (user_id, room_id) DO UPDATE SET muted = excluded.muted";

const READINGS: &str = "SELECT r.id, r.uid, r.last_number, coalesce(k.read_number, 0),
       (SELECT count(*) FROM mentions t
        WHERE t.user_id = u.id AND t.room_id = r.id AND t.seq > coalesce(k.read_seq, 0)),
       coalesce(k.muted, 0) > 0
     FROM users u JOIN room_members m ON m.user_id = u.id JOIN rooms r ON r.id = m.room_id
       LEFT JOIN read_marks k ON k.user_id = u.id AND k.room_id = r.id
     WHERE u.id = $1 AND u.uid = $2 ORDER BY r.id LIMIT $3";

const ROOMS_IN_POSTGRES: &str = marks_in_postgres!(mark_read);
const ROOMS_IN_SQLITE: &str = marks_in_sqlite!(mark_read);
const THREADS_IN_POSTGRES: &str = marks_in_postgres!(mark_threads);
const THREADS_IN_SQLITE: &str = marks_in_sqlite!(mark_threads);

#[async_trait]
impl<A: Ask> Marks for A {
    async fn mark_read(&self, marks: &[Mark], here: InstanceId) -> Result<Vec<Moved>, StoreError> {
        let args = [Arg::Marks(marks), here.into()];
        let mut moved = Vec::new();
        if marks.iter().any(|mark| mark.thread.is_none()) {
            let sql = self.either(ROOMS_IN_POSTGRES, ROOMS_IN_SQLITE);
            let rows: Vec<(UserId, RoomId, Seq, bool)> =
                self.all(Turn::Repeatable, &[(sql, &args)]).await?;
            moved.extend(rows.into_iter().map(|(user, room, seq, elsewhere)| Moved {
                user,
                room,
                thread: None,
                seq,
                elsewhere,
            }));
        }
        if marks.iter().any(|mark| mark.thread.is_some()) {
            let sql = self.either(THREADS_IN_POSTGRES, THREADS_IN_SQLITE);
            let rows: Vec<(UserId, RoomId, Seq, bool, Seq)> =
                self.all(Turn::Repeatable, &[(sql, &args)]).await?;
            let key = |mark: &Mark| Some(((mark.user.id, mark.room.id, mark.thread?), mark.seq));
            let wanted: HashMap<_, _> = marks.iter().filter_map(key).collect();
            moved.extend(
                rows.into_iter()
                    .filter_map(|(user, room, root, elsewhere, end)| {
                        Some(Moved {
                            user,
                            room,
                            thread: Some(root),
                            seq: end.min(*wanted.get(&(user, room, root))?),
                            elsewhere,
                        })
                    }),
            );
        }
        Ok(moved)
    }

    async fn seen_by(
        &self,
        room: RoomKey,
        seq: Seq,
        limit: usize,
    ) -> Result<(Vec<Seer>, u64), StoreError> {
        let this: [Arg<'_>; 3] = [room.id.into(), room.uid.into(), seq.into()];
        let count: i64 = self.value(Turn::Read, &[(COUNT_SEEN, &this)]).await?;
        let args = [this[0], this[1], this[2], limit.into()];
        let rows: Vec<(String, Option<String>)> = self.all(Turn::Read, &[(SEEN, &args)]).await?;
        let seer = |(nickname, display_name)| Seer {
            nickname,
            display_name,
        };
        Ok((rows.into_iter().map(seer).collect(), count.unsigned_abs()))
    }

    async fn set_muted(&self, user: UserKey, room: RoomKey, muted: bool) -> Result<(), StoreError> {
        let muted = Arg::Number(Some(muted.into()));
        let args = [
            user.id.into(),
            user.uid.into(),
            room.id.into(),
            room.uid.into(),
            muted,
        ];
        self.run(Turn::Repeatable, &[(SET_MUTED, &args)]).await?;
        Ok(())
    }

    async fn readings(&self, user: UserKey) -> Result<Vec<ReadSoFar>, StoreError> {
        let args = [user.id.into(), user.uid.into(), MOST_ROOMS.into()];
        type Row = (RoomId, Uid, i64, i64, i64, bool);
        let rows: Vec<Row> = self.all(Turn::Read, &[(READINGS, &args)]).await?;
        let so_far = |(id, uid, last_number, read_number, mentions, muted): Row| ReadSoFar {
            room: RoomKey { id, uid },
            last_number,
            read_number,
            mentions,
            muted,
        };
        Ok(rows.into_iter().map(so_far).collect())
    }
}
