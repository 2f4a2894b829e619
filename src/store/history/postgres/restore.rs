//! Putting rows back.
use std::collections::HashSet;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};

use super::copy::{Input, TARGET};
use crate::model::{MessageId, RoomId, RoomName, Seq, UserId};
use crate::store::StoreError;
use crate::store::history::names::Ids;
use crate::store::history::{Claim, Row};

type Tx<'c> = Transaction<'c, Postgres>;

/// Tells running instances that rows came or went.
pub(super) async fn turn_version(tx: &mut Tx<'_>, room: RoomId) -> Result<(), sqlx::Error> {
    let turn = sqlx::query("UPDATE rooms SET history_version = history_version + 1 WHERE id = $1");
    turn.bind(room).persistent(false).execute(&mut **tx).await?;
    Ok(())
}

pub(super) async fn claim(
    connection: &mut PgConnection,
    name: &RoomName,
    claim: Claim,
    highest_id: MessageId,
    unarchived: Option<Seq>,
) -> Result<(RoomId, Seq), sqlx::Error> {
    let mut tx = connection.begin().await?;
    let make = sqlx::query(
        r#"INSERT INTO rooms (name) SELECT $1 WHERE NOT EXISTS (SELECT FROM rooms
             WHERE lower(name COLLATE "C") = lower($1 COLLATE "C")) ON CONFLICT DO NOTHING"#,
    );
    let make = make.bind(name.as_str()).persistent(false);
    make.execute(&mut *tx).await?;
    let (up_to, count) = match claim {
        Claim::UpTo(seq) => (seq, 0),
        Claim::Next(count) => (Seq::START, i64::try_from(count).unwrap_or(i64::MAX)),
    };
    // Places that are claimed here were never given to anything that was said.
    let places = sqlx::query_as(
        r#"UPDATE rooms SET history_version = history_version + 1,
             last_seq = greatest(last_seq + $2, $3),
             replayed_seq = CASE WHEN greatest(last_seq + $2, $3) > last_seq
               THEN greatest(last_seq + $2, $3) ELSE replayed_seq END
           WHERE lower(name COLLATE "C") = lower($1 COLLATE "C")
           RETURNING id, last_seq - $2"#,
    );
    let places = places.bind(name.as_str()).bind(count).bind(up_to);
    let (room, base): (RoomId, Seq) = places.persistent(false).fetch_one(&mut *tx).await?;
    if let Some(seq) = unarchived {
        let lower = sqlx::query(
            "UPDATE room_archive SET last_seq = least(last_seq, $2 - 1) WHERE room_id = $1",
        );
        let lower = lower.bind(room).bind(seq).persistent(false);
        lower.execute(&mut *tx).await?;
    }
    let beyond = sqlx::query(
        "SELECT setval(s.name, $1) FROM pg_get_serial_sequence('messages', 'id') AS s (name)
         WHERE $1 > coalesce(pg_sequence_last_value(s.name), 0)",
    );
    let beyond = beyond.bind(highest_id).persistent(false);
    beyond.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok((room, base))
}

pub(super) async fn restore(
    connection: &mut PgConnection,
    ids: &mut Ids,
    room: RoomId,
    rows: &[Row],
) -> Result<u64, sqlx::Error> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(0);
    };
    let mut tx = connection.begin().await?;
    // The commit that has instances look anew waits for the disk, and with it for all before it.
    sqlx::raw_sql("SET LOCAL synchronous_commit = off")
        .execute(&mut *tx)
        .await?;
    let taken =
        sqlx::query_scalar("SELECT seq FROM messages WHERE room_id = $1 AND seq BETWEEN $2 AND $3");
    let taken = taken.bind(room).bind(first.seq).bind(last.seq);
    let taken: Vec<Seq> = taken.persistent(false).fetch_all(&mut *tx).await?;
    let taken: HashSet<Seq> = taken.into_iter().collect();
    for name in ids.unknown(rows.iter().filter_map(|row| row.user.as_ref())) {
        let id = user(&mut tx, &name).await?;
        ids.learn(name, id);
    }
    let mut input = Input::new(rows.len());
    for row in rows.iter().filter(|row| !taken.contains(&row.seq)) {
        let pushed = input.push(room, row, ids.get(row.user.as_ref()));
        pushed.map_err(|e: StoreError| sqlx::Error::Encode(e.into()))?;
    }
    let mut restored = 0;
    if taken.len() < rows.len() {
        let copy = format!("COPY {TARGET} FROM STDIN (FORMAT binary)");
        let mut sink = tx.copy_in_raw(&copy).await?;
        sink.send(input.finish()).await?;
        restored = sink.finish().await?;
    }
    tx.commit().await?;
    Ok(restored)
}

/// The user of that nickname, made if there is none.
async fn user(tx: &mut Tx<'_>, name: &Arc<str>) -> Result<UserId, sqlx::Error> {
    let make = sqlx::query(
        r#"INSERT INTO users (nickname) SELECT $1 WHERE NOT EXISTS (SELECT FROM users
             WHERE lower(nickname COLLATE "C") = lower($1 COLLATE "C")) ON CONFLICT DO NOTHING"#,
    );
    let make = make.bind(&**name).persistent(false);
    make.execute(&mut **tx).await?;
    let find = sqlx::query_scalar(
        r#"SELECT id FROM users WHERE lower(nickname COLLATE "C") = lower($1 COLLATE "C")"#,
    );
    find.bind(&**name)
        .persistent(false)
        .fetch_one(&mut **tx)
        .await
}
