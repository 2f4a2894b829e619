//! History on PostgreSQL: pages leave and enter through COPY.
//!
//! Each call is one transaction, without prepared statements, so that a pooler in transaction
//! mode may stand between.
mod copy;
mod restore;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Postgres};
use tokio::time::timeout;

use super::names::{Ids, Names};
use super::{Claim, History, PATIENCE, RoomStand, Row, STATEMENT, Span};
use crate::model::{MessageId, RoomId, RoomName, RoomRef, Seq, UserId};
use crate::store::upkeep::AHEAD;
use crate::store::{LEASE, StoreError, migrations, pg_url};

/// Rows in one transaction. Others read and commit beside it.
const BATCH: usize = 5_000;

const STANDS: &str = "SELECT r.id, r.name, r.last_seq, coalesce(a.last_seq, 0), r.replayed_seq
    FROM rooms r LEFT JOIN room_archive a ON a.room_id = r.id";

pub(super) struct PostgresHistory {
    connection: PgConnection,
    names: Names,
    ids: Ids,
}

type Stand = (RoomId, String, Seq, Seq, Seq);

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

/// `answer`, or that the database gave none in time.
async fn soon<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match timeout(STATEMENT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
    }
}

impl PostgresHistory {
    pub(super) async fn open(url: &str, application: &str) -> Result<Self, StoreError> {
        let options = pg_url::read(url)?
            .application_name(application)
            .extra_float_digits(None)
            .statement_cache_capacity(0);
        let connection = match timeout(PATIENCE, PgConnection::connect_with(&options)).await {
            Ok(connection) => connection.map_err(pg_url::unreachable)?,
            Err(_) => return Err(StoreError::Unavailable("no connection in time".into())),
        };
        let mut history = Self {
            connection,
            names: Names::default(),
            ids: Ids::default(),
        };
        let applied = history.all(sqlx::query_as(migrations::APPLIED)).await;
        let hidden = history.all(sqlx::query_as(migrations::HIDDEN));
        migrations::fits_and_shows(applied, hidden).await?;
        Ok(history)
    }

    /// The rows of one query, in a transaction of its own.
    async fn all<T>(&mut self, query: AskAs<'_, T>) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        soon(async {
            let mut tx = self.connection.begin().await?;
            let rows = query.persistent(false).fetch_all(&mut *tx).await?;
            tx.commit().await?;
            Ok(rows)
        })
        .await
    }

    async fn one<T>(&mut self, query: AskAs<'_, (T,)>) -> Result<T, StoreError>
    where
        T: Send + Unpin,
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        let mut rows = self.all(query).await?;
        let row = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
        Ok(row.0)
    }

    async fn learn_names(&mut self, raw: &[copy::Raw]) -> Result<(), StoreError> {
        let unknown = self.names.unknown(raw.iter().filter_map(|(_, user)| *user));
        if !unknown.is_empty() {
            let query = sqlx::query_as("SELECT id, nickname FROM users WHERE id = ANY ($1)");
            let found: Vec<(UserId, String)> = self.all(query.bind(unknown)).await?;
            self.names.learn(found);
        }
        Ok(())
    }
}

type AskAs<'q, T> = sqlx::query::QueryAs<'q, Postgres, T, sqlx::postgres::PgArguments>;

#[async_trait]
impl History for PostgresHistory {
    async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        self.one(sqlx::query_as("SELECT clock_timestamp()")).await
    }

    async fn served(&mut self) -> Result<bool, StoreError> {
        let query = sqlx::query_as(
            "SELECT EXISTS (SELECT FROM instances
               WHERE heartbeat_at > now() - make_interval(secs => $1))",
        );
        self.one(query.bind(LEASE.as_secs_f64())).await
    }

    fn batch(&self) -> usize {
        BATCH
    }

    async fn rooms(&mut self) -> Result<Vec<RoomStand>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{STANDS} ORDER BY r.id"));
        let rows = self.all(sqlx::query_as(sql)).await?;
        Ok(rows.into_iter().map(stand).collect())
    }

    async fn room(&mut self, name: &RoomName) -> Result<Option<RoomStand>, StoreError> {
        let by_name = r#"WHERE lower(r.name COLLATE "C") = lower($1 COLLATE "C")"#;
        let sql = sqlx::AssertSqlSafe(format!("{STANDS} {by_name}"));
        let rows = self.all(sqlx::query_as(sql).bind(name.as_str())).await?;
        Ok(rows.into_iter().map(stand).next())
    }

    async fn page(
        &mut self,
        room: RoomId,
        after: Seq,
        up_to: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        // COPY takes no parameters; these are numbers.
        let columns = copy::COLUMNS;
        let sql = format!(
            "COPY (SELECT {columns} FROM messages
               WHERE room_id = {room} AND seq > {after} AND seq <= {up_to}
               ORDER BY seq LIMIT {limit}) TO STDOUT (FORMAT binary)"
        );
        let read = async {
            let mut raw = Vec::with_capacity(limit);
            let mut stream = self.connection.copy_out_raw(&sql).await?;
            while let Some(data) = stream.try_next().await? {
                copy::rows(&data, &mut raw)?;
            }
            Ok::<_, StoreError>(raw)
        };
        let raw = match timeout(STATEMENT, read).await {
            Ok(raw) => raw?,
            Err(_) => return Err(StoreError::Unavailable("no answer in time".into())),
        };
        self.learn_names(&raw).await?;
        let named = |(row, user)| Row {
            user: self.names.get(user),
            ..row
        };
        Ok(raw.into_iter().map(named).collect())
    }

    async fn span(&mut self, room: RoomId, after: Seq, up_to: Seq) -> Result<Span, StoreError> {
        let query = sqlx::query_as(
            "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM messages
             WHERE room_id = $1 AND seq > $2 AND seq <= $3",
        );
        let rows: Vec<(i64, Seq, Seq)> = self.all(query.bind(room).bind(after).bind(up_to)).await?;
        let (count, first, last) = rows.first().copied().unwrap_or_default();
        let count = u64::try_from(count).unwrap_or(0);
        Ok(Span { count, first, last })
    }

    async fn first_since(
        &mut self,
        room: RoomId,
        after: Seq,
        time: DateTime<Utc>,
    ) -> Result<Option<Seq>, StoreError> {
        let query = sqlx::query_as(
            "SELECT seq FROM messages WHERE room_id = $1 AND seq > coalesce((
               SELECT seq FROM messages
               WHERE room_id = $1 AND seq > $2 AND created_at <= now() + make_interval(secs => $4)
                 AND seq < coalesce((
                   SELECT seq FROM messages WHERE room_id = $1 AND seq > $2
                     AND created_at BETWEEN $3 AND now() + make_interval(secs => $4)
                 ORDER BY seq LIMIT 1), 9223372036854775807)
               ORDER BY seq DESC LIMIT 1), $2)
             ORDER BY seq LIMIT 1",
        );
        let rows: Vec<(Seq,)> = {
            let query = query.bind(room).bind(after).bind(time);
            self.all(query.bind(AHEAD.as_secs_f64())).await?
        };
        Ok(rows.first().map(|(seq,)| *seq))
    }

    async fn beyond_newest(
        &mut self,
        room: RoomId,
        keep: usize,
    ) -> Result<Option<Seq>, StoreError> {
        let query = sqlx::query_as(
            "SELECT seq FROM messages WHERE room_id = $1 ORDER BY seq DESC OFFSET $2 LIMIT 1",
        );
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let rows: Vec<(Seq,)> = self.all(query.bind(room).bind(keep)).await?;
        Ok(rows.first().map(|(seq,)| *seq))
    }

    async fn archived(&mut self, room: RoomId, seq: Seq) -> Result<(), StoreError> {
        soon(async {
            let mut tx = self.connection.begin().await?;
            let raise = sqlx::query(
                "INSERT INTO room_archive (room_id, last_seq) VALUES ($1, $2)
                 ON CONFLICT (room_id) DO UPDATE SET archived_at = now(),
                   last_seq = greatest(room_archive.last_seq, excluded.last_seq)",
            );
            let raise = raise.bind(room).bind(seq).persistent(false);
            raise.execute(&mut *tx).await?;
            tx.commit().await
        })
        .await
    }

    async fn delete(&mut self, room: RoomId, up_to: Seq, limit: usize) -> Result<u64, StoreError> {
        soon(async {
            let mut tx = self.connection.begin().await?;
            // What a crash brings back is deleted by the next run.
            let lazily = sqlx::raw_sql("SET LOCAL synchronous_commit = off");
            lazily.execute(&mut *tx).await?;
            // By their places: of "all up to the last of them" PostgreSQL expects a third of the
            // room, and reads the whole table for it.
            let delete = sqlx::query(
                "DELETE FROM messages WHERE room_id = $1 AND seq = ANY (ARRAY(
                   SELECT seq FROM messages
                   WHERE room_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3))",
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let delete = delete.bind(room).bind(up_to).bind(limit);
            let deleted = delete.persistent(false).execute(&mut *tx).await?;
            let deleted = deleted.rows_affected();
            // Last, since commits to the room wait for whoever has its row.
            if deleted > 0 {
                restore::turn_version(&mut tx, room).await?;
            }
            tx.commit().await?;
            Ok(deleted)
        })
        .await
    }

    async fn stored(
        &mut self,
        ids: &[MessageId],
    ) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
        let query = sqlx::query_as("SELECT id, room_id, seq FROM messages WHERE id = ANY ($1)");
        self.all(query.bind(ids)).await
    }

    async fn any_id(&mut self, from: MessageId, to: MessageId) -> Result<bool, StoreError> {
        let query =
            sqlx::query_as("SELECT EXISTS (SELECT FROM messages WHERE id BETWEEN $1 AND $2)");
        self.one(query.bind(from).bind(to)).await
    }

    async fn claim(
        &mut self,
        name: &RoomName,
        claim: Claim,
        highest_id: MessageId,
        unarchived: Option<Seq>,
    ) -> Result<(RoomId, Seq), StoreError> {
        let work = restore::claim(&mut self.connection, name, claim, highest_id, unarchived);
        soon(work).await
    }

    async fn restore(&mut self, room: RoomId, rows: &[Row]) -> Result<u64, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let work = restore::restore(&mut self.connection, &mut self.ids, room, rows);
            match timeout(STATEMENT, work).await {
                Ok(Ok(restored)) => return Ok(restored),
                // A user was deleted since it was looked up.
                Ok(Err(sqlx::Error::Database(e))) if e.is_foreign_key_violation() && tries < 3 => {
                    self.ids.clear();
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(StoreError::Unavailable("no answer in time".into())),
            }
        }
    }

    async fn refresh(&mut self, room: RoomId) -> Result<(), StoreError> {
        soon(async {
            let mut tx = self.connection.begin().await?;
            restore::turn_version(&mut tx, room).await?;
            tx.commit().await
        })
        .await
    }

    async fn close(self: Box<Self>) {
        // Nothing is under way; the server sees it either way.
        let _ = timeout(PATIENCE, self.connection.close()).await;
    }
}
