//! Sessions as they are read, and who is online.
use std::collections::HashSet;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::rooms::{limit, room_ref};
use super::{ago, span};
use crate::model::{RoomId, SessionKey, UserId};
use crate::store::{InstanceId, LEASE, Online, Page, SessionRow, StoreError, alive};

pub(super) async fn session(
    connection: &mut SqliteConnection,
    key: &SessionKey,
    life: Duration,
) -> Result<Option<SessionRow>, StoreError> {
    let row: Option<(Option<UserId>, String, bool)> = sqlx::query_as(concat!(
        "SELECT s.user_id, s.nickname,
            s.online = 1 AND EXISTS (SELECT 1 FROM instances i WHERE i.id = s.instance_id
              AND ",
        alive!(sqlite "i.heartbeat_at", "?3"),
        ")
         FROM sessions s WHERE s.id = ?1 AND s.transport <> 'tcp'
           AND s.last_used_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)"
    ))
    .bind(key.as_str())
    .bind(ago(life))
    .bind(span(LEASE))
    .fetch_optional(&mut *connection)
    .await?;
    let Some((user, nickname, online)) = row else {
        return Ok(None);
    };
    let rooms: Vec<(RoomId, String)> = sqlx::query_as(
        "SELECT r.id, r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
         WHERE sr.session_id = ?1",
    )
    .bind(key.as_str())
    .fetch_all(connection)
    .await?;
    Ok(Some(SessionRow {
        user,
        nickname: nickname.into(),
        online,
        rooms: rooms.iter().map(|(id, name)| room_ref(*id, name)).collect(),
    }))
}

pub(super) async fn online(
    connection: &mut SqliteConnection,
    page: &Page,
) -> Result<Vec<Online>, StoreError> {
    let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(concat!(
        "SELECT s.nickname, s.transport, i.name,
            (SELECT group_concat(name, ' ') FROM (SELECT r.name FROM session_rooms sr
               JOIN rooms r ON r.id = sr.room_id WHERE sr.session_id = s.id ORDER BY r.name))
         FROM sessions s JOIN instances i ON i.id = s.instance_id
         WHERE s.online = 1 AND ",
        alive!(sqlite "i.heartbeat_at", "?1"),
        "
           AND instr(lower(s.nickname), lower(?2)) AND s.nickname > ?3
         ORDER BY s.nickname LIMIT ?4"
    ))
    .bind(span(LEASE))
    .bind(&page.filter)
    .bind(&page.after)
    .bind(limit(page))
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(nickname, transport, instance, rooms)| Online {
            nickname,
            rooms: rooms
                .iter()
                .flat_map(|r| r.split(' '))
                .map(String::from)
                .collect(),
            transport,
            instance,
        })
        .collect())
}

pub(super) async fn count_online(
    connection: &mut SqliteConnection,
    filter: &str,
) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(concat!(
        "SELECT count(*) FROM sessions s JOIN instances i ON i.id = s.instance_id
         WHERE s.online = 1 AND ",
        alive!(sqlite "i.heartbeat_at", "?1"),
        "
           AND instr(lower(s.nickname), lower(?2))"
    ))
    .bind(span(LEASE))
    .bind(filter)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) async fn ended(
    connection: &mut SqliteConnection,
    instance: InstanceId,
    sessions: &[SessionKey],
) -> Result<Vec<SessionKey>, StoreError> {
    let asked: Vec<&str> = sessions.iter().map(SessionKey::as_str).collect();
    let gone: HashSet<String> = sqlx::query_scalar(concat!(
        "SELECT value FROM json_each(?1) WHERE value NOT IN (SELECT id FROM sessions)
           AND EXISTS (SELECT 1 FROM instances WHERE id = ?2
             AND ",
        alive!(sqlite "heartbeat_at", "?3"),
        ")"
    ))
    .bind(serde_json::to_string(&asked).unwrap_or_default())
    .bind(instance)
    .bind(span(LEASE))
    .fetch_all(connection)
    .await?
    .into_iter()
    .collect();
    Ok(sessions
        .iter()
        .filter(|key| gone.contains(key.as_str()))
        .cloned()
        .collect())
}
