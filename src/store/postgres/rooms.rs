//! Rooms and users. Names are compared in the C collation: ASCII letters fold, whatever the
//! database's locale makes of a capital I.
use super::connection::Connection;
use super::seconds;
use crate::model::{RoomId, RoomName, RoomRef, Seq, UserId};
use crate::store::{LEASE, RoomSummary};

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

pub(super) async fn list(connection: &mut Connection) -> Result<Vec<RoomSummary>, sqlx::Error> {
    let query = sqlx::query_as(
        r#"SELECT r.name, coalesce(m.count, 0), coalesce(o.count, 0), r.last_seq
           FROM rooms r
           LEFT JOIN (SELECT room_id, count(*) FROM room_members GROUP BY room_id) m
             ON m.room_id = r.id
           LEFT JOIN (SELECT sr.room_id, count(*) FROM session_rooms sr
               JOIN sessions s ON s.id = sr.session_id AND s.online
               JOIN instances i ON i.id = s.instance_id
                AND i.heartbeat_at > now() - make_interval(secs => $1)
               GROUP BY sr.room_id) o
             ON o.room_id = r.id
           ORDER BY lower(r.name COLLATE "C")"#,
    );
    let rows: Vec<(String, i64, i64, Seq)> = connection.all(query.bind(seconds(LEASE))).await?;
    let summary = |(name, members, online, last_seq): (String, i64, i64, Seq)| RoomSummary {
        name: RoomName::stored(&name),
        members,
        online,
        last_seq,
    };
    Ok(rows.into_iter().map(summary).collect())
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
