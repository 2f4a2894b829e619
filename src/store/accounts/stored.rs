//! Accounts in either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Account, Accounts, Erasure, Failures, NewAccount, RoomOf, SessionOf, erase};
use crate::model::{Role, RoomId, RoomKind, RoomRef, Seq, SessionKey, Uid, UserId, UserKey};
use crate::store::StoreError;
use crate::store::ask::{Ask, Statement, Turn};
use crate::store::audit::{self, Record};
use crate::store::rights::{CHANGED, Changed};
use crate::store::sql::Arg;

type AccountRow = (
    UserId,
    Uid,
    String,
    Option<String>,
    Option<String>,
    bool,
    Option<String>,
    DateTime<Utc>,
);

/// Accounts where a condition on `u` holds.
macro_rules! accounts {
    ($which:literal) => {
        concat!(
            "SELECT u.id, u.uid, u.nickname, u.display_name, u.password,
               u.disabled_at IS NOT NULL, w.role, u.registered_at
             FROM users u LEFT JOIN workspace_members w ON w.user_id = u.id AND w.workspace_id = 1
             WHERE u.registered_at IS NOT NULL AND ",
            $which
        )
    };
}

fn account(row: AccountRow) -> Account {
    let (id, uid, nickname, display_name, password, disabled, role, registered_at) = row;
    Account {
        user: UserKey { id, uid },
        nickname,
        display_name,
        password,
        disabled,
        role: role.as_deref().and_then(Role::named),
        registered_at,
    }
}

async fn one<A: Ask>(store: &A, statement: Statement<'_>) -> Result<Option<Account>, StoreError> {
    let rows: Vec<AccountRow> = store.all(Turn::Read, &[statement]).await?;
    Ok(rows.into_iter().next().map(account))
}

#[async_trait]
impl<A: Ask> Accounts for A {
    async fn account(&self, nickname: &str) -> Result<Option<Account>, StoreError> {
        let sql = accounts!("@lower(u.nickname@c) = @lower($1@c)");
        one(self, (sql, &[nickname.into()])).await
    }

    async fn account_of(&self, user: UserKey) -> Result<Option<Account>, StoreError> {
        let sql = accounts!("u.id = $1 AND u.uid = $2");
        one(self, (sql, &[user.id.into(), user.uid.into()])).await
    }

    async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>, StoreError> {
        let sql = accounts!("u.subject = $1");
        one(self, (sql, &[subject.into()])).await
    }

    async fn accounts(&self, after: &str, limit: usize) -> Result<Vec<Account>, StoreError> {
        let sql =
            accounts!("@lower(u.nickname@c) > @lower($1@c) ORDER BY @lower(u.nickname@c) LIMIT $2");
        let args = [after.into(), limit.into()];
        let rows: Vec<AccountRow> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.into_iter().map(account).collect())
    }

    async fn has_accounts(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE registered_at IS NOT NULL)";
        self.value(Turn::ReadAside, &[(sql, &[])]).await
    }

    async fn register_account(
        &self,
        new: &NewAccount<'_>,
        by: &str,
    ) -> Result<Option<UserKey>, StoreError> {
        let role = new.role.unwrap_or(Role::Member).as_str();
        let (name, password, subject) = (new.nickname, new.password, new.subject);
        let user: [Arg<'_>; 1] = [name.into()];
        let invite: [Arg<'_>; 1] = [new.invite.into()];
        let made: [Arg<'_>; 5] = [
            name.into(),
            password.into(),
            subject.into(),
            new.display_name.into(),
            new.invite.into(),
        ];
        let mine: [Arg<'_>; 3] = [name.into(), password.into(), subject.into()];
        let invited: [Arg<'_>; 4] = [name.into(), password.into(), subject.into(), invite[0]];
        let joined: [Arg<'_>; 5] = [mine[0], mine[1], mine[2], invite[0], role.into()];
        let recorded: [Arg<'_>; 4] = [mine[0], mine[1], mine[2], by.into()];
        let statements: [Statement<'_>; 12] = [
            // Of two that use one invite at the same time, the second waits here for the first.
            ("UPDATE invites SET uses = uses WHERE digest = $1", &invite),
            (
                "INSERT INTO users (nickname) VALUES ($1) ON CONFLICT DO NOTHING",
                &user,
            ),
            (REGISTER, &made),
            (JOIN_WORKSPACE, &joined),
            (JOIN_ROOM, &invited),
            (USE_INVITE, &invited),
            (OWN_ROOMS, &mine),
            (READ_SO_FAR, &mine),
            (RECORD, &recorded),
            (TELL, &mine),
            (TELL_ROOMS, &mine),
            (MINE, &mine),
        ];
        let rows: Vec<(UserId, Uid)> = self.all(Turn::Once, &statements).await?;
        Ok(rows.first().map(|(id, uid)| UserKey { id: *id, uid: *uid }))
    }

    async fn set_password(
        &self,
        user: UserKey,
        password: &str,
        keep: Option<&SessionKey>,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let set: [Arg<'_>; 3] = [user.id.into(), user.uid.into(), password.into()];
        let ended: [Arg<'_>; 2] = [user.id.into(), keep.map(SessionKey::as_str).into()];
        let statements: [Statement<'_>; 4] = [
            (
                "UPDATE users SET password = $3 WHERE id = $1 AND uid = $2
                   AND registered_at IS NOT NULL",
                &set,
            ),
            (
                "DELETE FROM sessions WHERE user_id = $1 AND account = @true
                   AND ($2 IS NULL OR id <> $2)",
                &ended,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(user).args()),
        ];
        self.run(Turn::Once, &statements).await.map(drop)
    }

    async fn set_role(
        &self,
        user: UserKey,
        role: Role,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO workspace_members (workspace_id, user_id, role)
             SELECT 1, u.id, $3 FROM users u
             WHERE u.id = $1 AND u.uid = $2 AND u.registered_at IS NOT NULL
             ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role";
        let args: [Arg<'_>; 3] = [user.id.into(), user.uid.into(), role.as_str().into()];
        let statements: [Statement<'_>; 3] = [
            (sql, &args),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(user).args()),
        ];
        self.run(Turn::Repeatable, &statements).await.map(drop)
    }

    async fn rehash(&self, user: UserKey, before: &str, now: &str) -> Result<(), StoreError> {
        let sql = "UPDATE users SET password = $4 WHERE id = $1 AND uid = $2 AND password = $3";
        let args = [user.id.into(), user.uid.into(), before.into(), now.into()];
        self.run(Turn::Repeatable, &[(sql, &args)]).await.map(drop)
    }

    async fn set_disabled(
        &self,
        user: UserKey,
        disabled: bool,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let set: [Arg<'_>; 2] = [user.id.into(), user.uid.into()];
        let sql = if disabled {
            "UPDATE users SET disabled_at = coalesce(disabled_at, @now) WHERE id = $1 AND uid = $2"
        } else {
            "UPDATE users SET disabled_at = NULL WHERE id = $1 AND uid = $2"
        };
        let ended: [Arg<'_>; 2] = [user.id.into(), Arg::from(usize::from(disabled))];
        let statements: [Statement<'_>; 4] = [
            (sql, &set),
            (
                "DELETE FROM sessions WHERE user_id = $1 AND account = @true AND $2 = 1",
                &ended,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(user).args()),
        ];
        self.run(Turn::Once, &statements).await.map(drop)
    }

    async fn erase_account(
        &self,
        user: UserKey,
        erasure: &Erasure<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        erase::erase(self, user, erasure, record).await
    }

    async fn sessions_of(&self, user: UserKey) -> Result<Vec<SessionOf>, StoreError> {
        let sql = "SELECT id, transport, online, address, created_at, last_used_at FROM sessions
             WHERE user_id = $1 AND account = @true ORDER BY last_used_at DESC LIMIT 200";
        type Row = (
            String,
            String,
            bool,
            Option<String>,
            DateTime<Utc>,
            DateTime<Utc>,
        );
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &[user.id.into()])]).await?;
        let session =
            |(key, transport, online, address, created_at, last_used_at): Row| SessionOf {
                key,
                transport,
                online,
                address,
                created_at,
                last_used_at,
            };
        Ok(rows.into_iter().map(session).collect())
    }

    async fn end_session(
        &self,
        user: UserKey,
        key: &str,
        record: &Record<'_>,
    ) -> Result<bool, StoreError> {
        let one: [Arg<'_>; 2] = [user.id.into(), key.into()];
        let find = "SELECT id FROM sessions WHERE user_id = $1 AND account = @true AND id = $2";
        let found: Vec<(String,)> = self.all(Turn::Read, &[(find, &one)]).await?;
        if found.is_empty() {
            return Ok(false);
        }
        let statements: [Statement<'_>; 3] = [
            (
                "DELETE FROM sessions WHERE user_id = $1 AND account = @true AND id = $2",
                &one,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(user).args()),
        ];
        self.run(Turn::Repeatable, &statements).await?;
        Ok(true)
    }

    async fn alive_sessions(&self, keys: &[&str]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM sessions WHERE id @in($1)";
        let rows: Vec<(String,)> = self.all(Turn::ReadAside, &[(sql, &[keys.into()])]).await?;
        Ok(rows.into_iter().map(|(key,)| key).collect())
    }

    async fn failures(&self, keys: &[&str]) -> Result<Vec<Failures>, StoreError> {
        let sql = "SELECT key, count, last_at FROM login_failures WHERE key @in($1)";
        let rows: Vec<(String, i64, DateTime<Utc>)> =
            self.all(Turn::Read, &[(sql, &[keys.into()])]).await?;
        let failures = |(key, count, last_at): (String, i64, DateTime<Utc>)| Failures {
            key,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            last_at,
        };
        Ok(rows.into_iter().map(failures).collect())
    }

    async fn failed(&self, before: Option<&Failures>, now: &Failures) -> Result<bool, StoreError> {
        let sql = "INSERT INTO login_failures (key, count, last_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET count = excluded.count, last_at = excluded.last_at
             WHERE login_failures.count = $4 AND login_failures.last_at = $5";
        let args: [Arg<'_>; 5] = [
            now.key.as_str().into(),
            i64::from(now.count).into(),
            now.last_at.into(),
            Arg::Number(before.map(|before| i64::from(before.count))),
            before.map(|before| before.last_at).into(),
        ];
        Ok(self.run(Turn::Once, &[(sql, &args)]).await? > 0)
    }

    async fn succeeded(&self, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM login_failures WHERE key = $1";
        self.run(Turn::Repeatable, &[(sql, &[key.into()])])
            .await
            .map(drop)
    }

    async fn forgive(&self, key: &str) -> Result<(), StoreError> {
        let sql = "UPDATE login_failures SET count = count - 1 WHERE key = $1 AND count > 0";
        self.run(Turn::Once, &[(sql, &[key.into()])])
            .await
            .map(drop)
    }

    async fn session_from(
        &self,
        key: &SessionKey,
        address: Option<&str>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET address = $2 WHERE id = $1";
        let args = [key.as_str().into(), address.into()];
        self.run(Turn::Repeatable, &[(sql, &args)]).await.map(drop)
    }

    async fn invite_holds(&self, digest: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM invites
             WHERE digest = $1 AND uses > 0 AND (expires_at IS NULL OR expires_at > @now))";
        self.value(Turn::Read, &[(sql, &[digest.into()])]).await
    }

    async fn rooms_of(&self, user: UserKey) -> Result<Vec<RoomOf>, StoreError> {
        let sql = "SELECT r.id, r.uid, r.name, r.kind, m.role, r.topic, r.last_seq
             FROM room_members m JOIN rooms r ON r.id = m.room_id JOIN users u ON u.id = m.user_id
             WHERE u.id = $1 AND u.uid = $2 AND r.kind <> 'direct'
             ORDER BY @lower(r.name@c) LIMIT 1000";
        type Row = (
            RoomId,
            Uid,
            String,
            String,
            Option<String>,
            Option<String>,
            Seq,
        );
        let args = [user.id.into(), user.uid.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let room = |(id, uid, name, kind, role, topic, last_seq): Row| RoomOf {
            room: RoomRef::stored(id, uid, &name),
            kind: RoomKind::stored(&kind),
            role: role.as_deref().and_then(Role::named),
            topic,
            last_seq,
        };
        Ok(rows.into_iter().map(room).collect())
    }
}

/// The user that this registration made an account of: its password's salt is its own, and a subject
/// is one user's.
macro_rules! mine {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " u WHERE @lower(u.nickname@c) = @lower($1@c) AND u.registered_at IS NOT NULL
               AND (u.password = $2 OR u.subject = $3) ",
            $after
        )
    };
}

const REGISTER: &str = "UPDATE users SET registered_at = @now, password = $2, subject = $3,
      display_name = $4
    WHERE @lower(nickname@c) = @lower($1@c) AND registered_at IS NULL
      AND ($5 IS NULL OR EXISTS (SELECT 1 FROM invites i
        WHERE i.digest = $5 AND i.uses > 0 AND (i.expires_at IS NULL OR i.expires_at > @now)))";

/// Into the workspace of the invite, or the first.
const JOIN_WORKSPACE: &str = mine!(
    "INSERT INTO workspace_members (workspace_id, user_id, role)
     SELECT coalesce((SELECT i.workspace_id FROM invites i WHERE i.digest = $4), 1), u.id,
       coalesce((SELECT CASE WHEN i.room_id IS NULL THEN i.role ELSE 'member' END
         FROM invites i WHERE i.digest = $4), $5) FROM users",
    "ON CONFLICT DO NOTHING"
);

const JOIN_ROOM: &str = mine!(
    "INSERT INTO room_members (room_id, user_id, role)
     SELECT (SELECT i.room_id FROM invites i WHERE i.digest = $4), u.id,
       (SELECT nullif(i.role, 'member') FROM invites i WHERE i.digest = $4) FROM users",
    "AND EXISTS (SELECT 1 FROM invites i WHERE i.digest = $4 AND i.room_id IS NOT NULL)
     ON CONFLICT DO NOTHING"
);

const USE_INVITE: &str = mine!(
    "UPDATE invites SET uses = uses - 1 WHERE digest = $4 AND EXISTS (SELECT 1 FROM users",
    ")"
);

/// What the user made before it had an account.
const OWN_ROOMS: &str = mine!(
    "INSERT INTO room_members (room_id, user_id, role)
     SELECT r.id, u.id, 'owner' FROM rooms r, users",
    "AND r.created_by = u.id AND lower(r.name@c) <> 'general'
     ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role"
);

/// What was said in its rooms by then does not call it.
const READ_SO_FAR: &str = mine!(
    "INSERT INTO read_marks (user_id, room_id, read_number)
     SELECT u.id, r.id, r.last_number FROM rooms r JOIN room_members m ON m.room_id = r.id, users",
    "AND m.user_id = u.id ON CONFLICT DO NOTHING"
);

const RECORD: &str = mine!(
    "INSERT INTO audit (actor, action, target) SELECT $4, 'register', u.nickname FROM users",
    ""
);

const TELL: &str = mine!(
    "INSERT INTO rights_changes (user_id) SELECT u.id FROM users",
    ""
);

const TELL_ROOMS: &str = mine!(
    "INSERT INTO rights_changes (user_id, room_id) SELECT u.id, r.id FROM rooms r, users",
    "AND r.created_by = u.id"
);

const MINE: &str = mine!("SELECT u.id, u.uid FROM users", "");
