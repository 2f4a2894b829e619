//! Invites: codes by which people register, of which a digest is kept. Of either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use super::ask::{Ask, Statement, Turn};
use super::audit::{self, Record};
use super::rights::workspace_id;
use super::sql::Arg;
use crate::model::{Role, RoomKey, UserKey};

/// What an invite is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewInvite<'a> {
    pub digest: &'a str,
    pub workspace: &'a str,
    /// Of that workspace, where it lets into one.
    pub room: Option<RoomKey>,
    /// In the room, or else in the workspace.
    pub role: Role,
    pub uses: u32,
    pub expires_at: Option<DateTime<Utc>>,
    /// Nothing is an operator.
    pub by: Option<UserKey>,
}

/// An invite that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Invite {
    pub digest: String,
    pub workspace: String,
    pub role: String,
    /// How often it can still be used.
    pub uses: i64,
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[async_trait]
pub trait Invites: Send + Sync + 'static {
    /// False if there is no such workspace.
    async fn make_invite(
        &self,
        new: &NewInvite<'_>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError>;

    /// Those that can still be used, the newest first; 1,000 at most.
    async fn invites(&self) -> Result<Vec<Invite>, StoreError>;

    /// Takes an invite back.
    async fn revoke_invite(&self, digest: &str, record: &Record<'_>) -> Result<(), StoreError>;
}

const OPEN: &str = "SELECT i.digest, w.name, i.role, i.uses, i.expires_at, i.created_at
    FROM invites i JOIN workspaces w ON w.id = i.workspace_id
    WHERE i.uses > 0 AND (i.expires_at IS NULL OR i.expires_at > @now)
    ORDER BY i.created_at DESC, i.digest LIMIT 1000";

#[async_trait]
impl<A: Ask> Invites for A {
    async fn make_invite(
        &self,
        new: &NewInvite<'_>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError> {
        let Some(workspace) = workspace_id(self, new.workspace).await? else {
            return Ok(false);
        };
        let made: [Arg<'_>; 7] = [
            new.digest.into(),
            workspace.into(),
            new.role.as_str().into(),
            i64::from(new.uses).into(),
            new.expires_at.into(),
            new.room.map(|room| room.id).into(),
            new.by.map(|by| by.id).into(),
        ];
        let statements: [Statement<'_>; 2] = [
            (
                "INSERT INTO invites
                   (digest, workspace_id, role, uses, expires_at, room_id, created_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &made,
            ),
            (audit::WRITE, &record.args()),
        ];
        self.run(Turn::Once, &statements).await?;
        Ok(true)
    }

    async fn invites(&self) -> Result<Vec<Invite>, StoreError> {
        type Row = (
            String,
            String,
            String,
            i64,
            Option<DateTime<Utc>>,
            DateTime<Utc>,
        );
        let rows: Vec<Row> = self.all(Turn::Read, &[(OPEN, &[])]).await?;
        let invite = |(digest, workspace, role, uses, expires_at, created_at): Row| Invite {
            digest,
            workspace,
            role,
            uses,
            expires_at,
            created_at,
        };
        Ok(rows.into_iter().map(invite).collect())
    }

    async fn revoke_invite(&self, digest: &str, record: &Record<'_>) -> Result<(), StoreError> {
        let digest: [Arg<'_>; 1] = [digest.into()];
        let statements: [Statement<'_>; 2] = [
            ("DELETE FROM invites WHERE digest = $1", &digest),
            (audit::WRITE, &record.args()),
        ];
        self.run(Turn::Once, &statements).await.map(drop)
    }
}
