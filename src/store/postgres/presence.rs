//! Sessions as they are read, and who is online.
use std::collections::HashSet;
use std::time::Duration;

use super::connection::Connection;
use super::rooms::{limit, room_ref};
use super::seconds;
use crate::model::{RoomId, SessionKey, UserId};
use crate::store::{InstanceId, LEASE, Online, Page, SessionRow, alive};

pub(super) async fn session(
    connection: &mut Connection,
    key: &SessionKey,
    life: Duration,
) -> Result<Option<SessionRow>, sqlx::Error> {
    type Row = (Option<UserId>, String, bool, Vec<RoomId>, Vec<String>);
    let query = sqlx::query_as(concat!(
        "SELECT s.user_id, s.nickname,
           s.online AND EXISTS (SELECT FROM instances i WHERE i.id = s.instance_id
             AND ",
        alive!(postgres "i.heartbeat_at", "$3"),
        "),
           ARRAY(SELECT r.id FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id = s.id ORDER BY r.id),
           ARRAY(SELECT r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id = s.id ORDER BY r.id)
         FROM sessions s WHERE s.id = $1 AND s.transport <> 'tcp'
           AND s.last_used_at > now() - make_interval(secs => $2)"
    ));
    let query = query
        .bind(key.as_str())
        .bind(seconds(life))
        .bind(seconds(LEASE));
    let rows: Vec<Row> = connection.all(query).await?;
    let row = |(user, nickname, online, ids, names): Row| SessionRow {
        user,
        nickname: nickname.into(),
        online,
        rooms: ids
            .iter()
            .zip(&names)
            .map(|(id, name)| room_ref(*id, name))
            .collect(),
    };
    Ok(rows.into_iter().next().map(row))
}

pub(super) async fn online(
    connection: &mut Connection,
    page: &Page,
) -> Result<Vec<Online>, sqlx::Error> {
    let query = sqlx::query_as(concat!(
        r#"SELECT s.nickname, s.transport, i.name,
             ARRAY(SELECT r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
               WHERE sr.session_id = s.id ORDER BY lower(r.name COLLATE "C"))
           FROM sessions s JOIN instances i ON i.id = s.instance_id
           WHERE s.online AND "#,
        alive!(postgres "i.heartbeat_at", "$1"),
        r#"
             AND strpos(lower(s.nickname COLLATE "C"), lower($2::text COLLATE "C")) > 0
             AND lower(s.nickname COLLATE "C") > lower($3::text COLLATE "C")
           ORDER BY lower(s.nickname COLLATE "C") LIMIT $4"#
    ));
    let query = query.bind(seconds(LEASE)).bind(&page.filter);
    let query = query.bind(&page.after).bind(limit(page));
    let rows: Vec<(String, String, String, Vec<String>)> = connection.all(query).await?;
    let line = |(nickname, transport, instance, rooms)| Online {
        nickname,
        rooms,
        transport,
        instance,
    };
    Ok(rows.into_iter().map(line).collect())
}

pub(super) async fn count_online(
    connection: &mut Connection,
    filter: &str,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query_as(concat!(
        r#"SELECT count(*) FROM sessions s JOIN instances i ON i.id = s.instance_id
           WHERE s.online AND "#,
        alive!(postgres "i.heartbeat_at", "$1"),
        r#"
             AND strpos(lower(s.nickname COLLATE "C"), lower($2::text COLLATE "C")) > 0"#
    ));
    let count: Option<i64> = connection
        .one(query.bind(seconds(LEASE)).bind(filter))
        .await?;
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0))
}

pub(super) async fn ended(
    connection: &mut Connection,
    instance: InstanceId,
    sessions: &[SessionKey],
) -> Result<Vec<SessionKey>, sqlx::Error> {
    let asked: Vec<&str> = sessions.iter().map(SessionKey::as_str).collect();
    let query = sqlx::query_as(concat!(
        "SELECT k FROM unnest($1::text[]) k
         WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = k)
           AND EXISTS (SELECT 1 FROM instances WHERE id = $2
             AND ",
        alive!(postgres "heartbeat_at", "$3"),
        ")"
    ));
    let gone: Vec<(String,)> = connection
        .all(query.bind(asked).bind(instance).bind(seconds(LEASE)))
        .await?;
    let gone: HashSet<String> = gone.into_iter().map(|(key,)| key).collect();
    Ok(sessions
        .iter()
        .filter(|key| gone.contains(key.as_str()))
        .cloned()
        .collect())
}
