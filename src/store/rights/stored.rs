//! Rights in either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    CHANGED, Changed, Restrained, Restraint, Restriction, Rights, RoomChange, RoomRights, Stands,
    Stood, Workspace,
};
use crate::model::{Role, RoomId, RoomKey, RoomKind, Uid, UserId, UserKey};
use crate::store::StoreError;
use crate::store::ask::{Ask, Statement, Turn};
use crate::store::audit::{self, Record};
use crate::store::sql::Arg;

/// What [`stands!`] selects: a user, where there is one, and how it stands to the room.
type Row = (
    Option<UserId>,
    Option<Uid>,
    Option<String>,
    String,
    bool,
    i64,
    Option<String>,
    Option<String>,
    bool,
    bool,
    bool,
    Option<String>,
    Option<String>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

/// Roles or restrictions of a room that are read at once; where there are more, each person's are read
/// alone.
const MOST_SPECIAL: usize = 1_000;

/// Until when a restriction of that kind holds for a person.
macro_rules! until {
    ($kind:literal, $person:literal) => {
        concat!(
            "(SELECT max(x.until) FROM restrictions x WHERE x.kind = '",
            $kind,
            "' AND x.workspace_id = r.workspace_id AND (x.room_id IS NULL OR x.room_id = r.id)
               AND (",
            $person,
            ") AND x.until > @now)"
        )
    };
}

/// How users, joined so, stand to a room.
macro_rules! stands {
    ($people:literal, $person:literal, $where:literal) => {
        concat!(
            "SELECT u.id, u.uid, u.nickname, r.kind, r.workspace_id = 1, r.slow, r.allow, r.topic, r.seen > 0,
               m.user_id IS NOT NULL,
               coalesce(u.registered_at IS NOT NULL AND u.disabled_at IS NULL, 1 = 0), m.role,
               (SELECT w.role FROM workspace_members w
                WHERE w.workspace_id = r.workspace_id AND w.user_id = u.id), ",
            until!("ban", $person),
            ", ",
            until!("mute", $person),
            " FROM rooms r ",
            $people,
            " LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = u.id
             WHERE ",
            $where
        )
    };
}

const STANDS: &str = stands!(
    "LEFT JOIN users u ON u.id = $3 AND u.uid = $4",
    "x.user_id = $3 OR x.address = $5",
    "r.id = $1 AND r.uid = $2"
);

/// Of accounts, by their nicknames.
const STAND: &str = stands!(
    "JOIN users u ON @lower(u.nickname@c) @in($1) AND u.registered_at IS NOT NULL",
    "x.user_id = u.id",
    "r.id = $2 AND r.uid = $3 ORDER BY u.id"
);

fn stands(row: Row) -> Stands {
    let (.., banned, muted) = row;
    let (_, _, _, kind, main, slow, allow, topic, seen, member, account, own, workspace, ..) = row;
    let role = |name: Option<String>| name.as_deref().and_then(Role::named);
    Stands {
        kind: RoomKind::stored(&kind),
        main,
        slow: u32::try_from(slow).unwrap_or_default(),
        allow,
        topic,
        seen,
        member,
        account,
        room_role: role(own),
        workspace_role: role(workspace),
        banned_until: banned,
        muted_until: muted,
    }
}

/// The workspace of that name, if there is one.
pub(in crate::store) async fn workspace_id<A: Ask>(
    store: &A,
    name: &str,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id FROM workspaces WHERE @lower(name@c) = @lower($1@c)";
    let found: Vec<(i64,)> = store.all(Turn::Read, &[(sql, &[name.into()])]).await?;
    Ok(found.first().map(|(id,)| *id))
}

#[async_trait]
impl<A: Ask> Rights for A {
    async fn workspace_role(
        &self,
        user: UserKey,
        workspace: &str,
    ) -> Result<Option<Role>, StoreError> {
        let sql = "SELECT m.role FROM workspace_members m
               JOIN workspaces w ON w.id = m.workspace_id JOIN users u ON u.id = m.user_id
             WHERE u.id = $1 AND u.uid = $2 AND @lower(w.name@c) = @lower($3@c)";
        let args = [user.id.into(), user.uid.into(), workspace.into()];
        let rows: Vec<(String,)> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.first().and_then(|(role,)| Role::named(role)))
    }

    async fn create_workspace(&self, name: &str, record: &Record<'_>) -> Result<bool, StoreError> {
        if workspace_id(self, name).await?.is_some() {
            return Ok(false);
        }
        let name: [Arg<'_>; 1] = [name.into()];
        let statements: [Statement<'_>; 2] = [
            (
                "INSERT INTO workspaces (name) VALUES ($1) ON CONFLICT DO NOTHING",
                &name,
            ),
            (audit::WRITE, &record.args()),
        ];
        self.run(Turn::Once, &statements).await?;
        Ok(true)
    }

    async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        let sql = "SELECT w.name,
               (SELECT count(*) FROM workspace_members m WHERE m.workspace_id = w.id),
               (SELECT count(*) FROM rooms r WHERE r.workspace_id = w.id), w.created_at
             FROM workspaces w ORDER BY @lower(w.name@c) LIMIT 1000";
        let rows: Vec<(String, i64, i64, DateTime<Utc>)> =
            self.all(Turn::Read, &[(sql, &[])]).await?;
        let workspace = |(name, members, rooms, created_at)| Workspace {
            name,
            members,
            rooms,
            created_at,
        };
        Ok(rows.into_iter().map(workspace).collect())
    }

    async fn set_workspace_role(
        &self,
        user: UserKey,
        workspace: &str,
        role: Option<Role>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError> {
        let Some(workspace) = workspace_id(self, workspace).await? else {
            return Ok(false);
        };
        let args: [Arg<'_>; 3] = [
            workspace.into(),
            user.id.into(),
            role.map(Role::as_str).into(),
        ];
        let statements: [Statement<'_>; 4] = [
            (
                "INSERT INTO workspace_members (workspace_id, user_id, role)
                 SELECT $1, u.id, $3 FROM users u WHERE u.id = $2 AND $3 IS NOT NULL
                 ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role",
                &args,
            ),
            (
                "DELETE FROM workspace_members
                 WHERE workspace_id = $1 AND user_id = $2 AND $3 IS NULL",
                &args,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(user).args()),
        ];
        self.run(Turn::Repeatable, &statements).await?;
        Ok(true)
    }

    async fn find_user(&self, nickname: &str) -> Result<Option<(UserKey, String)>, StoreError> {
        let sql = "SELECT id, uid, nickname FROM users WHERE @lower(nickname@c) = @lower($1@c)";
        type Row = (UserId, Uid, String);
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &[nickname.into()])]).await?;
        let found = rows.into_iter().next();
        Ok(found.map(|(id, uid, nickname)| (UserKey { id, uid }, nickname)))
    }

    async fn address_of(&self, user: UserKey) -> Result<Option<String>, StoreError> {
        let sql = "SELECT address FROM sessions WHERE user_id = $1 AND address IS NOT NULL
             ORDER BY last_used_at DESC LIMIT 1";
        let rows: Vec<(String,)> = self.all(Turn::Read, &[(sql, &[user.id.into()])]).await?;
        Ok(rows.into_iter().next().map(|(address,)| address))
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: &RoomChange<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE rooms SET topic = nullif(coalesce($3, topic), ''),
               slow = coalesce($4, slow), kind = coalesce($5, kind),
               allow = nullif(coalesce($6, allow), ''), seen = coalesce($7, seen) WHERE id = $1 AND uid = $2";
        let args: [Arg<'_>; 7] = [
            room.id.into(),
            room.uid.into(),
            change.topic.into(),
            Arg::Number(change.slow.map(i64::from)),
            change.kind.map(RoomKind::as_str).into(),
            change.allow.into(),
            Arg::Number(change.seen.map(i64::from)),
        ];
        let statements: [Statement<'_>; 3] = [
            (sql, &args),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of_all_in(room).args()),
        ];
        self.run(Turn::Repeatable, &statements).await.map(drop)
    }

    async fn stands(
        &self,
        user: Option<UserKey>,
        address: Option<&str>,
        room: RoomKey,
    ) -> Result<Option<Stands>, StoreError> {
        let args: [Arg<'_>; 5] = [
            room.id.into(),
            room.uid.into(),
            user.map(|user| user.id).into(),
            user.map(|user| user.uid).into(),
            address.into(),
        ];
        let rows: Vec<Row> = self.all(Turn::Read, &[(STANDS, &args)]).await?;
        Ok(rows.into_iter().next().map(stands))
    }

    async fn stand(&self, nicknames: &[&str], room: RoomKey) -> Result<Vec<Stood>, StoreError> {
        let keys: Vec<String> = nicknames.iter().map(|n| n.to_ascii_lowercase()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args = [keys.as_slice().into(), room.id.into(), room.uid.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(STAND, &args)]).await?;
        let stood = |mut row: Row| {
            let (id, uid, nickname) = (row.0?, row.1?, row.2.take()?);
            Some(Stood {
                user: UserKey { id, uid },
                nickname,
                stands: stands(row),
            })
        };
        Ok(rows.into_iter().filter_map(stood).collect())
    }

    async fn room_rights(&self, room: RoomKey) -> Result<Option<RoomRights>, StoreError> {
        let this: [Arg<'_>; 2] = [room.id.into(), room.uid.into()];
        let of_room = "SELECT kind, workspace_id = 1, slow, allow, topic, seen > 0 FROM rooms
             WHERE id = $1 AND uid = $2";
        type Room = (String, bool, i64, Option<String>, Option<String>, bool);
        let found: Vec<Room> = self.all(Turn::Read, &[(of_room, &this)]).await?;
        let Some((kind, main, slow, allow, topic, seen)) = found.into_iter().next() else {
            return Ok(None);
        };
        let most = [room.id.into(), (MOST_SPECIAL + 1).into()];
        let of_roles = "SELECT user_id, role FROM room_members
             WHERE room_id = $1 AND role IS NOT NULL LIMIT $2";
        let roles: Vec<(UserId, String)> = self.all(Turn::Read, &[(of_roles, &most)]).await?;
        let imposed = "SELECT x.kind, x.user_id, x.address, x.until
             FROM restrictions x JOIN rooms r ON r.workspace_id = x.workspace_id
             WHERE r.id = $1 AND (x.room_id IS NULL OR x.room_id = r.id) AND x.until > @now
             LIMIT $2";
        type Imposed = (String, Option<UserId>, Option<String>, DateTime<Utc>);
        let imposed: Vec<Imposed> = self.all(Turn::Read, &[(imposed, &most)]).await?;
        let many = roles.len().max(imposed.len()) > MOST_SPECIAL;
        let role = |(user, role): (UserId, String)| Some((user, Role::named(&role)?));
        let restrained = |(kind, user, address, until): Imposed| {
            let kind = Restraint::named(&kind)?;
            Some(Restrained {
                kind,
                user,
                address,
                until,
            })
        };
        Ok(Some(RoomRights {
            kind: RoomKind::stored(&kind),
            main,
            slow: u32::try_from(slow).unwrap_or_default(),
            allow,
            topic,
            seen,
            roles: roles.into_iter().filter_map(role).collect(),
            restrictions: imposed.into_iter().filter_map(restrained).collect(),
            many,
        }))
    }

    async fn rights_changed(&self, after: i64) -> Result<Vec<(i64, Changed)>, StoreError> {
        let sql = "SELECT n, user_id, room_id, ends FROM rights_changes WHERE n > $1
             ORDER BY n LIMIT 10000";
        type Row = (i64, Option<UserId>, Option<RoomId>, bool);
        let rows: Vec<Row> = self.all(Turn::ReadAside, &[(sql, &[after.into()])]).await?;
        let changed = |(n, user, room, ends): Row| (n, Changed { user, room, ends });
        Ok(rows.into_iter().map(changed).collect())
    }

    async fn add_member(
        &self,
        user: UserKey,
        room: RoomKey,
        role: Option<Role>,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let begun = "INSERT INTO read_marks (user_id, room_id, read_number)
             SELECT u.id, r.id, r.last_number FROM rooms r, users u
             WHERE r.id = $1 AND r.uid = $2 AND u.id = $3 AND u.uid = $4
               AND NOT EXISTS (SELECT 1 FROM room_members m WHERE m.room_id = r.id AND m.user_id = u.id)
             ON CONFLICT DO NOTHING";
        let sql = "INSERT INTO room_members (room_id, user_id, role)
             SELECT r.id, u.id, $5 FROM rooms r, users u
             WHERE r.id = $1 AND r.uid = $2 AND u.id = $3 AND u.uid = $4
             ON CONFLICT (room_id, user_id) DO UPDATE
               SET role = coalesce(excluded.role, room_members.role)";
        let args: [Arg<'_>; 5] = [
            room.id.into(),
            room.uid.into(),
            user.id.into(),
            user.uid.into(),
            role.map(Role::as_str).into(),
        ];
        let changed = Changed::of_one_in(user, room);
        let statements: [Statement<'_>; 4] = [
            (begun, &args[..4]),
            (sql, &args),
            (audit::WRITE, &record.args()),
            (CHANGED, &changed.args()),
        ];
        self.run(Turn::Repeatable, &statements).await.map(drop)
    }

    async fn remove_member(
        &self,
        user: UserKey,
        room: RoomKey,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let both: [Arg<'_>; 2] = [room.id.into(), user.id.into()];
        let changed = Changed::of_one_in(user, room).ending();
        let statements: [Statement<'_>; 4] = [
            (
                "DELETE FROM session_rooms WHERE room_id = $1
                   AND session_id IN (SELECT id FROM sessions WHERE user_id = $2)",
                &both,
            ),
            (
                "DELETE FROM room_members WHERE room_id = $1 AND user_id = $2",
                &both,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &changed.args()),
        ];
        self.run(Turn::Repeatable, &statements).await.map(drop)
    }

    async fn restrict(
        &self,
        restriction: &Restriction<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let of = restriction;
        let args: [Arg<'_>; 7] = [
            of.room.id.into(),
            of.kind.as_str().into(),
            of.user.id.into(),
            of.address.into(),
            of.until.into(),
            of.why.into(),
            of.by.map(|by| by.id).into(),
        ];
        let out: [Arg<'_>; 3] = [args[0], args[1], args[2]];
        let changed = Changed {
            ends: of.kind == Restraint::Ban,
            ..Changed::of_one_in(of.user, of.room)
        };
        let statements: [Statement<'_>; 5] = [
            (
                "INSERT INTO restrictions
                   (kind, workspace_id, room_id, user_id, address, until, why, created_by)
                 SELECT $2, r.workspace_id, r.id, $3, $4, $5, $6, $7 FROM rooms r WHERE r.id = $1",
                &args,
            ),
            (
                "DELETE FROM session_rooms WHERE room_id = $1 AND $2 = 'ban'
                   AND session_id IN (SELECT id FROM sessions WHERE user_id = $3)",
                &out,
            ),
            (
                "DELETE FROM room_members WHERE room_id = $1 AND $2 = 'ban' AND user_id = $3",
                &out,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &changed.args()),
        ];
        self.run(Turn::Once, &statements).await.map(drop)
    }

    async fn lift(
        &self,
        kind: Restraint,
        user: UserKey,
        room: Option<RoomKey>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError> {
        let room_id = room.map(|room| room.id);
        let args: [Arg<'_>; 3] = [kind.as_str().into(), user.id.into(), room_id.into()];
        let find = "SELECT id FROM restrictions WHERE kind = $1 AND user_id = $2 AND until > @now
             AND (room_id = $3 OR $3 IS NULL AND room_id IS NULL) LIMIT 1";
        let found: Vec<(i64,)> = self.all(Turn::Read, &[(find, &args)]).await?;
        if found.is_empty() {
            return Ok(false);
        }
        let changed = Changed {
            user: Some(user.id),
            room: room_id,
            ends: false,
        };
        let statements: [Statement<'_>; 3] = [
            (
                "DELETE FROM restrictions WHERE kind = $1 AND user_id = $2
                   AND (room_id = $3 OR $3 IS NULL AND room_id IS NULL)",
                &args,
            ),
            (audit::WRITE, &record.args()),
            (CHANGED, &changed.args()),
        ];
        self.run(Turn::Repeatable, &statements).await?;
        Ok(true)
    }
}
