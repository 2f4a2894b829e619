//! Where accounts are mentioned, in either kind of database.
use async_trait::async_trait;

use super::StoreError;
use super::ask::{Ask, Turn};
use super::rows::{self, Row, columns};
use super::sql::Arg;
use crate::model::{Entry, MessageId, RoomId, RoomKind, RoomRef, Seq, Uid, UserKey};

/// The place of a message that mentions an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Mentioned {
    pub message: MessageId,
    pub room: RoomRef,
    pub kind: RoomKind,
    pub seq: Seq,
}

/// Mentions of accounts.
#[async_trait]
pub trait Mentions: Send + Sync + 'static {
    /// Where an account is mentioned before that message, or at all: up to `limit` places, the newest
    /// first, in whatever rooms.
    async fn mentioned(
        &self,
        user: UserKey,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Mentioned>, StoreError>;

    /// Those of these messages of a room that are there, ascending.
    async fn messages_at(&self, room: &RoomRef, places: &[Seq]) -> Result<Vec<Entry>, StoreError>;
}

const MENTIONED: &str = "SELECT t.message_id, t.seq, r.id, r.uid, r.name, r.kind
     FROM mentions t JOIN rooms r ON r.id = t.room_id
     WHERE t.user_id = (SELECT id FROM users WHERE id = $1 AND uid = $2)
       AND t.message_id < coalesce($3, 9223372036854775807)
     ORDER BY t.message_id DESC LIMIT $4";

const AT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages m LEFT JOIN users u ON u.id = m.user_id
     WHERE m.seq @in($1) AND m.room_id = (SELECT id FROM rooms WHERE id = $2 AND uid = $3)
       AND m.kind < 10 ORDER BY m.seq"
);

#[async_trait]
impl<A: Ask> Mentions for A {
    async fn mentioned(
        &self,
        user: UserKey,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Mentioned>, StoreError> {
        let before = Arg::Number(before.map(MessageId::get));
        let args = [user.id.into(), user.uid.into(), before, limit.into()];
        type Row = (MessageId, Seq, RoomId, Uid, String, String);
        let rows: Vec<Row> = self.all(Turn::Read, &[(MENTIONED, &args)]).await?;
        let mentioned = |(message, seq, id, uid, name, kind): Row| Mentioned {
            message,
            room: RoomRef::stored(id, uid, &name),
            kind: RoomKind::stored(&kind),
            seq,
        };
        Ok(rows.into_iter().map(mentioned).collect())
    }

    async fn messages_at(&self, room: &RoomRef, places: &[Seq]) -> Result<Vec<Entry>, StoreError> {
        let places: Vec<i64> = places.iter().map(|seq| seq.get()).collect();
        let args = [
            Arg::Numbers(&places),
            room.key.id.into(),
            room.key.uid.into(),
        ];
        let rows: Vec<Row> = self.all(Turn::Read, &[(AT, &args)]).await?;
        rows::entries(self, room, rows).await
    }
}
