//! History on SQLite: pages and short transactions, between which others write.
mod restore;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use super::names::{Ids, Names};
use super::{Claim, History, PATIENCE, RoomStand, Row, Span};
use crate::model::{MessageId, RoomId, RoomName, RoomRef, Seq, UserId};
use crate::store::embedded::{Embedded, Hold, Use};
use crate::store::upkeep::AHEAD;
use crate::store::{LEASE, StoreError, migrations};

/// Rows in one transaction: all who write wait for it.
const BATCH: usize = 1_000;

/// Rows on their way from SQLite's thread: of few, each would wake the other side.
const ON_THEIR_WAY: usize = 500;

const STANDS: &str = "SELECT r.id, r.name, r.last_seq, coalesce(a.last_seq, 0), r.replayed_seq
    FROM rooms r LEFT JOIN room_archive a ON a.room_id = r.id";

pub(super) struct SqliteHistory {
    connection: SqliteConnection,
    hold: Hold,
    names: Names,
    ids: Ids,
}

type Stand = (RoomId, String, Seq, Seq, Seq);
type Raw = (MessageId, Seq, Option<UserId>, String, DateTime<Utc>);

fn stand((id, name, last_seq, archived, replayed): Stand) -> RoomStand {
    RoomStand {
        room: RoomRef {
            id,
            name: RoomName::stored(&name),
        },
        last_seq,
        archived,
        replayed,
    }
}

impl SqliteHistory {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Embedded::of(url)?;
        database.check(Use::Write)?;
        let hold = Hold::shared(&database).await?;
        let migrated = migrations::Migrator::new(url).up(None).await;
        migrated.map_err(crate::store::sqlite::schema)?;
        let options = database
            .options()
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .row_buffer_size(ON_THEIR_WAY);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let applied = sqlx::query_as(migrations::APPLIED)
            .fetch_all(&mut connection)
            .await;
        migrations::fits(applied.map_err(StoreError::from))?;
        Ok(Self {
            connection,
            hold,
            names: Names::default(),
            ids: Ids::default(),
        })
    }

    async fn learn_names(&mut self, raw: &[Raw]) -> Result<(), StoreError> {
        let unknown = self.names.unknown(raw.iter().filter_map(|row| row.2));
        if !unknown.is_empty() {
            let asked = serde_json::to_string(&unknown).unwrap_or_default();
            let query = sqlx::query_as(
                "SELECT id, nickname FROM users WHERE id IN (SELECT value FROM json_each(?1))",
            );
            let found = query.bind(asked).fetch_all(&mut self.connection).await?;
            self.names.learn(found);
        }
        Ok(())
    }
}

fn number(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl History for SqliteHistory {
    async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let now = sqlx::query_scalar("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
        Ok(now.fetch_one(&mut self.connection).await?)
    }

    async fn served(&mut self) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM instances
               WHERE heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1))",
        );
        let ago = format!("-{:.3} seconds", LEASE.as_secs_f64());
        Ok(query.bind(ago).fetch_one(&mut self.connection).await?)
    }

    fn batch(&self) -> usize {
        BATCH
    }

    async fn rooms(&mut self) -> Result<Vec<RoomStand>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{STANDS} ORDER BY r.id"));
        let rows = sqlx::query_as(sql).fetch_all(&mut self.connection).await?;
        Ok(rows.into_iter().map(stand).collect())
    }

    async fn room(&mut self, name: &RoomName) -> Result<Option<RoomStand>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{STANDS} WHERE r.name = ?1"));
        let query = sqlx::query_as(sql).bind(name.as_str());
        Ok(query.fetch_optional(&mut self.connection).await?.map(stand))
    }

    async fn page(
        &mut self,
        room: RoomId,
        after: Seq,
        up_to: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query_as(
            "SELECT id, seq, user_id, content, created_at FROM messages
             WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
        );
        let query = query.bind(room).bind(after).bind(up_to).bind(number(limit));
        let raw: Vec<Raw> = query.fetch_all(&mut self.connection).await?;
        self.learn_names(&raw).await?;
        let named = |(id, seq, user, content, created_at)| Row {
            id,
            seq,
            user: self.names.get(user),
            content,
            created_at,
        };
        Ok(raw.into_iter().map(named).collect())
    }

    async fn span(&mut self, room: RoomId, after: Seq, up_to: Seq) -> Result<Span, StoreError> {
        let query = sqlx::query_as(
            "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM messages
             WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3",
        );
        let query = query.bind(room).bind(after).bind(up_to);
        let (count, first, last): (i64, Seq, Seq) = query.fetch_one(&mut self.connection).await?;
        let count = u64::try_from(count).unwrap_or(0);
        Ok(Span { count, first, last })
    }

    async fn first_since(
        &mut self,
        room: RoomId,
        after: Seq,
        time: DateTime<Utc>,
    ) -> Result<Option<Seq>, StoreError> {
        // The room's rows in order, and not those of all rooms by time.
        let query = sqlx::query_scalar(
            "SELECT seq FROM messages WHERE room_id = ?1 AND seq > coalesce((
               SELECT seq FROM messages
               WHERE room_id = ?1 AND seq > ?2 AND julianday(created_at) <= julianday('now', ?4)
                 AND seq < coalesce((
                   SELECT seq FROM messages
                   WHERE room_id = ?1 AND seq > ?2
                     AND julianday(created_at) BETWEEN julianday(?3) AND julianday('now', ?4)
                   ORDER BY seq LIMIT 1), 9223372036854775807)
               ORDER BY seq DESC LIMIT 1), ?2)
             ORDER BY seq LIMIT 1",
        );
        let time = crate::model::format_time(time);
        let ahead = format!("+{:.3} seconds", AHEAD.as_secs_f64());
        let query = query.bind(room).bind(after).bind(time).bind(ahead);
        Ok(query.fetch_optional(&mut self.connection).await?)
    }

    async fn beyond_newest(
        &mut self,
        room: RoomId,
        keep: usize,
    ) -> Result<Option<Seq>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT seq FROM messages WHERE room_id = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2",
        );
        let query = query.bind(room).bind(number(keep));
        Ok(query.fetch_optional(&mut self.connection).await?)
    }

    async fn archived(&mut self, room: RoomId, seq: Seq) -> Result<(), StoreError> {
        let raise = sqlx::query(
            "INSERT INTO room_archive (room_id, last_seq) VALUES (?1, ?2)
             ON CONFLICT (room_id) DO UPDATE SET
               archived_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
               last_seq = max(last_seq, excluded.last_seq)",
        );
        let raise = raise.bind(room).bind(seq);
        raise.execute(&mut self.connection).await?;
        Ok(())
    }

    async fn delete(&mut self, room: RoomId, up_to: Seq, limit: usize) -> Result<u64, StoreError> {
        let mut tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let delete = sqlx::query(
            "DELETE FROM messages WHERE room_id = ?1 AND seq <= (
               SELECT max(seq) FROM (SELECT seq FROM messages
                 WHERE room_id = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3))",
        );
        let delete = delete.bind(room).bind(up_to).bind(number(limit));
        let deleted = delete.execute(&mut *tx).await?.rows_affected();
        if deleted > 0 {
            restore::turn_version(&mut tx, room).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    async fn stored(
        &mut self,
        ids: &[MessageId],
    ) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
        let asked = serde_json::to_string(ids).unwrap_or_default();
        let query = sqlx::query_as(
            "SELECT id, room_id, seq FROM messages
             WHERE id IN (SELECT value FROM json_each(?1))",
        );
        Ok(query.bind(asked).fetch_all(&mut self.connection).await?)
    }

    async fn any_id(&mut self, from: MessageId, to: MessageId) -> Result<bool, StoreError> {
        let query =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM messages WHERE id BETWEEN ?1 AND ?2)");
        let query = query.bind(from).bind(to);
        Ok(query.fetch_one(&mut self.connection).await?)
    }

    async fn claim(
        &mut self,
        name: &RoomName,
        claim: Claim,
        highest_id: MessageId,
        unarchived: Option<Seq>,
    ) -> Result<(RoomId, Seq), StoreError> {
        let connection = &mut self.connection;
        Ok(restore::claim(connection, name, claim, highest_id, unarchived).await?)
    }

    async fn restore(&mut self, room: RoomId, rows: &[Row]) -> Result<u64, StoreError> {
        let restored = restore::restore(&mut self.connection, &mut self.ids, room, rows).await;
        match restored {
            // A user was deleted since it was looked up.
            Err(sqlx::Error::Database(e)) if e.is_foreign_key_violation() => {
                self.ids.clear();
                let again = restore::restore(&mut self.connection, &mut self.ids, room, rows);
                Ok(again.await?)
            }
            restored => Ok(restored?),
        }
    }

    async fn refresh(&mut self, room: RoomId) -> Result<(), StoreError> {
        let mut tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        restore::turn_version(&mut tx, room).await?;
        Ok(tx.commit().await?)
    }

    async fn close(self: Box<Self>) {
        // Everything was committed; there is nobody to tell.
        let _ = self.connection.close().await;
        if let Err(error) = self.hold.leave().await {
            tracing::warn!(%error, "can't take in the database's log");
        }
    }
}
