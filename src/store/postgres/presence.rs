//! Sessions and who is in which room. Every change is one round trip: what depends on what is
//! told to the database in one statement, where each part sees the tables as they were before.
use std::collections::HashSet;
use std::time::Duration;

use super::connection::Connection;
use super::rooms::{limit, room_ref};
use super::seconds;
use crate::model::{Nickname, RoomId, SessionKey, TransportKind, UserId};
use crate::store::{InstanceId, LEASE, Online, Page, PresenceChange, PresenceOutcome, SessionRow};

pub(super) async fn apply(
    connection: &mut Connection,
    instance: InstanceId,
    changes: &[PresenceChange],
) -> Result<Vec<PresenceOutcome>, sqlx::Error> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        outcomes.push(one(connection, instance, change).await?);
    }
    Ok(outcomes)
}

async fn one(
    connection: &mut Connection,
    instance: InstanceId,
    change: &PresenceChange,
) -> Result<PresenceOutcome, sqlx::Error> {
    let simple = match change {
        PresenceChange::Claim {
            session,
            nickname,
            transport,
            account,
        } => {
            let claimed = claim(
                connection, instance, session, nickname, *transport, *account,
            );
            return claimed.await;
        }
        PresenceChange::Join {
            session,
            nickname,
            room,
        } => return join(connection, session, nickname, *room).await,
        PresenceChange::Leave { session, room } => {
            sqlx::query(LEAVE).bind(session.as_str()).bind(*room)
        }
        PresenceChange::Touch { session } => sqlx::query(TOUCH).bind(session.as_str()),
        PresenceChange::Idle { session } => sqlx::query(IDLE).bind(session.as_str()).bind(instance),
        PresenceChange::Drop { session } => sqlx::query(DROP).bind(session.as_str()).bind(instance),
        PresenceChange::Release { session, guest } => {
            sqlx::query(RELEASE).bind(session.as_str()).bind(*guest)
        }
    };
    connection.run(simple).await?;
    Ok(PresenceOutcome::Done)
}

const TOUCH: &str = "UPDATE sessions SET last_used_at = now() WHERE id = $1";

const IDLE: &str = "UPDATE sessions SET online = false WHERE id = $1 AND instance_id = $2";

const DROP: &str = "DELETE FROM sessions WHERE id = $1 AND instance_id = $2";

const LEAVE: &str = "WITH membership AS (
      DELETE FROM room_members WHERE room_id = $2
        AND user_id = (SELECT user_id FROM sessions WHERE id = $1)
    )
    DELETE FROM session_rooms WHERE session_id = $1 AND room_id = $2";

const RELEASE: &str = "WITH membership AS (
      DELETE FROM room_members
      WHERE $2 AND user_id = (SELECT user_id FROM sessions WHERE id = $1)
        AND room_id IN (SELECT room_id FROM session_rooms WHERE session_id = $1)
    )
    DELETE FROM sessions WHERE id = $1";

/// `held`: whoever has the name. Through a dead instance they hold it no more, and counting the
/// freed makes that happen before the new row asks the unique index. Two claims at one moment
/// run into that index, and the one that loses is tried again.
const CLAIM: &str = r#"WITH held AS MATERIALIZED (
      SELECT s.id, EXISTS (SELECT FROM instances i WHERE i.id = s.instance_id
        AND i.heartbeat_at > now() - make_interval(secs => $6)) AS alive
      FROM sessions s
      WHERE lower(s.nickname COLLATE "C") = lower($2::text COLLATE "C") AND s.online AND s.id <> $1
    ), freed AS (
      UPDATE sessions SET online = false WHERE id IN (SELECT id FROM held WHERE NOT alive)
      RETURNING id
    ), found AS (
      SELECT id FROM users WHERE $5 AND lower(nickname COLLATE "C") = lower($2 COLLATE "C")
    ), made AS (
      INSERT INTO users (nickname) SELECT $2
      WHERE $5 AND NOT EXISTS (SELECT FROM found) AND NOT EXISTS (SELECT FROM held WHERE alive)
      ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
      RETURNING id
    ), account AS MATERIALIZED (
      SELECT id FROM (SELECT id FROM found UNION ALL SELECT id FROM made) a
      WHERE NOT EXISTS (SELECT FROM held WHERE alive)
    ), moved_out AS (
      DELETE FROM room_members m USING sessions s, account a
      WHERE s.id = $1 AND m.user_id = s.user_id AND m.user_id <> a.id
        AND m.room_id IN (SELECT room_id FROM session_rooms WHERE session_id = $1)
    ), moved_in AS (
      INSERT INTO room_members (room_id, user_id)
      SELECT r.room_id, a.id FROM session_rooms r, account a WHERE r.session_id = $1
      ON CONFLICT DO NOTHING
    ), claimed AS (
      INSERT INTO sessions (id, user_id, nickname, transport, instance_id, online)
      SELECT $1, (SELECT id FROM account), $2, $3, $4, true
      WHERE NOT EXISTS (SELECT FROM held WHERE alive) AND (SELECT count(*) FROM freed) >= 0
      ON CONFLICT (id) DO UPDATE SET user_id = coalesce(excluded.user_id, sessions.user_id),
        nickname = excluded.nickname, transport = excluded.transport,
        instance_id = excluded.instance_id, online = true, last_used_at = now()
      RETURNING id
    )
    SELECT EXISTS (SELECT FROM claimed), (SELECT id FROM account)"#;

async fn claim(
    connection: &mut Connection,
    instance: InstanceId,
    session: &SessionKey,
    nickname: &Nickname,
    transport: TransportKind,
    account: bool,
) -> Result<PresenceOutcome, sqlx::Error> {
    let query = sqlx::query_as(CLAIM)
        .bind(session.as_str())
        .bind(nickname.as_str())
        .bind(transport.as_str())
        .bind(instance)
        .bind(account)
        .bind(seconds(LEASE));
    let rows: Vec<(bool, Option<UserId>)> = connection.all(query).await?;
    Ok(match rows.first() {
        Some((true, user)) => PresenceOutcome::User(*user),
        _ => PresenceOutcome::NicknameTaken,
    })
}

const JOIN: &str = r#"WITH known AS MATERIALIZED (
      SELECT user_id, EXISTS (SELECT FROM rooms WHERE id = $3) AS room FROM sessions WHERE id = $1
    ), nameless AS (
      SELECT FROM known WHERE room AND user_id IS NULL
    ), found AS (
      SELECT u.id FROM users u
      WHERE lower(u.nickname COLLATE "C") = lower($2::text COLLATE "C")
        AND EXISTS (SELECT FROM nameless)
    ), made AS (
      INSERT INTO users (nickname) SELECT $2
      WHERE EXISTS (SELECT FROM nameless) AND NOT EXISTS (SELECT FROM found)
      ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
      RETURNING id
    ), account AS MATERIALIZED (
      SELECT user_id AS id FROM known WHERE room AND user_id IS NOT NULL
      UNION ALL SELECT id FROM found UNION ALL SELECT id FROM made
    ), bound AS (
      UPDATE sessions s SET user_id = a.id FROM account a WHERE s.id = $1 AND s.user_id IS NULL
    ), member AS (
      INSERT INTO room_members (room_id, user_id) SELECT $3, id FROM account
      ON CONFLICT DO NOTHING
    ), inside AS (
      INSERT INTO session_rooms (session_id, room_id) SELECT $1, $3 FROM account
      ON CONFLICT DO NOTHING
    )
    SELECT (SELECT room FROM known), (SELECT id FROM account)"#;

async fn join(
    connection: &mut Connection,
    session: &SessionKey,
    nickname: &Nickname,
    room: RoomId,
) -> Result<PresenceOutcome, sqlx::Error> {
    let query = sqlx::query_as(JOIN);
    let query = query
        .bind(session.as_str())
        .bind(nickname.as_str())
        .bind(room);
    let rows: Vec<(Option<bool>, Option<UserId>)> = connection.all(query).await?;
    Ok(match rows.first() {
        Some((Some(true), user)) => PresenceOutcome::User(*user),
        Some((Some(false), _)) => PresenceOutcome::NoSuchRoom,
        _ => PresenceOutcome::NoSuchSession,
    })
}

pub(super) async fn session(
    connection: &mut Connection,
    key: &SessionKey,
    life: Duration,
) -> Result<Option<SessionRow>, sqlx::Error> {
    type Row = (Option<UserId>, String, bool, Vec<RoomId>, Vec<String>);
    let query = sqlx::query_as(
        "SELECT s.user_id, s.nickname,
           s.online AND EXISTS (SELECT FROM instances i WHERE i.id = s.instance_id
             AND i.heartbeat_at > now() - make_interval(secs => $3)),
           ARRAY(SELECT r.id FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id = s.id ORDER BY r.id),
           ARRAY(SELECT r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id = s.id ORDER BY r.id)
         FROM sessions s WHERE s.id = $1 AND s.transport <> 'tcp'
           AND s.last_used_at > now() - make_interval(secs => $2)",
    );
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
    let query = sqlx::query_as(
        r#"SELECT s.nickname, s.transport, i.name,
             ARRAY(SELECT r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
               WHERE sr.session_id = s.id ORDER BY lower(r.name COLLATE "C"))
           FROM sessions s JOIN instances i ON i.id = s.instance_id
           WHERE s.online AND i.heartbeat_at > now() - make_interval(secs => $1)
             AND strpos(lower(s.nickname COLLATE "C"), lower($2::text COLLATE "C")) > 0
             AND lower(s.nickname COLLATE "C") > lower($3::text COLLATE "C")
           ORDER BY lower(s.nickname COLLATE "C") LIMIT $4"#,
    );
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
    let query = sqlx::query_as(
        r#"SELECT count(*) FROM sessions s JOIN instances i ON i.id = s.instance_id
           WHERE s.online AND i.heartbeat_at > now() - make_interval(secs => $1)
             AND strpos(lower(s.nickname COLLATE "C"), lower($2::text COLLATE "C")) > 0"#,
    );
    let count: Option<i64> = connection
        .one(query.bind(seconds(LEASE)).bind(filter))
        .await?;
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0))
}

pub(super) async fn ended(
    connection: &mut Connection,
    sessions: &[SessionKey],
) -> Result<Vec<SessionKey>, sqlx::Error> {
    let asked: Vec<&str> = sessions.iter().map(SessionKey::as_str).collect();
    let query = sqlx::query_as(
        "SELECT k FROM unnest($1::text[]) k
         WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = k)",
    );
    let gone: Vec<(String,)> = connection.all(query.bind(asked)).await?;
    let gone: HashSet<String> = gone.into_iter().map(|(key,)| key).collect();
    Ok(sessions
        .iter()
        .filter(|key| gone.contains(key.as_str()))
        .cloned()
        .collect())
}
