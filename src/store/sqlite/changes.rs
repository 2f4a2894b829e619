//! Presence changes as they are stored, in one transaction: a run of one kind is a few statements
//! over all of it, since each way to the database's thread and back costs more than most rows do.
use std::collections::HashMap;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::span;
use crate::model::{Uid, UserId, UserKey};
use crate::store::presence::{Claimed, Claims, Joins, Run, runs};
use crate::store::{InstanceId, LEASE, PresenceChange, PresenceOutcome, StoreError, alive};

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    instance: InstanceId,
    changes: &[PresenceChange],
) -> Result<Vec<PresenceOutcome>, StoreError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    for run in runs(changes) {
        let (sql, rows) = match &run {
            Run::Claims(claims) => {
                outcomes.extend(claim(&mut tx, instance, claims).await?);
                continue;
            }
            Run::Joins(joins) => {
                outcomes.extend(join(&mut tx, joins).await?);
                continue;
            }
            Run::Leaves { sessions, rooms } => {
                let rooms = rooms.ids.iter().zip(&rooms.uids);
                let rows = sessions.iter().zip(rooms);
                (
                    LEAVE,
                    json(rows.map(|(session, (id, uid))| (session, id, uid))),
                )
            }
            Run::Parts(sessions) => (PART, json(sessions.iter())),
            Run::Touches(sessions) => (TOUCH, json(sessions.iter())),
            Run::Idles(sessions) => (IDLE, json(sessions.iter())),
            Run::Drops(sessions) => (DROP, json(sessions.iter())),
            Run::Releases { sessions, guests } => (RELEASE, json(sessions.iter().zip(guests))),
        };
        let mut query = sqlx::query(sql).bind(rows);
        if sql.contains("?2") {
            query = query.bind(instance);
        }
        query.execute(&mut *tx).await?;
        outcomes.extend(std::iter::repeat_n(PresenceOutcome::Done, run.len()));
    }
    tx.commit().await?;
    Ok(outcomes)
}

/// Rows as the statements take them: an array for each, of strings and numbers.
fn json<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> String {
    let rows: Vec<T> = rows.collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

const PART: &str = "DELETE FROM session_rooms
    WHERE session_id IN (SELECT value FROM json_each(?1))";

const TOUCH: &str = "UPDATE sessions SET last_used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT value FROM json_each(?1))";

const IDLE: &str = "UPDATE sessions SET online = 0
    WHERE id IN (SELECT value FROM json_each(?1)) AND instance_id = ?2";

const DROP: &str = "DELETE FROM sessions
    WHERE id IN (SELECT value FROM json_each(?1)) AND instance_id = ?2";

const LEAVE: &str = "DELETE FROM room_members WHERE (room_id, user_id) IN (
      SELECT r.id, s.user_id FROM json_each(?1) w JOIN sessions s ON s.id = w.value ->> 0
        JOIN rooms r ON r.id = w.value ->> 1 AND r.uid = w.value ->> 2);
    DELETE FROM session_rooms WHERE (session_id, room_id) IN (
      SELECT w.value ->> 0, r.id FROM json_each(?1) w
        JOIN rooms r ON r.id = w.value ->> 1 AND r.uid = w.value ->> 2)";

const RELEASE: &str = "DELETE FROM room_members WHERE (room_id, user_id) IN (
      SELECT r.room_id, s.user_id FROM json_each(?1) w
        JOIN sessions s ON s.id = w.value ->> 0 JOIN session_rooms r ON r.session_id = s.id
      WHERE w.value ->> 1);
    DELETE FROM sessions WHERE id IN (SELECT w.value ->> 0 FROM json_each(?1) w)";

/// The claims as a table, in which `free` says whether no other session online has the name. Written
/// into each statement, since SQLite knows a table of that kind in one only.
macro_rules! claims {
    ($rest:literal) => {
        concat!(
            "WITH wanted AS MATERIALIZED (
               SELECT key AS n, value ->> 0 AS session, value ->> 1 AS nickname,
                 value ->> 2 AS transport, value ->> 3 AS chosen, value ->> 4 AS owner,
                 NOT EXISTS (SELECT 1 FROM users o WHERE o.nickname = value ->> 1
                   AND o.registered_at IS NOT NULL AND o.id IS NOT value ->> 4)
                 AND NOT EXISTS (SELECT 1 FROM sessions h WHERE h.nickname = value ->> 1
                   AND h.online = 1 AND h.account = 0 AND h.id <> value ->> 0) AS free
               FROM json_each(?1)
             ) ",
            $rest,
            "; "
        )
    };
}

/// A name that was held through an instance that is dead by now is held no more. A membership
/// moves along with the name unless another session of that user is in the room.
const CLAIM: &str = concat!(
    "UPDATE sessions SET online = 0 WHERE id IN (
       SELECT h.id FROM json_each(?1) w JOIN sessions h
         ON h.nickname = w.value ->> 1 AND h.online = 1 AND h.id <> w.value ->> 0
       WHERE h.account = 0 AND (w.value ->> 4 IS NOT NULL
         AND EXISTS (SELECT 1 FROM users o WHERE o.id = w.value ->> 4 AND o.nickname = h.nickname)
         OR NOT EXISTS (SELECT 1 FROM instances i WHERE i.id = h.instance_id
         AND ",
    alive!(sqlite "i.heartbeat_at", "?3"),
    "))); ",
    claims!(
        "INSERT INTO users (nickname) SELECT nickname FROM wanted WHERE chosen AND free
         ON CONFLICT (nickname) DO NOTHING"
    ),
    claims!(
        "DELETE FROM room_members WHERE (room_id, user_id) IN (
           SELECT r.room_id, s.user_id FROM wanted w JOIN sessions s ON s.id = w.session
             JOIN users u ON u.nickname = w.nickname JOIN session_rooms r ON r.session_id = s.id
           WHERE w.chosen AND w.free AND s.user_id <> u.id
             AND NOT EXISTS (SELECT 1 FROM users x
               JOIN sessions t ON t.nickname = x.nickname AND t.online = 1
               JOIN session_rooms o ON o.session_id = t.id AND o.room_id = r.room_id
               WHERE x.id = s.user_id AND t.id NOT IN (SELECT session FROM wanted)))"
    ),
    claims!(
        "INSERT OR IGNORE INTO room_members (room_id, user_id)
         SELECT r.room_id, u.id FROM wanted w JOIN users u ON u.nickname = w.nickname
           JOIN session_rooms r ON r.session_id = w.session WHERE w.chosen AND w.free"
    ),
    claims!(
        "INSERT INTO sessions (id, user_id, nickname, transport, instance_id, online, account)
         SELECT w.session, (SELECT id FROM users u WHERE w.chosen AND u.nickname = w.nickname),
           w.nickname, w.transport, ?2, 1, w.owner IS NOT NULL FROM wanted w WHERE w.free
         ON CONFLICT (id) DO UPDATE SET user_id = coalesce(excluded.user_id, user_id),
           nickname = excluded.nickname, transport = excluded.transport,
           instance_id = excluded.instance_id, online = 1, account = excluded.account,
           last_used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
    ),
    claims!(
        "SELECT EXISTS (SELECT 1 FROM sessions s WHERE s.id = w.session AND s.online = 1
             AND s.nickname = w.nickname),
           u.id, u.uid, EXISTS (SELECT 1 FROM users o WHERE o.nickname = w.nickname
             AND o.registered_at IS NOT NULL AND o.id IS NOT w.owner)
         FROM wanted w LEFT JOIN users u ON w.chosen AND u.nickname = w.nickname ORDER BY w.n"
    ),
);

type Answer = (bool, Option<UserId>, Option<Uid>, bool);

/// The claims of a run for a name that another session of the same run has, and which that is.
const HELD: &str = "SELECT w.key, h.id FROM json_each(?1) w JOIN sessions h
      ON h.nickname = w.value ->> 1 AND h.online = 1 AND h.account = 0 AND h.id <> w.value ->> 0
    WHERE h.id IN (SELECT value ->> 0 FROM json_each(?1))";

/// A name that an earlier claim of the same run has given up is asked for once more, alone.
async fn claim(
    tx: &mut SqliteConnection,
    instance: InstanceId,
    claims: &Claims<'_>,
) -> Result<Vec<PresenceOutcome>, StoreError> {
    let held = sqlx::query_as(HELD).bind(rows(claims));
    let held: HashMap<i64, String> = held.fetch_all(&mut *tx).await?.into_iter().collect();
    let given_up = |at: usize| {
        let holder = i64::try_from(at).ok().and_then(|at| held.get(&at));
        holder.is_some_and(|holder| claims.gives_up_before(holder, at))
    };
    let mut outcomes = Vec::with_capacity(claims.sessions.len());
    for (at, asked) in ask(tx, instance, claims).await?.into_iter().enumerate() {
        let again = !asked.0 && given_up(at);
        let answer = if again {
            ask(tx, instance, &claims.only(at)).await?.pop()
        } else {
            Some(asked)
        };
        let claimed = answer.map(|(granted, id, uid, owned)| Claimed {
            granted,
            owned,
            user: UserKey::of(id, uid),
        });
        outcomes.push(PresenceOutcome::to_claim(claimed));
    }
    Ok(outcomes)
}

fn rows(claims: &Claims<'_>) -> String {
    json((0..claims.sessions.len()).map(|at| {
        let (chosen, owner) = (i64::from(claims.chosen[at]), claims.owners[at]);
        let (session, nickname) = (claims.sessions[at], claims.nicknames[at]);
        (session, nickname, claims.transports[at], chosen, owner)
    }))
}

async fn ask(
    tx: &mut SqliteConnection,
    instance: InstanceId,
    claims: &Claims<'_>,
) -> Result<Vec<Answer>, StoreError> {
    Ok(sqlx::query_as(CLAIM)
        .bind(rows(claims))
        .bind(instance)
        .bind(span(LEASE))
        .fetch_all(tx)
        .await?)
}

const JOIN: &str = "INSERT INTO users (nickname)
      SELECT w.value ->> 1 FROM json_each(?1) w JOIN sessions s ON s.id = w.value ->> 0
        JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3
      WHERE s.user_id IS NULL
      ON CONFLICT (nickname) DO NOTHING;
    UPDATE sessions SET user_id = u.id FROM json_each(?1) w
        JOIN users u ON u.nickname = w.value ->> 1
        JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3
      WHERE sessions.id = w.value ->> 0 AND sessions.user_id IS NULL;
    INSERT OR IGNORE INTO session_rooms (session_id, room_id)
      SELECT s.id, r.id FROM json_each(?1) w JOIN sessions s ON s.id = w.value ->> 0
        JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3;
    INSERT OR IGNORE INTO room_members (room_id, user_id)
      SELECT r.id, s.user_id FROM json_each(?1) w JOIN sessions s ON s.id = w.value ->> 0
        JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3;
    INSERT OR IGNORE INTO read_marks (user_id, room_id, read_number)
      SELECT s.user_id, r.id, r.last_number FROM json_each(?1) w
        JOIN sessions s ON s.id = w.value ->> 0 AND s.account = 1
        JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3;
    SELECT s.id IS NOT NULL, r.id IS NOT NULL, u.id, u.uid FROM json_each(?1) w
      LEFT JOIN sessions s ON s.id = w.value ->> 0 LEFT JOIN users u ON u.id = s.user_id
      LEFT JOIN rooms r ON r.id = w.value ->> 2 AND r.uid = w.value ->> 3 ORDER BY w.key";

async fn join(
    tx: &mut SqliteConnection,
    joins: &Joins<'_>,
) -> Result<Vec<PresenceOutcome>, StoreError> {
    let rooms = &joins.rooms;
    let row = |at| {
        let (session, nickname) = (joins.sessions[at], joins.nicknames[at]);
        (session, nickname, rooms.ids[at], rooms.uids[at])
    };
    let rows = json((0..joins.sessions.len()).map(row));
    let rows: Vec<(bool, bool, Option<UserId>, Option<Uid>)> =
        sqlx::query_as(JOIN).bind(rows).fetch_all(tx).await?;
    let outcome = |(session, room, id, uid)| match (session, room) {
        (false, _) => PresenceOutcome::NoSuchSession,
        (true, false) => PresenceOutcome::NoSuchRoom,
        (true, true) => PresenceOutcome::User(UserKey::of(id, uid)),
    };
    Ok(rows.into_iter().map(outcome).collect())
}
