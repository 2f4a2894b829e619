//! How a PostgreSQL is replicated, as it says of itself.
use chrono::{DateTime, Utc};

use super::{Inspector, Link};
use crate::store::StoreError;

/// Standbys that stream from it, slots that hold WAL for them, and the archive of its WAL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replication {
    /// It follows another server itself.
    pub standby: bool,
    /// What `synchronous_standby_names` is; empty where commits wait for none.
    pub synchronous_names: String,
    pub standbys: Vec<Standby>,
    pub slots: Vec<Slot>,
    pub archiving: Option<Archiving>,
}

/// A server that streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    pub name: String,
    /// `streaming`, once it has caught up; empty where this role may not see it.
    pub state: String,
    /// Whether commits wait for it.
    pub synchronous: bool,
    /// WAL that it has not replayed.
    pub behind_bytes: i64,
    pub behind_ms: i64,
}

/// A slot, which keeps WAL until its reader has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub name: String,
    pub active: bool,
    pub held_bytes: i64,
    /// WAL that its reader needs was thrown away.
    pub lost: bool,
}

/// How the last piece of WAL was archived, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archiving {
    pub failed: i64,
    pub last_failed: Option<DateTime<Utc>>,
    pub last_done: Option<DateTime<Utc>>,
}

impl Archiving {
    /// Whether the last attempt failed.
    pub fn fails(&self) -> bool {
        self.last_failed.is_some() && self.last_failed > self.last_done
    }
}

const SERVER: &str = "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'), \
    current_setting('archive_mode')";

/// Where it is in its WAL, or in that of the server which it follows.
const HERE: &str =
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END";

const ARCHIVER: &str = "SELECT failed_count, last_failed_time, last_archived_time \
    FROM pg_stat_archiver";

impl Inspector {
    /// How it is replicated; nothing of an embedded database.
    ///
    /// # Errors
    /// Fails where the database does not answer, or is too old to say.
    pub async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        if matches!(self.0, Link::Sqlite(_)) {
            return Ok(None);
        }
        let (standby, synchronous_names, archive_mode): (bool, String, String) =
            self.first(SERVER).await?;
        let archiving = match archive_mode.as_str() {
            "off" => None,
            _ => Some(self.archiving().await?),
        };
        Ok(Some(Replication {
            standby,
            synchronous_names,
            standbys: self.standbys().await?,
            slots: self.slots().await?,
            archiving,
        }))
    }

    async fn standbys(&mut self) -> Result<Vec<Standby>, StoreError> {
        let sql = format!(
            "SELECT coalesce(application_name, ''), coalesce(state, ''), \
             coalesce(sync_state IN ('sync', 'quorum'), false), \
             coalesce(pg_wal_lsn_diff({HERE}, replay_lsn), 0)::bigint, \
             coalesce(extract(epoch FROM replay_lag) * 1000, 0)::bigint \
             FROM pg_stat_replication WHERE coalesce(state, '') <> 'backup' ORDER BY pid"
        );
        let rows: Vec<(String, String, bool, i64, i64)> = self.all(&sql).await?;
        let standby = |(name, state, synchronous, behind_bytes, behind_ms)| Standby {
            name,
            state,
            synchronous,
            behind_bytes,
            behind_ms,
        };
        Ok(rows.into_iter().map(standby).collect())
    }

    async fn slots(&mut self) -> Result<Vec<Slot>, StoreError> {
        let sql = format!(
            "SELECT slot_name::text, active, \
             greatest(coalesce(pg_wal_lsn_diff({HERE}, restart_lsn), 0), 0)::bigint, \
             coalesce(wal_status = 'lost', false) \
             FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name"
        );
        let rows: Vec<(String, bool, i64, bool)> = self.all(&sql).await?;
        let slot = |(name, active, held_bytes, lost)| Slot {
            name,
            active,
            held_bytes,
            lost,
        };
        Ok(rows.into_iter().map(slot).collect())
    }

    async fn archiving(&mut self) -> Result<Archiving, StoreError> {
        let (failed, last_failed, last_done) = self.first(ARCHIVER).await?;
        Ok(Archiving {
            failed,
            last_failed,
            last_done,
        })
    }
}
