//! What operators' commands and jobs keep in the database: leases, runs of jobs, sizes.
//!
//! On connections of its own, so that it never stands between chat and the database.
mod leases;
mod runs;
mod sizes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::session::{Purpose, Session};
use super::sql::Arg;
use super::{Era, LEASE, StoreError, alive, epoch};
use crate::model::RoomId;
pub use crate::model::RunId;

/// What is later than now by more than this was written by a clock that went back since.
pub(in crate::store) const AHEAD: Duration = Duration::from_secs(60);

/// The holder of a lease that another process wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub holder: String,
    pub until: DateTime<Utc>,
}

/// A job's run. A scheduled one has the time at which it was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub job: String,
    pub due_at: Option<DateTime<Utc>>,
    pub instance: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub result: Option<String>,
    pub detail: Option<String>,
}

/// A run as it is read.
type RunRow = (
    RunId,
    String,
    Option<DateTime<Utc>>,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<String>,
);

impl From<RunRow> for Run {
    fn from(row: RunRow) -> Self {
        let (id, job, due_at, instance, started_at, finished_at, result, detail) = row;
        Self {
            id,
            job,
            due_at,
            instance,
            started_at,
            finished_at,
            result,
            detail,
        }
    }
}

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSize {
    pub name: String,
    pub rows: i64,
    /// False where `rows` is the database's own estimate, since to count would take long.
    #[serde(rename = "rows_exact")]
    pub exact: bool,
    /// With its indexes.
    pub bytes: i64,
    pub index_bytes: i64,
    /// Rows that are deleted and still take room, where the database has such.
    pub dead_rows: Option<i64>,
}

/// How large the whole database is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseSize {
    pub bytes: i64,
    /// The embedded one's file.
    pub file: Option<PathBuf>,
    /// What the embedded one has written beside its file.
    pub wal_bytes: Option<i64>,
    /// Room in the embedded one's file that is free for new rows.
    pub free_bytes: Option<i64>,
}

/// How large a table was at an earlier look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub name: String,
    pub seen_at: DateTime<Utc>,
    pub rows: i64,
    pub bytes: i64,
}

/// An instance that lives, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    pub name: String,
    pub pid: i64,
}

impl From<(String, DateTime<Utc>)> for Held {
    fn from((holder, until): (String, DateTime<Utc>)) -> Self {
        Self { holder, until }
    }
}

impl From<(String, i64)> for Living {
    fn from((name, pid): (String, i64)) -> Self {
        Self { name, pid }
    }
}

/// How long runs of jobs are kept; a job's last is kept in any case.
const KEEP_RUNS: Duration = Duration::from_secs(7 * 86_400);
/// How long looks at sizes are kept.
const KEEP_LOOKS: Duration = Duration::from_secs(7 * 86_400);
/// A run that began so long ago, without its job's lease, is not under way any more.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// For what takes no time where all is well.
const PURPOSE: Purpose<'static> = Purpose {
    application: "discordctl",
    // A lease is renewed while something else is asked.
    connections: 2,
    patience: Duration::from_secs(5),
    answer: Duration::from_secs(10),
};
/// For what looks at whole tables.
const SCAN: Duration = Duration::from_secs(300);

/// What jobs and operators' commands ask of the database. All times are the database's, so that
/// the clocks of the machines that ask need not agree.
pub struct Upkeep(Session);

/// The same as [`open`], only to look: an embedded database may be where nothing can be written.
pub async fn look(url: &str, application: &str) -> Result<Arc<Upkeep>, StoreError> {
    match open(url, application).await {
        Err(StoreError::Full(_) | StoreError::NotAllowed(_)) if url.starts_with("sqlite:") => {
            Ok(Arc::new(Upkeep(Session::to_read(url, PURPOSE)?)))
        }
        opened => opened,
    }
}

/// Opens the database that `url` names, for a program that the database's own views call
/// `application`. The embedded one is migrated, but not made.
pub async fn open(url: &str, application: &str) -> Result<Arc<Upkeep>, StoreError> {
    let purpose = Purpose {
        application,
        ..PURPOSE
    };
    Ok(Arc::new(Upkeep(Session::open(url, purpose).await?)))
}

impl Upkeep {
    /// The database's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        self.0.one("SELECT @now", &[]).await
    }

    /// Rooms that have entries before their newest `keep` messages, the oldest of them from before `before`.
    pub async fn crowded(
        &self,
        keep: usize,
        before: DateTime<Utc>,
    ) -> Result<Vec<RoomId>, StoreError> {
        let sql = "SELECT r.id FROM rooms r
             WHERE (SELECT m.created_at FROM messages m WHERE m.room_id = r.id
                 AND m.created_at <= @now($3) ORDER BY m.seq LIMIT 1) < $2
               AND (SELECT min(m.seq) FROM messages m WHERE m.room_id = r.id) < CASE
                 WHEN $1 = 0 THEN 9223372036854775807
                 ELSE coalesce((SELECT m.seq FROM messages m WHERE m.room_id = r.id AND m.kind < 10
                   ORDER BY m.seq DESC LIMIT 1 OFFSET @greatest($1 - 1, 0)), 0) END";
        let args = [keep.into(), before.into(), Arg::Ahead(AHEAD)];
        let rooms: Vec<(RoomId,)> = self.0.all_within(SCAN, sql, &args).await?;
        Ok(rooms.into_iter().map(|(room,)| room).collect())
    }

    /// How many messages are dated later than now, over all rooms.
    pub async fn dated_ahead(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM messages WHERE created_at > @now($1)";
        self.0.one(sql, &[Arg::Ahead(AHEAD)]).await
    }

    /// How many sessions of instances wait in the database now, as far as it can tell.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let of_server = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
               AND wait_event_type = 'Lock'
               AND application_name NOT LIKE 'discordctl cleanup%'";
        // SQLite does not know: a process that waits for its lock waits by itself.
        let waiting: i64 = self
            .0
            .one(self.0.either(of_server, "SELECT 0"), &[])
            .await?;
        Ok(u64::try_from(waiting).unwrap_or(0))
    }

    /// The instances that gave a sign of life within [`LEASE`](crate::store::LEASE).
    pub async fn living(&self) -> Result<Vec<Living>, StoreError> {
        let sql = concat!(
            "SELECT name, pid FROM instances WHERE ",
            alive!("heartbeat_at"),
            " ORDER BY name"
        );
        let rows: Vec<(String, i64)> = self.0.all(sql, &alive::args(LEASE)).await?;
        Ok(rows.into_iter().map(Living::from).collect())
    }

    /// Which past the database tells.
    pub async fn era(&self) -> Result<Era, StoreError> {
        epoch::era(&self.0.all(epoch::LOOK, &[]).await?)
    }

    /// Begins a new epoch, since the past was changed on purpose: that is known from the beginning.
    pub async fn change_epoch(&self, reason: &str) -> Result<Era, StoreError> {
        let next = epoch::next()?;
        let args = [next.as_str().into(), reason.into()];
        self.0.run(epoch::CHANGE, &args).await?;
        self.era().await
    }

    /// An operator knows that the past changed.
    pub async fn acknowledge_epoch(&self) -> Result<Era, StoreError> {
        self.0.run(epoch::ACKNOWLEDGE, &[]).await?;
        self.era().await
    }

    pub async fn close(&self) {
        self.0.close().await;
    }
}
