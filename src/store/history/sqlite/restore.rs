//! Putting rows back.
use std::collections::HashSet;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Sqlite, Transaction};

use crate::model::{MessageId, RoomId, RoomName, Seq, UserId, format_time};
use crate::store::history::names::Ids;
use crate::store::history::{Claim, Row};

/// Rows in one INSERT; six values each stay far below SQLite's limit of 32,766.
const ROWS: usize = 250;

type Tx<'c> = Transaction<'c, Sqlite>;

/// Tells running instances that rows came or went.
pub(super) async fn turn_version(tx: &mut Tx<'_>, room: RoomId) -> Result<(), sqlx::Error> {
    let turn = sqlx::query("UPDATE rooms SET history_version = history_version + 1 WHERE id = ?1");
    turn.bind(room).execute(&mut **tx).await?;
    Ok(())
}

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    name: &RoomName,
    claim: Claim,
    highest_id: MessageId,
    unarchived: Option<Seq>,
) -> Result<(RoomId, Seq), sqlx::Error> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let make = sqlx::query(
        "INSERT INTO rooms (name) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE name = ?1)",
    );
    make.bind(name.as_str()).execute(&mut *tx).await?;
    let (up_to, count) = match claim {
        Claim::UpTo(seq) => (seq, 0),
        Claim::Next(count) => (Seq::START, i64::try_from(count).unwrap_or(i64::MAX)),
    };
    // Places that are claimed here were never given to anything that was said.
    let places = sqlx::query_as(
        "UPDATE rooms SET history_version = history_version + 1,
           last_seq = max(last_seq + ?2, ?3),
           replayed_seq = CASE WHEN max(last_seq + ?2, ?3) > last_seq
             THEN max(last_seq + ?2, ?3) ELSE replayed_seq END
         WHERE name = ?1 RETURNING id, last_seq - ?2",
    );
    let places = places.bind(name.as_str()).bind(count).bind(up_to);
    let (room, base): (RoomId, Seq) = places.fetch_one(&mut *tx).await?;
    if let Some(seq) = unarchived {
        let lower = sqlx::query(
            "UPDATE room_archive SET last_seq = min(last_seq, ?2 - 1) WHERE room_id = ?1",
        );
        lower.bind(room).bind(seq).execute(&mut *tx).await?;
    }
    // AUTOINCREMENT's own table, in which a table appears with its first row.
    let beyond =
        sqlx::query("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'messages'");
    let beyond = beyond.bind(highest_id).execute(&mut *tx).await?;
    if beyond.rows_affected() == 0 {
        let first = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', ?1)");
        first.bind(highest_id).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok((room, base))
}

pub(super) async fn restore(
    connection: &mut SqliteConnection,
    ids: &mut Ids,
    room: RoomId,
    rows: &[Row],
) -> Result<u64, sqlx::Error> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(0);
    };
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let taken =
        sqlx::query_scalar("SELECT seq FROM messages WHERE room_id = ?1 AND seq BETWEEN ?2 AND ?3");
    let taken = taken.bind(room).bind(first.seq).bind(last.seq);
    let taken: Vec<Seq> = taken.fetch_all(&mut *tx).await?;
    let taken: HashSet<Seq> = taken.into_iter().collect();
    for name in ids.unknown(rows.iter().filter_map(|row| row.user.as_ref())) {
        let id = user(&mut tx, &name).await?;
        ids.learn(name, id);
    }
    let missing: Vec<&Row> = rows.iter().filter(|r| !taken.contains(&r.seq)).collect();
    for rows in missing.chunks(ROWS) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO messages (id, room_id, seq, user_id, content, created_at) ",
        );
        query.push_values(rows, |mut values, row| {
            values
                .push_bind(row.id)
                .push_bind(room)
                .push_bind(row.seq)
                .push_bind(ids.get(row.user.as_ref()))
                .push_bind(row.content.as_str())
                .push_bind(format_time(row.created_at));
        });
        query.build().execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(missing.len() as u64)
}

/// The user of that nickname, made if there is none.
async fn user(tx: &mut Tx<'_>, name: &Arc<str>) -> Result<UserId, sqlx::Error> {
    let make = sqlx::query(
        "INSERT INTO users (nickname) SELECT ?1
         WHERE NOT EXISTS (SELECT 1 FROM users WHERE nickname = ?1)",
    );
    make.bind(&**name).execute(&mut **tx).await?;
    let find = sqlx::query_scalar("SELECT id FROM users WHERE nickname = ?1");
    find.bind(&**name).fetch_one(&mut **tx).await
}
