//! Reading the log back.
use chrono::{DateTime, Utc};

use super::connection::Connection;
use crate::model::{Message, MessageId, RoomId, RoomRef, Seq};
use crate::store::{Head, Known, Span};

const READ: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3";
const READ_NEWS: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = $1
      AND m.seq > greatest($2, (SELECT replayed_seq FROM rooms WHERE id = $1))
    ORDER BY m.seq LIMIT $3";
const READ_BEFORE: &str =
    "SELECT m.id, m.seq, coalesce(u.nickname, 'deleted-user'), m.content, m.created_at
    FROM messages m LEFT JOIN users u ON u.id = m.user_id
    WHERE m.room_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3";

const SPAN: &str = "WITH page AS
      (SELECT seq FROM messages WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3)
    SELECT min(seq), max(seq), count(*), EXISTS
      (SELECT 1 FROM messages WHERE room_id = $1 AND seq < (SELECT min(seq) FROM page))
    FROM page";

pub(super) async fn read(
    connection: &mut Connection,
    room: &RoomRef,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>, sqlx::Error> {
    fetch(connection, READ, room, after, limit).await
}

pub(super) async fn read_news(
    connection: &mut Connection,
    room: &RoomRef,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>, sqlx::Error> {
    fetch(connection, READ_NEWS, room, after, limit).await
}

pub(super) async fn read_before(
    connection: &mut Connection,
    room: &RoomRef,
    before: Seq,
    limit: usize,
) -> Result<Vec<Message>, sqlx::Error> {
    let mut newest_first = fetch(connection, READ_BEFORE, room, before, limit).await?;
    newest_first.reverse();
    Ok(newest_first)
}

type SpanRow = (Option<Seq>, Option<Seq>, i64, bool);
type Row = (MessageId, Seq, String, String, DateTime<Utc>);

async fn fetch(
    connection: &mut Connection,
    sql: &'static str,
    room: &RoomRef,
    bound: Seq,
    limit: usize,
) -> Result<Vec<Message>, sqlx::Error> {
    let query = sqlx::query_as(sql).bind(room.id).bind(bound);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = connection.all(query.bind(limit)).await?;
    let message = |(id, seq, user, content, created_at): Row| Message {
        id,
        room: room.name.clone(),
        seq,
        user: user.into(),
        content: content.into(),
        created_at,
    };
    Ok(rows.into_iter().map(message).collect())
}

pub(super) async fn span(
    connection: &mut Connection,
    room: RoomId,
    before: Seq,
    limit: usize,
) -> Result<Option<Span>, sqlx::Error> {
    let query = sqlx::query_as(SPAN).bind(room).bind(before);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let row: Option<SpanRow> = connection.all(query.bind(limit)).await?.into_iter().next();
    Ok(row.and_then(found))
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
    connection: &mut Connection,
    known: &[Known],
) -> Result<Vec<Head>, sqlx::Error> {
    let rooms: Vec<RoomId> = known.iter().map(|k| k.room).collect();
    let seqs: Vec<Seq> = known.iter().map(|k| k.seq).collect();
    let versions: Vec<i64> = known.iter().map(|k| k.version).collect();
    let query = sqlx::query_as(
        "SELECT r.id, r.last_seq, r.replayed_seq, r.history_version
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (id, seq, version)
         JOIN rooms r ON r.id = k.id
         WHERE r.last_seq > k.seq OR r.history_version <> k.version",
    );
    let query = query.bind(rooms).bind(seqs).bind(versions);
    let rows: Vec<(RoomId, Seq, Seq, i64)> = connection.all(query).await?;
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
