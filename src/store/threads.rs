//! The threads of a room, and how an account stands to each, in either kind of database.
use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::StoreError;
use super::ask::{Ask, Turn};
use super::rows::{self, Row, columns, read_columns};
use super::sql::Arg;
use crate::model::{Entry, MessageId, RoomKey, RoomRef, Seq, UserKey};

/// People of a thread that are named.
const PEOPLE: usize = 5;

/// The replies to one message, its root, as one reader finds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    pub root: Seq,
    /// How many there are, without those that were deleted, of which 1,000 are looked for.
    pub replies: i64,
    /// How many of them the reader has not read. One that was deleted may count until then; none does where
    /// the thread is muted, or the reader has no account.
    pub unread: i64,
    pub last_seq: Seq,
    pub last_at: DateTime<Utc>,
    /// `None` where the database does not have it any more. It is without its reactions and mentions.
    pub message: Option<Entry>,
    /// The accounts that replied last, the latest first; 5 at most.
    pub people: Vec<String>,
    pub interest: Interest,
}

/// Whether an account wants to be told of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interest {
    #[default]
    None,
    Follows,
    Muted,
}

/// What an account makes of its interest in a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    Takes(Interest),
    /// It has none any more, where it was this.
    Leaves(Interest),
}

/// Threads. Which there are, and how many replies each has, is written with the replies; how far they were
/// read, with the other read marks.
#[async_trait]
pub trait Threads: Send + Sync + 'static {
    /// Up to `limit` threads of a room that had their last reply before that place, or of all, the newest
    /// first, in two statements however many they are.
    async fn threads(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Thread>, StoreError>;

    /// The thread of a message; `None` where it never had a reply.
    async fn thread(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        root: Seq,
    ) -> Result<Option<Thread>, StoreError>;

    /// The interest that an account has in the thread of a message, whether it has replies yet or not.
    async fn interest(
        &self,
        user: UserKey,
        room: RoomKey,
        root: Seq,
    ) -> Result<Interest, StoreError>;

    /// Has an account take an interest in the thread of a message, whether it has replies yet or not, and
    /// tells which it has then.
    async fn stand_to_thread(
        &self,
        user: UserKey,
        room: RoomKey,
        root: Seq,
        stance: Stance,
    ) -> Result<Interest, StoreError>;
}

macro_rules! threads {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", t.root, t.replies, t.last_seq, t.last_at,
               (SELECT count(*) FROM (SELECT 1 FROM messages g
                WHERE g.room_id = t.room_id AND g.thread = t.root AND g.gone IS NOT NULL LIMIT 1000) AS gone)
             FROM threads t LEFT JOIN messages m ON m.room_id = t.room_id AND m.seq = t.root
               LEFT JOIN users u ON u.id = m.user_id
             WHERE t.room_id = (SELECT id FROM rooms WHERE id = $1 AND uid = $4) AND ",
            $which,
            " ORDER BY t.last_seq DESC LIMIT $3"
        )
    };
}

const LIST: &str = threads!("t.last_seq < coalesce($2, 9223372036854775807)");
const ONE: &str = threads!("t.root = $2");

/// The last people of each thread `$1` of the room `$2`, and what the reader has of it. All is looked up by an
/// index, one by one: a planner that does not know how many rows there will be would rather read all accounts,
/// and all marks of a reader, of which there may be many.
macro_rules! people {
    ($roots:literal, $people:literal) => {
        concat!(
            $people,
            " UNION ALL SELECT t.root, NULL, NULL, ",
            of_reader!("read_replies"),
            ", ",
            of_reader!("interest"),
            " FROM ",
            $roots,
            " ORDER BY 1, 2 DESC"
        )
    };
}
macro_rules! of_reader {
    ($column:literal) => {
        concat!(
            "(SELECT k.",
            $column,
            " FROM thread_marks k WHERE k.room_id = $2 AND k.root = t.root
                AND k.user_id = (SELECT id FROM users WHERE id = $4 AND uid = $5))"
        )
    };
}

const PEOPLE_IN_POSTGRES: &str = people!(
    "unnest($1::bigint[]) AS t (root)",
    "SELECT t.root, p.replied, p.nickname, NULL, NULL
     FROM unnest($1::bigint[]) AS t (root) CROSS JOIN LATERAL
       (SELECT (SELECT u.nickname FROM users u WHERE u.id = k.user_id) AS nickname, k.replied
        FROM thread_marks k WHERE k.room_id = $2 AND k.root = t.root AND k.replied IS NOT NULL
        ORDER BY k.replied DESC LIMIT $3) p"
);
const PEOPLE_IN_SQLITE: &str = people!(
    "(SELECT value AS root FROM json_each($1)) t",
    "SELECT t.value, k.replied, u.nickname, NULL, NULL FROM json_each($1) t
     CROSS JOIN thread_marks k ON k.room_id = $2 AND k.root = t.value AND k.replied >= coalesce(
       (SELECT l.replied FROM thread_marks l
        WHERE l.room_id = $2 AND l.root = t.value AND l.replied IS NOT NULL
        ORDER BY l.replied DESC LIMIT 1 OFFSET $3 - 1), 0)
     CROSS JOIN users u ON u.id = k.user_id"
);

const INTEREST: &str = "SELECT k.interest FROM thread_marks k
     WHERE k.room_id = (SELECT id FROM rooms WHERE id = $1 AND uid = $2) AND k.root = $3
       AND k.user_id = (SELECT id FROM users WHERE id = $4 AND uid = $5)";

/// `$6` is what it takes an interest as, or what it leaves, negative.
const STAND: &str = "INSERT INTO thread_marks (user_id, room_id, root, interest)
     SELECT u.id, r.id, $3, CASE WHEN $6 > 0 THEN $6 ELSE 0 END
     FROM rooms r JOIN users u ON u.id = $4 AND u.uid = $5 AND u.registered_at IS NOT NULL
     WHERE r.id = $1 AND r.uid = $2
     ON CONFLICT (user_id, room_id, root) DO UPDATE SET interest = CASE
       WHEN $6 > 0 THEN $6 WHEN thread_marks.interest = -$6 THEN 0 ELSE thread_marks.interest END
     RETURNING interest";

impl Interest {
    /// `thread_marks.interest`.
    fn stored(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Follows => 1,
            Self::Muted => 2,
        }
    }

    fn read(stored: Option<i16>) -> Self {
        let all = [Self::Follows, Self::Muted];
        let found = all.into_iter().find(|of| Some(of.stored()) == stored);
        found.unwrap_or_default()
    }
}

/// A row of the list, with its root's.
struct Found {
    message: Option<Row>,
    root: Seq,
    replies: i64,
    last_seq: Seq,
    last_at: DateTime<Utc>,
    gone: i64,
}

/// What belongs to a thread, beside its row.
#[derive(Default)]
struct Beside {
    people: Vec<String>,
    read_replies: i64,
    interest: Interest,
}

macro_rules! read_from {
    ($row:ty) => {
        impl FromRow<'_, $row> for Found {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                let id: Option<MessageId> = row.try_get(0)?;
                let message = match id {
                    None => None,
                    Some(id) => Some(read_columns!(id, row)),
                };
                Ok(Self {
                    message,
                    root: row.try_get(15)?,
                    replies: row.try_get(16)?,
                    last_seq: row.try_get(17)?,
                    last_at: row.try_get(18)?,
                    gone: row.try_get(19)?,
                })
            }
        }
    };
}

read_from!(PgRow);
read_from!(SqliteRow);

impl Found {
    fn thread(self, room: &RoomRef, reader: Option<UserKey>, beside: Beside) -> Thread {
        let replies = (self.replies - self.gone).max(0);
        let calls = reader.is_some() && beside.interest != Interest::Muted;
        let unread = (self.replies - beside.read_replies).clamp(0, replies);
        let message = self.message.map(|row| {
            let mut message = rows::bare(room, row);
            if let Some(label) = room.label() {
                message.room = label.clone();
            }
            message
        });
        Thread {
            root: self.root,
            replies,
            unread: if calls { unread } else { 0 },
            last_seq: self.last_seq,
            last_at: self.last_at,
            message,
            people: beside.people,
            interest: beside.interest,
        }
    }
}

async fn find<A: Ask>(
    by: &A,
    sql: &'static str,
    room: &RoomRef,
    reader: Option<UserKey>,
    (place, limit): (Option<Seq>, usize),
) -> Result<Vec<Thread>, StoreError> {
    let key = room.key;
    let args = [key.id.into(), place.into(), limit.into(), key.uid.into()];
    let found: Vec<Found> = by.all(Turn::Read, &[(sql, &args)]).await?;
    let mut beside = beside(by, key, reader, &found).await?;
    let thread = |found: Found| {
        let beside = beside.remove(&found.root).unwrap_or_default();
        found.thread(room, reader, beside)
    };
    Ok(found.into_iter().map(thread).collect())
}

async fn beside<A: Ask>(
    by: &A,
    room: RoomKey,
    reader: Option<UserKey>,
    found: &[Found],
) -> Result<HashMap<Seq, Beside>, StoreError> {
    let mut all: HashMap<Seq, Beside> = HashMap::new();
    if found.is_empty() {
        return Ok(all);
    }
    let roots: Vec<i64> = found.iter().map(|of| of.root.get()).collect();
    let args = [
        Arg::Numbers(&roots),
        room.id.into(),
        PEOPLE.into(),
        Arg::Number(reader.map(|user| user.id.get())),
        Arg::Number(reader.map(|user| user.uid.get())),
    ];
    let sql = by.either(PEOPLE_IN_POSTGRES, PEOPLE_IN_SQLITE);
    type Row = (Seq, Option<Seq>, Option<String>, Option<i64>, Option<i16>);
    let rows: Vec<Row> = by.all(Turn::Read, &[(sql, &args)]).await?;
    for (root, _, nickname, read_replies, interest) in rows {
        let beside = all.entry(root).or_default();
        if let Some(nickname) = nickname {
            beside.people.push(nickname);
        } else {
            beside.read_replies = read_replies.unwrap_or_default();
            beside.interest = Interest::read(interest);
        }
    }
    Ok(all)
}

#[async_trait]
impl<A: Ask> Threads for A {
    async fn threads(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Thread>, StoreError> {
        find(self, LIST, room, reader, (before, limit)).await
    }

    async fn thread(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        root: Seq,
    ) -> Result<Option<Thread>, StoreError> {
        let found = find(self, ONE, room, reader, (Some(root), 1)).await?;
        Ok(found.into_iter().next())
    }

    async fn interest(
        &self,
        user: UserKey,
        room: RoomKey,
        root: Seq,
    ) -> Result<Interest, StoreError> {
        let args = [
            room.id.into(),
            room.uid.into(),
            root.into(),
            user.id.into(),
            user.uid.into(),
        ];
        let rows: Vec<(i16,)> = self.all(Turn::Read, &[(INTEREST, &args)]).await?;
        let interest = rows.into_iter().next().map(|(interest,)| interest);
        Ok(Interest::read(interest))
    }

    async fn stand_to_thread(
        &self,
        user: UserKey,
        room: RoomKey,
        root: Seq,
        stance: Stance,
    ) -> Result<Interest, StoreError> {
        let interest = match stance {
            Stance::Takes(interest) => i64::from(interest.stored()),
            Stance::Leaves(interest) => -i64::from(interest.stored()),
        };
        let args = [
            room.id.into(),
            room.uid.into(),
            root.into(),
            user.id.into(),
            user.uid.into(),
            interest.into(),
        ];
        let rows: Vec<(Option<i16>,)> = self.all(Turn::Repeatable, &[(STAND, &args)]).await?;
        let interest = rows.into_iter().next().and_then(|(interest,)| interest);
        Ok(Interest::read(interest))
    }
}
