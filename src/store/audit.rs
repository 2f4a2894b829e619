//! The audit log: actor, action, target, room and reason. It is written in the transaction
//! that does it, and never changed.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use super::ask::{Ask, Turn};
use super::sql::Arg;

/// What is about to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// The nickname of the account, or `operator`.
    pub actor: &'a str,
    pub action: &'a str,
    /// To which person or thing.
    pub target: Option<&'a str>,
    /// In which room, by its full name.
    pub room: Option<&'a str>,
    pub why: Option<&'a str>,
    /// What else there is to know of it.
    pub detail: Option<&'a str>,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub target: Option<String>,
    pub room: Option<String>,
    pub why: Option<String>,
    pub detail: Option<String>,
}

/// With the arguments of a record.
pub(super) const WRITE: &str = "INSERT INTO audit (actor, action, target, room, why, detail)
    VALUES ($1, $2, $3, $4, $5, $6)";

impl<'a> Record<'a> {
    pub(super) fn args(&self) -> [Arg<'a>; 6] {
        [
            self.actor.into(),
            self.action.into(),
            self.target.into(),
            self.room.into(),
            self.why.into(),
            self.detail.into(),
        ]
    }
}

/// What was done to people and rooms.
#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// Enters what was done, where it is not done by this database's own statements.
    async fn record(&self, record: &Record<'_>) -> Result<(), StoreError>;

    /// The newest lines before that one: all, or those of rooms in that workspace. What was done in no
    /// room is the first workspace's.
    async fn audited(
        &self,
        workspace: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Audited>, StoreError>;
}

#[async_trait]
impl<A: Ask> Audit for A {
    async fn record(&self, record: &Record<'_>) -> Result<(), StoreError> {
        self.run(Turn::Once, &[(WRITE, &record.args())]).await?;
        Ok(())
    }

    async fn audited(
        &self,
        workspace: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Audited>, StoreError> {
        let sql = "SELECT id, at, actor, action, target, room, why, detail FROM audit
             WHERE ($1 IS NULL OR id < $1) AND ($3 IS NULL
               OR lower($3) = 'main' AND (room IS NULL OR @position(room, '/') = 0)
               OR @position(lower(room), lower($3) || '/') = 1)
             ORDER BY id DESC LIMIT $2";
        type Row = (
            i64,
            DateTime<Utc>,
            String,
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<String>,
        );
        let args = [Arg::Number(before), limit.into(), workspace.into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let audited = |(id, at, actor, action, target, room, why, detail): Row| Audited {
            id,
            at,
            actor,
            action,
            target,
            room,
            why,
            detail,
        };
        Ok(rows.into_iter().map(audited).collect())
    }
}
