//! Every room that a person may have a right in, with what decides over reading there. Of either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ask::{Ask, Turn};
use super::{Stands, StoreError};
use crate::model::{Role, RoomId, RoomKind, RoomRef, Uid, UserKey};

/// Rooms over which something is looked for.
#[async_trait]
pub trait Reach: Send + Sync + 'static {
    /// The public rooms of the workspaces that a person is in, known by its user or its address alone, and the
    /// rooms that it is a member of: up to `limit`, the newest first, with how it stands to each. Only what
    /// decides over reading is there: no topic, no pace and no mutes.
    async fn reach(
        &self,
        user: Option<UserKey>,
        address: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(RoomRef, Stands)>, StoreError>;

    /// Up to `limit` rooms of every kind, the newest first: for an operator, to whom all are open.
    async fn all_rooms(&self, limit: usize) -> Result<Vec<RoomRef>, StoreError>;
}

const REACH: &str = "WITH bans AS (
       SELECT x.workspace_id, x.room_id, max(x.until) AS until FROM restrictions x
       WHERE x.kind = 'ban' AND (x.user_id = $1 OR x.address = $3) AND x.until > @now
       GROUP BY x.workspace_id, x.room_id)
     SELECT r.id, r.uid, r.name, r.kind, r.workspace_id = 1, r.allow, m.user_id IS NOT NULL,
       coalesce(u.registered_at IS NOT NULL AND u.disabled_at IS NULL, 1 = 0), m.role, w.role,
       (SELECT max(b.until) FROM bans b WHERE b.workspace_id = r.workspace_id
          AND (b.room_id IS NULL OR b.room_id = r.id))
     FROM rooms r
       LEFT JOIN users u ON u.id = $1 AND u.uid = $2
       LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = u.id
       LEFT JOIN workspace_members w ON w.workspace_id = r.workspace_id AND w.user_id = u.id
     WHERE m.user_id IS NOT NULL
       OR (r.kind = 'public' AND (r.workspace_id = 1 OR w.user_id IS NOT NULL))
     ORDER BY r.id DESC LIMIT $4";

type Row = (
    RoomId,
    Uid,
    String,
    String,
    bool,
    Option<String>,
    bool,
    bool,
    Option<String>,
    Option<String>,
    Option<DateTime<Utc>>,
);

#[async_trait]
impl<A: Ask> Reach for A {
    async fn reach(
        &self,
        user: Option<UserKey>,
        address: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(RoomRef, Stands)>, StoreError> {
        let args = [
            user.map(|user| user.id).into(),
            user.map(|user| user.uid).into(),
            address.into(),
            limit.into(),
        ];
        let rows: Vec<Row> = self.all(Turn::Read, &[(REACH, &args)]).await?;
        Ok(rows.into_iter().map(reached).collect())
    }

    async fn all_rooms(&self, limit: usize) -> Result<Vec<RoomRef>, StoreError> {
        let sql = "SELECT id, uid, name FROM rooms ORDER BY id DESC LIMIT $1";
        let rows: Vec<(RoomId, Uid, String)> =
            self.all(Turn::Read, &[(sql, &[limit.into()])]).await?;
        let room = |(id, uid, name): (RoomId, Uid, String)| RoomRef::stored(id, uid, &name);
        Ok(rows.into_iter().map(room).collect())
    }
}

fn reached(row: Row) -> (RoomRef, Stands) {
    let (id, uid, name, kind, main, allow, member, account, own, workspace, banned_until) = row;
    let role = |name: Option<String>| name.as_deref().and_then(Role::named);
    let stands = Stands {
        kind: RoomKind::stored(&kind),
        main,
        slow: 0,
        allow,
        topic: None,
        seen: false,
        member,
        account,
        room_role: role(own),
        workspace_role: role(workspace),
        banned_until,
        muted_until: None,
    };
    (RoomRef::stored(id, uid, &name), stands)
}
