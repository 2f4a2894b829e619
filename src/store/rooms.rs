//! Rooms, of either kind of database. In PostgreSQL names are compared in the C collation: ASCII
//! letters fold, whatever the database's locale makes of a capital I. In SQLite their columns know
//! no case.
use std::time::Duration;

use async_trait::async_trait;

use super::ask::{Ask, Statement, Turn};
use super::sql::Arg;
use super::{LEASE, Page, Record, RoomSummary, Rooms, StoreError, Viewer, alive};
use crate::model::{MAIN, RoomId, RoomKey, RoomKind, RoomName, RoomRef, Seq, Uid, UserKey};

/// Whether the viewer, the parameter of that number, sees the room `r`.
macro_rules! seen {
    ($n:literal) => {
        concat!(
            "($",
            $n,
            " = -1 OR $",
            $n,
            " IS NULL AND r.kind = 'public' AND r.workspace_id = 1
               OR EXISTS (SELECT 1 FROM workspace_members w
                 WHERE w.workspace_id = r.workspace_id AND w.user_id = $",
            $n,
            ") AND (r.kind = 'public' OR EXISTS (SELECT 1 FROM room_members o
                 WHERE o.room_id = r.id AND o.user_id = $",
            $n,
            ")))"
        )
    };
}
pub(super) use seen;

impl Viewer {
    /// As SQL has it.
    pub(super) fn arg(self) -> Arg<'static> {
        Arg::Number(match self {
            Self::Server => Some(-1),
            Self::Stranger => None,
            Self::Account(user) => Some(user.id.get()),
        })
    }
}

const A_DAY: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl<A: Ask> Rooms for A {
    async fn room(&self, name: &RoomName) -> Result<Option<(RoomRef, Seq)>, StoreError> {
        let sql = "SELECT id, uid, name, last_seq FROM rooms WHERE @lower(name@c) = @lower($1@c)";
        let args = [name.as_str().into()];
        let rows: Vec<(RoomId, Uid, String, Seq)> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let row = rows.first();
        Ok(row.map(|(id, uid, name, last)| (RoomRef::stored(*id, *uid, name), *last)))
    }

    async fn rooms_named(&self, names: &[RoomName]) -> Result<Vec<RoomRef>, StoreError> {
        let sql = "SELECT id, uid, name FROM rooms WHERE @lower(name@c) @in($1)";
        let keys: Vec<String> = names.iter().map(RoomName::key).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args = [keys.as_slice().into()];
        type Row = (RoomId, Uid, String);
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let room = |(id, uid, name): &Row| RoomRef::stored(*id, *uid, name);
        Ok(rows.iter().map(room).collect())
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        by: Option<UserKey>,
        record: Option<&Record<'_>>,
    ) -> Result<Option<RoomRef>, StoreError> {
        let failed = |error| StoreError::Unavailable(format!("cannot make a room's uid: {error}"));
        let uid = Uid::random().map_err(failed)?;
        let make = "INSERT INTO rooms (name, uid, created_by, kind, workspace_id)
             SELECT $1, $2, (SELECT id FROM users WHERE id = $3 AND uid = $4), $5,
               w.id
             FROM workspaces w WHERE @lower(w.name@c) = @lower($6@c) ON CONFLICT DO NOTHING";
        let (user, user_uid) = (by.map(|by| by.id), by.map(|by| by.uid));
        let made: [Arg<'_>; 6] = [
            name.as_str().into(),
            uid.into(),
            user.into(),
            user_uid.into(),
            kind.as_str().into(),
            name.workspace().unwrap_or(MAIN).into(),
        ];
        let own = "INSERT INTO room_members (room_id, user_id, role)
             SELECT r.id, u.id, 'owner' FROM rooms r, users u
             WHERE @lower(r.name@c) = @lower($1@c) AND r.uid = $2 AND u.id = r.created_by
               AND u.registered_at IS NOT NULL";
        let entered = "INSERT INTO audit (actor, action, room, detail)
             SELECT $3, $4, r.name, $5 FROM rooms r
             WHERE @lower(r.name@c) = @lower($1@c) AND r.uid = $2 AND $3 IS NOT NULL";
        let record = record.copied();
        let actor = record.map(|record| record.actor);
        let action = record.map(|record| record.action);
        let detail = record.and_then(|record| record.detail);
        let find = "SELECT id FROM rooms WHERE @lower(name@c) = @lower($1@c) AND uid = $2";
        let this: [Arg<'_>; 2] = [made[0], made[1]];
        let recorded: [Arg<'_>; 5] = [made[0], made[1], actor.into(), action.into(), detail.into()];
        let statements: [Statement<'_>; 4] = [
            (make, &made),
            (own, &this),
            (entered, &recorded),
            (find, &this),
        ];
        let made: Vec<(RoomId,)> = self.all(Turn::Once, &statements).await?;
        let made = made.first();
        Ok(made.map(|(id,)| RoomRef::stored(*id, uid, name.as_str())))
    }

    async fn delete_room(&self, room: RoomKey, record: &Record<'_>) -> Result<bool, StoreError> {
        let this: [Arg<'_>; 2] = [room.id.into(), room.uid.into()];
        let [actor, action, target, name, why, detail] = record.args();
        let recorded = [actor, action, target, name, why, detail, this[0], this[1]];
        let statements: [Statement<'_>; 3] = [
            (
                "INSERT INTO audit (actor, action, target, room, why, detail)
                 SELECT $1, $2, $3, $4, $5, $6 FROM rooms WHERE id = $7 AND uid = $8",
                &recorded,
            ),
            (
                "INSERT INTO rights_changes (room_id, ends)
                 SELECT id, @true FROM rooms WHERE id = $1 AND uid = $2",
                &this,
            ),
            ("DELETE FROM rooms WHERE id = $1 AND uid = $2", &this),
        ];
        let deleted = self.run(Turn::Repeatable, &statements).await? > 0;
        self.words_are_gone();
        Ok(deleted)
    }

    async fn adopt_room(&self, room: RoomKey, by: UserKey) -> Result<bool, StoreError> {
        let sql = "UPDATE rooms SET created_by = $3 WHERE id = $1 AND uid = $2
             AND created_by IS NULL AND EXISTS (SELECT 1 FROM users WHERE id = $3 AND uid = $4)";
        let args = [room.id.into(), room.uid.into(), by.id.into(), by.uid.into()];
        Ok(self.run(Turn::Once, &[(sql, &args)]).await? > 0)
    }

    async fn rooms(&self, page: &Page, viewer: Viewer) -> Result<Vec<RoomSummary>, StoreError> {
        let sql = concat!(
            "WITH page AS MATERIALIZED (
               SELECT r.id, r.name, r.kind, r.topic, r.last_seq, r.last_number FROM rooms r
               WHERE @position(lower(r.name@c), lower($3@c)) > 0
                 AND @lower(r.name@c) > @lower($4@c)
                 AND ($7 IS NULL OR @position($7, ' ' || r.uid || ' ') > 0) AND ",
            seen!("6"),
            " AND (r.kind <> 'direct' OR $6 = -1)
             ORDER BY @lower(r.name@c) LIMIT coalesce($5, 9223372036854775807))
             SELECT r.name, r.kind, r.topic,
               (SELECT count(*) FROM room_members m WHERE m.room_id = r.id),
               (SELECT count(*) FROM session_rooms sr
                  JOIN sessions s ON s.id = sr.session_id AND s.online = @true
                  JOIN instances i ON i.id = s.instance_id AND ",
            alive!("i.heartbeat_at"),
            "     WHERE sr.room_id = r.id),
               r.last_seq, r.last_number
             FROM page r ORDER BY @lower(r.name@c)"
        );
        let [ago, ahead] = alive::args(LEASE);
        let (filter, after) = (page.filter.as_str().into(), page.after.as_str().into());
        let only = page.only.as_ref().map(|uids| {
            let uids = uids.iter().map(|uid| format!(" {uid} "));
            uids.collect::<String>()
        });
        let limit = page.limit.into();
        let only = only.as_deref().into();
        let args = [ago, ahead, filter, after, limit, viewer.arg(), only];
        type Row = (String, String, Option<String>, i64, i64, Seq, i64);
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let summary =
            |(name, kind, topic, members, online, last_seq, last_number): Row| RoomSummary {
                name: RoomName::stored(&name),
                kind: RoomKind::stored(&kind),
                topic,
                members,
                online,
                last_seq,
                last_number,
            };
        Ok(rows.into_iter().map(summary).collect())
    }

    async fn count_rooms(&self, filter: &str, viewer: Viewer) -> Result<u64, StoreError> {
        let sql = concat!(
            "SELECT count(*) FROM rooms r WHERE @position(lower(r.name@c), lower($1@c)) > 0 AND ",
            seen!("2"),
            " AND (r.kind <> 'direct' OR $2 = -1)"
        );
        let args = [filter.into(), viewer.arg()];
        let count: i64 = self.value(Turn::Read, &[(sql, &args)]).await?;
        Ok(count.unsigned_abs())
    }

    async fn room_counts(&self, by: UserKey) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM rooms
               WHERE created_by = $1 AND created_at > @now($2))";
        let args = [by.id.into(), Arg::Ago(A_DAY)];
        let rows: Vec<(i64, i64)> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let (all, today) = rows.first().copied().unwrap_or_default();
        Ok((all.unsigned_abs(), today.unsigned_abs()))
    }
}
