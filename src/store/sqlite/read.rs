//! Reading the log back.
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnection;

use crate::model::{Message, MessageId, RoomId, RoomRef, Seq};
use crate::store::{Head, Known, Span, StoreError};

const READ: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = ?1 AND m.seq > ?2 ORDER BY m.seq LIMIT ?3";
const READ_NEWS: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = ?1
      AND m.seq > max(?2, (SELECT replayed_seq FROM rooms WHERE id = ?1))
    ORDER BY m.seq LIMIT ?3";
const READ_BEFORE: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = ?1 AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?3";

const SPAN: &str = "WITH page AS
      (SELECT seq FROM messages WHERE room_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3)
    SELECT min(seq), max(seq), count(*), EXISTS
      (SELECT 1 FROM messages WHERE room_id = ?1 AND seq < (SELECT min(seq) FROM page))
    FROM page";

type SpanRow = (Option<Seq>, Option<Seq>, i64, bool);
type Row = (MessageId, Seq, String, String, DateTime<Utc>);

fn message(room: &RoomRef, (id, seq, user, content, created_at): Row) -> Message {
    Message {
        id,
        room: room.name.clone(),
        seq,
        user: user.into(),
        content: content.into(),
        created_at,
    }
}

pub(super) async fn read(
    connection: &mut SqliteConnection,
    room: &RoomRef,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    fetch(connection, READ, room, after, limit).await
}

pub(super) async fn read_news(
    connection: &mut SqliteConnection,
    room: &RoomRef,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    fetch(connection, READ_NEWS, room, after, limit).await
}

pub(super) async fn read_before(
    connection: &mut SqliteConnection,
    room: &RoomRef,
    before: Seq,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let mut newest_first = fetch(connection, READ_BEFORE, room, before, limit).await?;
    newest_first.reverse();
    Ok(newest_first)
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: &'static str,
    room: &RoomRef,
    bound: Seq,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(room.id)
        .bind(bound)
        .bind(limit as i64)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| message(room, row)).collect())
}

pub(super) async fn span(
    connection: &mut SqliteConnection,
    room: RoomId,
    before: Seq,
    limit: usize,
) -> Result<Option<Span>, StoreError> {
    let query = sqlx::query_as(SPAN).bind(room).bind(before);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(found(query.bind(limit).fetch_one(connection).await?))
}

fn found((first, last, count, more): SpanRow) -> Option<Span> {
    Some(Span {
        first: first?,
        last: last?,
        count: usize::try_from(count).unwrap_or(usize::MAX),
        more,
    })
}

pub(super) async fn heads(
    connection: &mut SqliteConnection,
    known: &[Known],
) -> Result<Vec<Head>, StoreError> {
    let known: Vec<_> = known.iter().map(|k| (k.room, k.seq, k.version)).collect();
    let known = serde_json::to_string(&known).unwrap_or_default();
    let rows: Vec<(RoomId, Seq, Seq, i64)> = sqlx::query_as(
        "SELECT r.id, r.last_seq, r.replayed_seq, r.history_version FROM json_each(?1) k
         JOIN rooms r ON r.id = k.value ->> 0
         WHERE r.last_seq > k.value ->> 1 OR r.history_version <> k.value ->> 2",
    )
    .bind(known)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(head).collect())
}

fn head((room, last_seq, replayed_seq, version): (RoomId, Seq, Seq, i64)) -> Head {
    Head {
        room,
        last_seq,
        replayed_seq,
        version,
    }
}
