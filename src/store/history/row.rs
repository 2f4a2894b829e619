//! An entry as its row and those of other tables have it, in the numbers that are stored.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use crate::model::{MessageId, Number, Seq, UserId};

/// A stored entry. `user` is `None` where its author was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: MessageId,
    pub seq: Seq,
    pub number: Number,
    pub user: Option<Arc<str>>,
    pub content: String,
    pub created_at: DateTime<Utc>,
    /// What few entries have; most are a text and nothing else.
    pub details: Option<Box<Details>>,
}

/// What an entry may have beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// A message below [`EVENTS`], else an event.
    pub kind: i16,
    pub target: Option<Seq>,
    pub thread: Option<Seq>,
    pub reply_to: Option<Seq>,
    pub edited_at: Option<DateTime<Utc>>,
    pub gone: Option<i16>,
    pub pinned_at: Option<DateTime<Utc>>,
    pub reacted: bool,
    pub reactions: Vec<Reacted>,
    /// The nicknames that it calls.
    pub mentions: Vec<Arc<str>>,
    /// Where it is the first message of a thread.
    pub root: Option<Root>,
}

/// Kinds from here on are events.
pub const EVENTS: i16 = 10;

/// One person's reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reacted {
    pub emoji: String,
    pub user: Arc<str>,
    pub at: DateTime<Utc>,
}

/// How the thread below a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub replies: i64,
    pub last_seq: Seq,
    pub last_at: DateTime<Utc>,
}

impl Row {
    pub fn is_message(&self) -> bool {
        let event = |details: &Details| details.kind >= EVENTS;
        !self.details.as_deref().is_some_and(event)
    }
}

/// A row with its author's id.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) user: Option<UserId>,
    pub(super) row: Row,
}

/// The columns of a [`Raw`], in order.
macro_rules! columns {
    () => {
        "id, seq, user_id, content, created_at, number, kind, target, thread, reply_to, edited_at, gone,
         reacted, pinned_at"
    };
}
pub(super) use columns;

/// How many there are.
pub(super) const COLUMNS: i16 = 14;

impl Raw {
    pub(super) fn new(
        (id, seq, user): (MessageId, Seq, Option<UserId>),
        (content, created_at): (String, DateTime<Utc>),
        number: Option<Number>,
        details: Details,
    ) -> Self {
        let row = Row {
            id,
            seq,
            number: number.unwrap_or(Number::new(seq.get())),
            user: None,
            content,
            created_at,
            details: (details != Details::default()).then(|| Box::new(details)),
        };
        Self { user, row }
    }
}

macro_rules! read_from {
    ($row:ty) => {
        impl FromRow<'_, $row> for Raw {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                let details = Details {
                    kind: row.try_get(6)?,
                    target: row.try_get(7)?,
                    thread: row.try_get(8)?,
                    reply_to: row.try_get(9)?,
                    edited_at: row.try_get(10)?,
                    gone: row.try_get(11)?,
                    reacted: row.try_get::<i16, _>(12)? != 0,
                    pinned_at: row.try_get(13)?,
                    ..Details::default()
                };
                Ok(Self::new(
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
                    (row.try_get(3)?, row.try_get(4)?),
                    row.try_get(5)?,
                    details,
                ))
            }
        }
    };
}

read_from!(PgRow);
read_from!(SqliteRow);
