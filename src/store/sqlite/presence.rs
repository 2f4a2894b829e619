//! Sessions and who is in which room.
use std::collections::HashSet;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::ago;
use super::rooms::{limit, room_ref, user};
use crate::model::{Nickname, RoomId, SessionKey, TransportKind, UserId};
use crate::store::{
    InstanceId, LEASE, Online, Page, PresenceChange, PresenceOutcome, SessionRow, StoreError,
};

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    instance: InstanceId,
    changes: &[PresenceChange],
) -> Result<Vec<PresenceOutcome>, StoreError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        outcomes.push(one(&mut tx, instance, change).await?);
    }
    tx.commit().await?;
    Ok(outcomes)
}

async fn one(
    tx: &mut SqliteConnection,
    instance: InstanceId,
    change: &PresenceChange,
) -> Result<PresenceOutcome, StoreError> {
    match change {
        PresenceChange::Claim {
            session,
            nickname,
            transport,
            account,
        } => claim(tx, instance, session, nickname, *transport, *account).await,
        PresenceChange::Join {
            session,
            nickname,
            room,
        } => join(tx, session, nickname, *room).await,
        PresenceChange::Leave { session, room } => {
            execute(
                tx,
                "DELETE FROM room_members WHERE room_id = ?2
                   AND user_id = (SELECT user_id FROM sessions WHERE id = ?1)",
                session,
                *room,
            )
            .await?;
            let leave = "DELETE FROM session_rooms WHERE session_id = ?1 AND room_id = ?2";
            execute(tx, leave, session, *room).await?;
            Ok(PresenceOutcome::Done)
        }
        PresenceChange::Touch { session } => {
            let touch = "UPDATE sessions SET last_used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
                         WHERE id = ?1";
            execute(tx, touch, session, 0).await?;
            Ok(PresenceOutcome::Done)
        }
        PresenceChange::Idle { session } => {
            let idle = "UPDATE sessions SET online = 0 WHERE id = ?1 AND instance_id = ?2";
            execute(tx, idle, session, instance).await?;
            Ok(PresenceOutcome::Done)
        }
        PresenceChange::Drop { session } => {
            let drop = "DELETE FROM sessions WHERE id = ?1 AND instance_id = ?2";
            execute(tx, drop, session, instance).await?;
            Ok(PresenceOutcome::Done)
        }
        PresenceChange::Release { session, guest } => {
            if *guest {
                drop_memberships(tx, session).await?;
            }
            execute(tx, "DELETE FROM sessions WHERE id = ?1", session, 0).await?;
            Ok(PresenceOutcome::Done)
        }
    }
}

/// Runs a statement with the session as `?1` and, where it has one, a number as `?2`.
async fn execute(
    tx: &mut SqliteConnection,
    sql: &'static str,
    session: &SessionKey,
    number: i64,
) -> Result<u64, StoreError> {
    let mut query = sqlx::query(sql).bind(session.as_str());
    if sql.contains("?2") {
        query = query.bind(number);
    }
    Ok(query.execute(tx).await?.rows_affected())
}

async fn drop_memberships(
    tx: &mut SqliteConnection,
    session: &SessionKey,
) -> Result<(), StoreError> {
    let drop = "DELETE FROM room_members
         WHERE user_id = (SELECT user_id FROM sessions WHERE id = ?1)
           AND room_id IN (SELECT room_id FROM session_rooms WHERE session_id = ?1)";
    execute(tx, drop, session, 0).await?;
    Ok(())
}

async fn claim(
    tx: &mut SqliteConnection,
    instance: InstanceId,
    session: &SessionKey,
    nickname: &Nickname,
    transport: TransportKind,
    account: bool,
) -> Result<PresenceOutcome, StoreError> {
    if account && is_taken(tx, session, nickname).await? {
        return Ok(PresenceOutcome::NicknameTaken);
    }
    let account = match account {
        true => Some(user(tx, nickname.as_str()).await?),
        false => None,
    };
    if account.is_some() {
        move_memberships(tx, session, account).await?;
    }
    let row = Row {
        instance,
        session,
        nickname,
        transport,
        account,
    };
    // A guest's name is nearly always free: one statement, and a second look where it is not.
    let entered =
        row.enter(tx).await? || (!is_taken(tx, session, nickname).await? && row.enter(tx).await?);
    match entered {
        true => Ok(PresenceOutcome::User(account)),
        false => Ok(PresenceOutcome::NicknameTaken),
    }
}

/// Whether somebody online has the name. Whoever held it through an instance that is dead by
/// now holds it no more.
async fn is_taken(
    tx: &mut SqliteConnection,
    session: &SessionKey,
    nickname: &Nickname,
) -> Result<bool, StoreError> {
    sqlx::query(
        "UPDATE sessions SET online = 0
         WHERE nickname = ?1 AND online = 1 AND id <> ?2
           AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.id = instance_id
             AND i.heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3))",
    )
    .bind(nickname.as_str())
    .bind(session.as_str())
    .bind(ago(LEASE))
    .execute(&mut *tx)
    .await?;
    let taken = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sessions WHERE nickname = ?1 AND online = 1 AND id <> ?2)",
    );
    let taken = taken.bind(nickname.as_str()).bind(session.as_str());
    Ok(taken.fetch_one(tx).await?)
}

/// A session as it is entered when it comes online.
struct Row<'a> {
    instance: InstanceId,
    session: &'a SessionKey,
    nickname: &'a Nickname,
    transport: TransportKind,
    account: Option<UserId>,
}

impl Row<'_> {
    /// False where the nickname is taken.
    async fn enter(&self, tx: &mut SqliteConnection) -> Result<bool, StoreError> {
        let entered = sqlx::query(
            "INSERT INTO sessions (id, user_id, nickname, transport, instance_id, online)
             SELECT ?1, ?2, ?3, ?4, ?5, 1 WHERE NOT EXISTS
               (SELECT 1 FROM sessions WHERE nickname = ?3 AND online = 1 AND id <> ?1)
             ON CONFLICT (id) DO UPDATE SET user_id = coalesce(?2, user_id), nickname = ?3,
               transport = ?4, instance_id = ?5, online = 1,
               last_used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        )
        .bind(self.session.as_str())
        .bind(self.account)
        .bind(self.nickname.as_str())
        .bind(self.transport.as_str())
        .bind(self.instance)
        .execute(tx)
        .await?;
        Ok(entered.rows_affected() > 0)
    }
}

/// Takes the rooms that the session is in along to `user`.
async fn move_memberships(
    tx: &mut SqliteConnection,
    session: &SessionKey,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM room_members
         WHERE user_id = (SELECT user_id FROM sessions WHERE id = ?1) AND user_id <> ?2
           AND room_id IN (SELECT room_id FROM session_rooms WHERE session_id = ?1)",
    )
    .bind(session.as_str())
    .bind(user)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT OR IGNORE INTO room_members (room_id, user_id)
         SELECT room_id, ?2 FROM session_rooms WHERE session_id = ?1",
    )
    .bind(session.as_str())
    .bind(user)
    .execute(tx)
    .await?;
    Ok(())
}

async fn join(
    tx: &mut SqliteConnection,
    session: &SessionKey,
    nickname: &Nickname,
    room: RoomId,
) -> Result<PresenceOutcome, StoreError> {
    let known: Option<(Option<UserId>, bool)> = sqlx::query_as(
        "SELECT user_id, EXISTS (SELECT 1 FROM rooms WHERE id = ?2) FROM sessions WHERE id = ?1",
    )
    .bind(session.as_str())
    .bind(room)
    .fetch_optional(&mut *tx)
    .await?;
    let account = match known {
        None => return Ok(PresenceOutcome::NoSuchSession),
        Some((_, false)) => return Ok(PresenceOutcome::NoSuchRoom),
        Some((Some(account), true)) => account,
        Some((None, true)) => user(tx, nickname.as_str()).await?,
    };
    // In one go: each statement of its own is a way to the database's thread and back.
    sqlx::query(
        "INSERT OR IGNORE INTO session_rooms (session_id, room_id) VALUES (?1, ?2);
         INSERT OR IGNORE INTO room_members (room_id, user_id) VALUES (?2, ?3);
         UPDATE sessions SET user_id = ?3 WHERE id = ?1 AND user_id IS NULL",
    )
    .bind(session.as_str())
    .bind(room)
    .bind(account)
    .execute(tx)
    .await?;
    Ok(PresenceOutcome::User(Some(account)))
}

pub(super) async fn session(
    connection: &mut SqliteConnection,
    key: &SessionKey,
    life: Duration,
) -> Result<Option<SessionRow>, StoreError> {
    let row: Option<(Option<UserId>, String, bool)> = sqlx::query_as(
        "SELECT s.user_id, s.nickname,
            s.online = 1 AND EXISTS (SELECT 1 FROM instances i WHERE i.id = s.instance_id
              AND i.heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3))
         FROM sessions s WHERE s.id = ?1 AND s.transport <> 'tcp'
           AND s.last_used_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)",
    )
    .bind(key.as_str())
    .bind(ago(life))
    .bind(ago(LEASE))
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
    let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT s.nickname, s.transport, i.name,
            (SELECT group_concat(name, ' ') FROM (SELECT r.name FROM session_rooms sr
               JOIN rooms r ON r.id = sr.room_id WHERE sr.session_id = s.id ORDER BY r.name))
         FROM sessions s JOIN instances i ON i.id = s.instance_id
         WHERE s.online = 1 AND i.heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
           AND instr(lower(s.nickname), lower(?2)) AND s.nickname > ?3
         ORDER BY s.nickname LIMIT ?4",
    )
    .bind(ago(LEASE))
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
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sessions s JOIN instances i ON i.id = s.instance_id
         WHERE s.online = 1 AND i.heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
           AND instr(lower(s.nickname), lower(?2))",
    )
    .bind(ago(LEASE))
    .bind(filter)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) async fn ended(
    connection: &mut SqliteConnection,
    sessions: &[SessionKey],
) -> Result<Vec<SessionKey>, StoreError> {
    let asked: Vec<&str> = sessions.iter().map(SessionKey::as_str).collect();
    let gone: HashSet<String> = sqlx::query_scalar(
        "SELECT value FROM json_each(?1) WHERE value NOT IN (SELECT id FROM sessions)",
    )
    .bind(serde_json::to_string(&asked).unwrap_or_default())
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
