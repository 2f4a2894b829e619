//! Rooms and users.
use sqlx::sqlite::SqliteConnection;

use crate::model::{RoomId, RoomName, RoomRef, Seq, UserId};
use crate::store::{LEASE, Page, RoomSummary, StoreError, alive};

pub(super) async fn room(
    connection: &mut SqliteConnection,
    name: &RoomName,
) -> Result<Option<(RoomRef, Seq)>, StoreError> {
    let row: Option<(RoomId, String, Seq)> =
        sqlx::query_as("SELECT id, name, last_seq FROM rooms WHERE name = ?1")
            .bind(name.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(id, name, last)| (room_ref(id, &name), last)))
}

pub(super) async fn named(
    connection: &mut SqliteConnection,
    names: &[RoomName],
) -> Result<Vec<RoomRef>, StoreError> {
    let asked: Vec<&str> = names.iter().map(RoomName::as_str).collect();
    let rows: Vec<(RoomId, String)> = sqlx::query_as(
        "SELECT id, name FROM rooms WHERE name IN (SELECT value FROM json_each(?1))",
    )
    .bind(serde_json::to_string(&asked).unwrap_or_default())
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|(id, name)| room_ref(*id, name)).collect())
}

pub(super) async fn create(
    connection: &mut SqliteConnection,
    name: &RoomName,
    by: Option<UserId>,
) -> Result<Option<RoomRef>, StoreError> {
    let id: Option<RoomId> = sqlx::query_scalar(
        "INSERT INTO rooms (name, created_by) VALUES (?1, ?2)
         ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind(name.as_str())
    .bind(by)
    .fetch_optional(connection)
    .await?;
    Ok(id.map(|id| RoomRef {
        id,
        name: name.clone(),
    }))
}

pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    room: RoomId,
    by: UserId,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE rooms SET created_by = ?1 WHERE id = ?2 AND created_by IS NULL")
        .bind(by)
        .bind(room)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    page: &Page,
) -> Result<Vec<RoomSummary>, StoreError> {
    let rows: Vec<(String, i64, i64, Seq)> = sqlx::query_as(concat!(
        "SELECT r.name,
            (SELECT count(*) FROM room_members WHERE room_id = r.id),
            (SELECT count(*) FROM session_rooms sr
               JOIN sessions s ON s.id = sr.session_id AND s.online = 1
               JOIN instances i ON i.id = s.instance_id
                AND ",
        alive!(sqlite "i.heartbeat_at", "?1"),
        "
              WHERE sr.room_id = r.id),
            r.last_seq
         FROM rooms r WHERE instr(lower(r.name), lower(?2)) AND r.name > ?3
         ORDER BY r.name LIMIT ?4"
    ))
    .bind(super::span(LEASE))
    .bind(&page.filter)
    .bind(&page.after)
    .bind(limit(page))
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(name, members, online, last_seq)| RoomSummary {
            name: RoomName::stored(&name),
            members,
            online,
            last_seq,
        })
        .collect())
}

pub(super) async fn count(
    connection: &mut SqliteConnection,
    filter: &str,
) -> Result<u64, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM rooms WHERE instr(lower(name), lower(?1))")
            .bind(filter)
            .fetch_one(connection)
            .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) async fn counts(
    connection: &mut SqliteConnection,
    by: UserId,
) -> Result<(u64, u64), StoreError> {
    let (all, today): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM rooms WHERE created_by = ?1
           AND created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day'))",
    )
    .bind(by)
    .fetch_one(connection)
    .await?;
    Ok((all.unsigned_abs(), today.unsigned_abs()))
}

/// As SQL takes it.
pub(super) fn limit(page: &Page) -> i64 {
    i64::try_from(page.limit).unwrap_or(i64::MAX)
}

pub(super) async fn user(
    connection: &mut SqliteConnection,
    nickname: &str,
) -> Result<UserId, StoreError> {
    // The empty update makes RETURNING answer for the row that was there.
    Ok(sqlx::query_scalar(
        "INSERT INTO users (nickname) VALUES (?1)
         ON CONFLICT (nickname) DO UPDATE SET nickname = nickname RETURNING id",
    )
    .bind(nickname)
    .fetch_one(connection)
    .await?)
}

pub(super) fn room_ref(id: RoomId, name: &str) -> RoomRef {
    RoomRef {
        id,
        name: RoomName::stored(name),
    }
}
