//! The people of a room, as moderators and operators see them. Of either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ask::{Ask, Turn};
use super::{LEASE, Restraint, StoreError, alive, for_good};
use crate::model::{Role, RoomKey, RoomKind, Seq};

/// A room with its settings and its counts.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomDetails {
    pub kind: RoomKind,
    pub topic: Option<String>,
    /// Seconds between two messages of one person; 0 is no limit.
    pub slow: u32,
    /// Actions that take another role here, as JSON.
    pub allow: Option<String>,
    pub created_by: Option<String>,
    pub created_at: DateTime<Utc>,
    pub members: i64,
    pub online: i64,
    pub last_seq: Seq,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub nickname: String,
    pub display_name: Option<String>,
    pub has_account: bool,
    /// In this room alone.
    pub room_role: Option<Role>,
    /// In the room's workspace.
    pub workspace_role: Option<Role>,
    pub joined_at: DateTime<Utc>,
}

impl Member {
    /// What the member is in the room.
    pub fn role(&self) -> Role {
        let of_account = self.room_role.or(self.workspace_role);
        let of_account = of_account.filter(|_| self.has_account);
        of_account.unwrap_or(Role::Guest)
    }
}

/// A ban or a mute that holds in a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Imposed {
    pub kind: Restraint,
    pub nickname: Option<String>,
    pub address: Option<String>,
    /// Nothing, where it is for good.
    pub until: Option<DateTime<Utc>>,
    pub why: Option<String>,
    /// The moderator; an operator has no account.
    pub by: Option<String>,
    pub created_at: DateTime<Utc>,
}

#[async_trait]
pub trait Members: Send + Sync + 'static {
    /// `None` if the room is gone.
    async fn room_details(&self, room: RoomKey) -> Result<Option<RoomDetails>, StoreError>;

    /// The members with nicknames after this one, in order.
    async fn members(
        &self,
        room: RoomKey,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError>;

    /// The bans and mutes that hold in a room, the newest first; 1,000 at most.
    async fn restrictions(&self, room: RoomKey) -> Result<Vec<Imposed>, StoreError>;
}

const DETAILS: &str = concat!(
    "SELECT r.kind, r.topic, r.slow, r.allow,
       (SELECT u.nickname FROM users u WHERE u.id = r.created_by), r.created_at,
       (SELECT count(*) FROM room_members m WHERE m.room_id = r.id),
       (SELECT count(*) FROM session_rooms sr
          JOIN sessions s ON s.id = sr.session_id AND s.online = @true
          JOIN instances i ON i.id = s.instance_id AND ",
    alive!("i.heartbeat_at"),
    "   WHERE sr.room_id = r.id),
       r.last_seq
     FROM rooms r WHERE r.id = $3 AND r.uid = $4"
);

const MEMBERS: &str = "SELECT u.nickname, u.display_name, u.registered_at IS NOT NULL, m.role,
       (SELECT w.role FROM workspace_members w
        WHERE w.workspace_id = r.workspace_id AND w.user_id = u.id), m.joined_at
     FROM rooms r JOIN room_members m ON m.room_id = r.id JOIN users u ON u.id = m.user_id
     WHERE r.id = $1 AND r.uid = $2 AND @lower(u.nickname@c) > @lower($3@c)
     ORDER BY @lower(u.nickname@c) LIMIT $4";

const RESTRICTIONS: &str = "SELECT x.kind, u.nickname, x.address, x.until, x.why, b.nickname,
       x.created_at
     FROM rooms r JOIN restrictions x ON x.workspace_id = r.workspace_id
       LEFT JOIN users u ON u.id = x.user_id LEFT JOIN users b ON b.id = x.created_by
     WHERE r.id = $1 AND r.uid = $2 AND (x.room_id IS NULL OR x.room_id = r.id) AND x.until > @now
     ORDER BY x.created_at DESC, x.id DESC LIMIT 1000";

fn role(name: Option<String>) -> Option<Role> {
    name.as_deref().and_then(Role::named)
}

#[async_trait]
impl<A: Ask> Members for A {
    async fn room_details(&self, room: RoomKey) -> Result<Option<RoomDetails>, StoreError> {
        type Row = (
            String,
            Option<String>,
            i64,
            Option<String>,
            Option<String>,
            DateTime<Utc>,
            i64,
            i64,
            Seq,
        );
        let [ago, ahead] = alive::args(LEASE);
        let args = [ago, ahead, room.id.into(), room.uid.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(DETAILS, &args)]).await?;
        let details = |(kind, topic, slow, allow, by, at, members, online, last): Row| {
            let kind = RoomKind::stored(&kind);
            let slow = u32::try_from(slow).unwrap_or_default();
            RoomDetails {
                kind,
                topic,
                slow,
                allow,
                created_by: by,
                created_at: at,
                members,
                online,
                last_seq: last,
            }
        };
        Ok(rows.into_iter().next().map(details))
    }

    async fn members(
        &self,
        room: RoomKey,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        type Row = (
            String,
            Option<String>,
            bool,
            Option<String>,
            Option<String>,
            DateTime<Utc>,
        );
        let args = [room.id.into(), room.uid.into(), after.into(), limit.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(MEMBERS, &args)]).await?;
        let member =
            |(nickname, display_name, has_account, own, workspace, joined_at): Row| Member {
                nickname,
                display_name,
                has_account,
                room_role: role(own),
                workspace_role: role(workspace),
                joined_at,
            };
        Ok(rows.into_iter().map(member).collect())
    }

    async fn restrictions(&self, room: RoomKey) -> Result<Vec<Imposed>, StoreError> {
        type Row = (
            String,
            Option<String>,
            Option<String>,
            DateTime<Utc>,
            Option<String>,
            Option<String>,
            DateTime<Utc>,
        );
        let args = [room.id.into(), room.uid.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(RESTRICTIONS, &args)]).await?;
        let imposed = |(kind, nickname, address, until, why, by, created_at): Row| {
            Some(Imposed {
                kind: Restraint::named(&kind)?,
                nickname,
                address,
                until: Some(until).filter(|until| *until < for_good()),
                why,
                by,
                created_at,
            })
        };
        Ok(rows.into_iter().filter_map(imposed).collect())
    }
}
