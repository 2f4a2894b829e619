//! Rooms and users. Names are compared in the C collation: ASCII letters fold, whatever the
//! database's locale makes of a capital I.
use super::connection::Connection;
use super::seconds;
use crate::model::{RoomId, RoomName, RoomRef, Seq, UserId};
use crate::store::{LEASE, Page, RoomSummary, alive};

pub(super) async fn room(
    connection: &mut Connection,
    name: &RoomName,
) -> Result<Option<(RoomRef, Seq)>, sqlx::Error> {
    let query = sqlx::query_as(
        r#"SELECT id, name, last_seq FROM rooms
           WHERE lower(name COLLATE "C") = lower($1::text COLLATE "C")"#,
    );
    let rows: Vec<(RoomId, String, Seq)> = connection.all(query.bind(name.as_str())).await?;
    let row = rows.into_iter().next();
    Ok(row.map(|(id, name, last)| (room_ref(id, &name), last)))
}

pub(super) async fn named(
    connection: &mut Connection,
    names: &[RoomName],
) -> Result<Vec<RoomRef>, sqlx::Error> {
    let asked: Vec<String> = names.iter().map(RoomName::key).collect();
    let query = sqlx::query_as(
        r#"SELECT id, name FROM rooms WHERE lower(name COLLATE "C") = ANY ($1::text[])"#,
    );
    let rows: Vec<(RoomId, String)> = connection.all(query.bind(asked)).await?;
    Ok(rows.iter().map(|(id, name)| room_ref(*id, name)).collect())
}

pub(super) async fn create(
    connection: &mut Connection,
    name: &RoomName,
    by: Option<UserId>,
) -> Result<Option<RoomRef>, sqlx::Error> {
    let query = sqlx::query_as(
        r#"INSERT INTO rooms (name, created_by) VALUES ($1, $2)
           ON CONFLICT (lower(name COLLATE "C")) DO NOTHING RETURNING id"#,
    );
    let id: Option<RoomId> = connection.one(query.bind(name.as_str()).bind(by)).await?;
    Ok(id.map(|id| RoomRef {
        id,
        name: name.clone(),
    }))
}

pub(super) async fn adopt(
    connection: &mut Connection,
    room: RoomId,
    by: UserId,
) -> Result<bool, sqlx::Error> {
    let adopt = "UPDATE rooms SET created_by = $1 WHERE id = $2 AND created_by IS NULL";
    let query = sqlx::query(adopt).bind(by).bind(room);
    Ok(connection.run(query).await? > 0)
}

pub(super) async fn list(
    connection: &mut Connection,
    page: &Page,
) -> Result<Vec<RoomSummary>, sqlx::Error> {
    let query = sqlx::query_as(concat!(
        r#"WITH page AS MATERIALIZED (
             SELECT id, name, last_seq FROM rooms
             WHERE strpos(lower(name COLLATE "C"), lower($2::text COLLATE "C")) > 0
               AND lower(name COLLATE "C") > lower($3::text COLLATE "C")
             ORDER BY lower(name COLLATE "C") LIMIT $4
           )
           SELECT r.name,
             (SELECT count(*) FROM room_members m WHERE m.room_id = r.id),
             (SELECT count(*) FROM session_rooms sr
               JOIN sessions s ON s.id = sr.session_id AND s.online
               JOIN instances i ON i.id = s.instance_id
                AND "#,
        alive!(postgres "i.heartbeat_at", "$1"),
        r#"
               WHERE sr.room_id = r.id),
             r.last_seq
           FROM page r ORDER BY lower(r.name COLLATE "C")"#
    ));
    let query = query.bind(seconds(LEASE)).bind(&page.filter);
    let query = query.bind(&page.after).bind(limit(page));
    let rows: Vec<(String, i64, i64, Seq)> = connection.all(query).await?;
    let summary = |(name, members, online, last_seq): (String, i64, i64, Seq)| RoomSummary {
        name: RoomName::stored(&name),
        members,
        online,
        last_seq,
    };
    Ok(rows.into_iter().map(summary).collect())
}

pub(super) async fn count(connection: &mut Connection, filter: &str) -> Result<u64, sqlx::Error> {
    let query = sqlx::query_as(
        r#"SELECT count(*) FROM rooms
           WHERE strpos(lower(name COLLATE "C"), lower($1::text COLLATE "C")) > 0"#,
    );
    let count: Option<i64> = connection.one(query.bind(filter)).await?;
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0))
}

pub(super) async fn counts(
    connection: &mut Connection,
    by: UserId,
) -> Result<(u64, u64), sqlx::Error> {
    let query = sqlx::query_as(
        "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM rooms
           WHERE created_by = $1 AND created_at > now() - interval '1 day')",
    );
    let rows: Vec<(i64, i64)> = connection.all(query.bind(by)).await?;
    let (all, today) = rows.first().copied().unwrap_or_default();
    Ok((all.unsigned_abs(), today.unsigned_abs()))
}

/// As SQL takes it.
pub(super) fn limit(page: &Page) -> i64 {
    i64::try_from(page.limit).unwrap_or(i64::MAX)
}

/// The user of that name. Nothing is written for one who is there; the empty update makes
/// RETURNING answer for one whom somebody else makes at this moment.
pub(super) async fn user(
    connection: &mut Connection,
    nickname: &str,
) -> Result<UserId, sqlx::Error> {
    let query = sqlx::query_as(
        r#"WITH found AS (
             SELECT id FROM users WHERE lower(nickname COLLATE "C") = lower($1::text COLLATE "C")
           ), made AS (
             INSERT INTO users (nickname) SELECT $1 WHERE NOT EXISTS (SELECT FROM found)
             ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
             RETURNING id
           )
           SELECT id FROM found UNION ALL SELECT id FROM made"#,
    );
    let id = connection.one(query.bind(nickname)).await?;
    id.ok_or(sqlx::Error::RowNotFound)
}

pub(super) fn room_ref(id: RoomId, name: &str) -> RoomRef {
    RoomRef {
        id,
        name: RoomName::stored(name),
    }
}
