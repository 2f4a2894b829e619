//! Instances, of either kind of database, and what is forgotten when its time is over.
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ask::{Ask, Turn};
use super::sql::Arg;
use super::unused::{LOOK_AT, ROOM_AGE, USER_AGE};
use super::{
    ACCOUNT_SESSION_LIFE, Holder, Instance, InstanceId, Instances, LEASE, NONCE_LIFE, NOTICE_LIFE,
    StoreError, alive,
};
use crate::model::{LOBBY, Nickname, RoomName, UserId};

/// How long a dead instance's row is kept, so that an operator can look into what happened.
const FORGET_INSTANCES: Duration = Duration::from_secs(3600);
/// A writer unused for so long belongs to no connection any more.
/// What rights changed was seen by every living instance long before.
const FORGET_CHANGES: Duration = Duration::from_secs(3600);
/// Failed logins are forgotten after a quiet day.
const FORGET_FAILURES: Duration = Duration::from_secs(24 * 3600);
pub(super) const FORGET_WRITERS: Duration = Duration::from_secs(24 * 3600);
/// Rows deleted by one statement, so that none takes long, or holds up others, however much there
/// is to forget.
const PORTION: i64 = 5_000;
const PORTION_ALONE: i64 = 1_000;

/// Enters an instance, see [`entry`].
pub(super) const ENTER_POSTGRES: &str =
    "INSERT INTO instances (id, name, pid, version, tcp_port, http_port)
     VALUES (coalesce($1, nextval(pg_get_serial_sequence('instances', 'id'))),
       $2, $3, $4, $5, $6) RETURNING id";
pub(super) const ENTER_SQLITE: &str =
    "INSERT INTO instances (id, name, pid, version, tcp_port, http_port)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

/// What is entered, in the place of `id` where it is known.
pub(super) fn entry(id: Option<InstanceId>, instance: &Instance) -> [Arg<'_>; 6] {
    [
        id.into(),
        instance.name.as_str().into(),
        i64::from(instance.pid).into(),
        instance.version.into(),
        i64::from(instance.tcp_port).into(),
        i64::from(instance.http_port).into(),
    ]
}

#[async_trait]
impl<A: Ask> Instances for A {
    async fn register(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        let free = "UPDATE sessions SET online = false
            WHERE instance_id IN (SELECT id FROM instances WHERE name = $1)";
        let supersede = "DELETE FROM instances WHERE name = $1";
        let enter = self.either(ENTER_POSTGRES, ENTER_SQLITE);
        let (name, entry) = ([instance.name.as_str().into()], entry(None, instance));
        let statements = [
            (free, &name[..]),
            (supersede, &name[..]),
            (enter, &entry[..]),
        ];
        self.value(Turn::Repeatable, &statements).await
    }

    async fn holder(
        &self,
        name: &str,
        except: Option<InstanceId>,
    ) -> Result<Option<Holder>, StoreError> {
        let sql = concat!(
            "SELECT id, pid, heartbeat_at FROM instances WHERE ",
            alive!("heartbeat_at"),
            " AND name = $3 AND id <> $4 ORDER BY heartbeat_at DESC LIMIT 1"
        );
        let [since, until] = alive::args(LEASE);
        // Rows are counted from 1.
        let except = except.unwrap_or(InstanceId::new(0));
        let args = [since, until, name.into(), except.into()];
        let rows: Vec<(InstanceId, i64, DateTime<Utc>)> =
            self.all(Turn::ReadAside, &[(sql, &args)]).await?;
        let holder = |(id, pid, seen)| Holder { id, pid, seen };
        Ok(rows.into_iter().next().map(holder))
    }

    async fn register_beside(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        // Entered twice after a lost answer, one of the rows shows no signs of life.
        let enter = self.either(ENTER_POSTGRES, ENTER_SQLITE);
        self.value(Turn::Repeatable, &[(enter, &entry(None, instance))])
            .await
    }

    async fn move_sessions(&self, from: InstanceId, to: InstanceId) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET instance_id = $2 WHERE instance_id = $1";
        let args = [from.into(), to.into()];
        self.run(Turn::RepeatableAside, &[(sql, &args)]).await?;
        Ok(())
    }

    async fn lively(&self, within: Duration) -> Result<Vec<InstanceId>, StoreError> {
        let sql = concat!("SELECT id FROM instances WHERE ", alive!("heartbeat_at"));
        let statement = (sql, &alive::args(within)[..]);
        let rows: Vec<(InstanceId,)> = self.all(Turn::ReadAside, &[statement]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    async fn bury(&self) -> Result<Vec<(RoomName, Nickname)>, StoreError> {
        let end = concat!(
            "UPDATE sessions SET online = false WHERE online = @true AND instance_id IN
               (SELECT id FROM instances WHERE NOT (",
            alive!("heartbeat_at"),
            ")) RETURNING id, nickname"
        );
        let dead = (end, &alive::args(LEASE)[..]);
        let gone: Vec<(String, String)> = self.all(Turn::Once, &[dead]).await?;
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let look = self.either(
            "SELECT sr.session_id, r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id = ANY ($1::text[])",
            "SELECT sr.session_id, r.name FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
             WHERE sr.session_id IN (SELECT value FROM json_each($1))",
        );
        let sessions: Vec<&str> = gone.iter().map(|(id, _)| id.as_str()).collect();
        let args = [sessions.as_slice().into()];
        let rooms: Vec<(String, String)> = self.all(Turn::Read, &[(look, &args)]).await?;
        let names: HashMap<&str, &str> = gone.iter().map(|(id, n)| (&**id, &**n)).collect();
        let left = |(session, room): &(String, String)| {
            let nickname = Nickname::stored(names.get(&**session)?);
            Some((RoomName::stored(room), nickname))
        };
        Ok(rooms.iter().filter_map(left).collect())
    }

    async fn retire(&self, instance: InstanceId) -> Result<(), StoreError> {
        let args = [instance.into()];
        let free = "UPDATE sessions SET online = false WHERE instance_id = $1";
        let delete = "DELETE FROM instances WHERE id = $1";
        let statements = [(free, &args[..]), (delete, &args[..])];
        self.run(Turn::Repeatable, &statements).await?;
        Ok(())
    }
}

/// Forgets what is old and what was never used, in portions between which others write. Users up to
/// `looked_at` were looked at before.
pub(super) async fn expire<A: Ask>(
    store: &A,
    session_life: Duration,
    looked_at: &AtomicI64,
) -> Result<(), StoreError> {
    let portion = store.either(PORTION, PORTION_ALONE);
    for (sql, life) in forgettable(store, session_life) {
        let args = [Arg::Ago(life), portion.into()];
        let statement = (sql, &args[..]);
        while store.run(Turn::Repeatable, &[statement]).await? >= portion.unsigned_abs() {}
    }
    rooms(store).await?;
    let reached = users(store, UserId::new(looked_at.load(Relaxed))).await?;
    looked_at.store(reached.get(), Relaxed);
    Ok(())
}

/// What is forgotten, and when.
fn forgettable<A: Ask>(store: &A, session_life: Duration) -> Vec<(&'static str, Duration)> {
    /// A portion of what is old, by what each database knows a row by.
    macro_rules! forget {
        ($table:literal, $key:literal, $old:literal) => {
            store.either(
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE ctid = ANY (ARRAY(SELECT ctid FROM ",
                    $table,
                    " WHERE ",
                    $old,
                    " LIMIT $2))"
                ),
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE (",
                    $key,
                    ") IN (SELECT ",
                    $key,
                    " FROM ",
                    $table,
                    " WHERE ",
                    $old,
                    " LIMIT $2)"
                ),
            )
        };
    }
    let mut all = vec![
        (
            forget!("nonces", "session_id, nonce", "created_at < @now($1)"),
            NONCE_LIFE,
        ),
        (
            forget!("instances", "id", "heartbeat_at < @now($1)"),
            FORGET_INSTANCES,
        ),
        (
            forget!(
                "sessions",
                "id",
                "last_used_at < @now($1) AND account <> @true
                   AND (NOT online OR instance_id IS NULL)"
            ),
            session_life,
        ),
        (
            forget!(
                "sessions",
                "id",
                "last_used_at < @now($1) AND (NOT online OR instance_id IS NULL)"
            ),
            session_life.max(ACCOUNT_SESSION_LIFE),
        ),
        (
            forget!("rights_changes", "n", "at < @now($1)"),
            FORGET_CHANGES,
        ),
        (
            forget!("login_failures", "key", "last_at < @now($1)"),
            FORGET_FAILURES,
        ),
        (
            forget!("notices", "origin, n", "created_at < @now($1)"),
            NOTICE_LIFE,
        ),
    ];
    // SQLite has no table of writers.
    if store.either(true, false) {
        all.push((
            forget!("writers", "id", "used_at < @now($1)"),
            FORGET_WRITERS,
        ));
    }
    all
}

/// Rooms that a user created, in which nothing was ever said and no session is.
async fn rooms<A: Ask>(store: &A) -> Result<(), StoreError> {
    let sql = "DELETE FROM rooms WHERE last_seq = 0 AND created_by IS NOT NULL AND kind = 'public'
           AND lower(name@c) <> $2 AND created_at < @now($1)
           AND NOT EXISTS (SELECT 1 FROM room_members m WHERE m.room_id = rooms.id)
           AND NOT EXISTS (SELECT 1 FROM session_rooms s WHERE s.room_id = rooms.id)
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.room_id = rooms.id)";
    let args = [Arg::Ago(ROOM_AGE), LOBBY.into()];
    store.run(Turn::Repeatable, &[(sql, &args)]).await?;
    Ok(())
}

/// Of the users after `after`, a portion of those who said nothing, are in no room, have no
/// session and created nothing. Returns how far it looked; 0 at the end.
async fn users<A: Ask>(store: &A, after: UserId) -> Result<UserId, StoreError> {
    let sql = "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
    let args = [after.into(), LOOK_AT.into()];
    let reached: Vec<(UserId,)> = store.all(Turn::Read, &[(sql, &args)]).await?;
    let reached = reached.first().map(|(id,)| *id);
    let sql = "DELETE FROM users WHERE id > $1 AND ($2 IS NULL OR id <= $2)
           AND created_at < @now($3) AND registered_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM restrictions x WHERE x.user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM room_members m WHERE m.user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.created_by = users.id)
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.user_id = users.id)";
    let args = [after.into(), reached.into(), Arg::Ago(USER_AGE)];
    store.run(Turn::Repeatable, &[(sql, &args)]).await?;
    Ok(reached.unwrap_or(UserId::new(0)))
}
