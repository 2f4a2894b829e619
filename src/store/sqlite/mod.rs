//! The embedded database: one SQLite file, shared by every local process that opens it.
//!
//! One connection writes, in WAL mode with `synchronous=FULL`, so that a commit is on the disk
//! before any reader hears of it (<https://www.sqlite.org/wal.html>); a small pool reads beside it.
mod changes;
mod files;
mod instances;
mod log;
mod operations;
mod scrub;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Sqlite};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use self::files::Files;
use self::scrub::{Scrubber, Writer};
use super::ask::{Ask, Statement, Turn};
use super::embedded::{Embedded, Hold, Use, Witness};
use super::gate::Gate;
use super::session::Row;
use super::sql::{Arg, Sql, span};
use super::{
    Appended, Draft, Instance, InstanceId, Lease, Log, Maintenance, Options, PoolState, Presence,
    PresenceChange, PresenceOutcome, Rejected, StoreError, migrations,
};
use crate::meter::Meters;

/// The most one process waits between two looks for what another wrote.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a sign of life waits for our own writes, and then for those of other processes.
const TURN: Duration = Duration::from_millis(700);
const BEAT: Duration = Duration::from_millis(1_500);

/// The last connection waits so long for readers in other processes, to leave one file.
const LAST_WAIT: Duration = Duration::from_millis(500);

pub(super) struct SqliteStore {
    database: Embedded,
    connect: SqliteConnectOptions,
    hold: Mutex<Option<Hold>>,
    files: Arc<Files>,
    writer: Arc<Writer>,
    scrubber: Scrubber,
    /// For signs of life alone, made when first needed.
    pulse: Mutex<Option<SqliteConnection>>,
    last_beat: parking_lot::Mutex<Option<DateTime<Utc>>>,
    readers: SqlitePool,
    gate: Gate,
    /// `PRAGMA data_version` as last seen by the writer: it moves when others commit.
    seen: AtomicI64,
    /// Users up to this one were looked at, whether they are of use.
    looked_at: AtomicI64,
    /// The highest id of a message that was committed through this process.
    given: AtomicI64,
}

impl SqliteStore {
    pub(super) async fn open(options: &Options, meters: Arc<Meters>) -> Result<Self, StoreError> {
        let database = Embedded::of(&options.url)?;
        database.make()?;
        database.check(Use::Write)?;
        let hold = Hold::shared(&database).await?;
        database.sound().await?;
        let connect = database.to_write(options.acquire_timeout);
        let migrator = migrations::Migrator::new(&options.url);
        migrator.up(None).await.map_err(schema)?;
        let mut writer = SqliteConnection::connect_with(&connect).await?;
        let applied = sqlx::query_as(migrations::APPLIED)
            .fetch_all(&mut writer)
            .await;
        migrations::fits(applied.map_err(StoreError::from))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(options.idle_timeout)
            .connect_lazy_with(connect.clone());
        let files = Arc::new(Files::of(Witness::of(&database)?));
        let writer = Arc::new(Mutex::new(Some(writer)));
        let scrubber = Scrubber::new(&connect, files.clone(), writer.clone());
        if database.log_bytes() > 0 {
            // One that was killed may have left words there.
            scrubber.ask();
        }
        Ok(Self {
            files,
            database,
            connect,
            hold: Mutex::new(Some(hold)),
            writer,
            scrubber,
            pulse: Mutex::default(),
            last_beat: parking_lot::Mutex::default(),
            readers,
            gate: Gate::new(options.shedding(), meters),
            seen: AtomicI64::new(-1),
            looked_at: AtomicI64::new(0),
            given: AtomicI64::new(0),
        })
    }

    /// The one connection that writes. It is handed out in the order of asking: one who waits
    /// for it waits for the commits before and no longer.
    async fn write(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut slot = self.writer.lock().await;
        self.in_place(slot.as_ref())?;
        let writer = self.usable(slot.take()).await?;
        Ok(MutexGuard::map(slot, |slot| slot.insert(writer)))
    }

    /// That connection, or a new one if it was let go of.
    ///
    /// SQLite itself rolls back when the disk is full, which the driver does not notice: it
    /// takes the connection to be in a transaction for ever. Such a one is made anew.
    async fn usable(
        &self,
        writer: Option<SqliteConnection>,
    ) -> Result<SqliteConnection, StoreError> {
        match writer.filter(|writer| !writer.is_in_transaction()) {
            Some(writer) => Ok(writer),
            None => {
                let writer = SqliteConnection::connect_with(&self.connect).await?;
                self.files.again(Witness::of(&self.database)?);
                Ok(writer)
            }
        }
    }

    /// Fails where the files that are open are not those that others find. The connection stays:
    /// it alone still knows what is in a log that was taken away.
    fn in_place(&self, writer: Option<&SqliteConnection>) -> Result<(), StoreError> {
        match writer {
            Some(_) => self.files.all(),
            // A log is made anew with the next connection.
            None => self.files.main(),
        }
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.files.main()?;
        self.gate.pass(self.readers.acquire()).await
    }
}

pub(super) fn schema(error: migrations::MigrateError) -> StoreError {
    match error {
        migrations::MigrateError::Store(error) => error,
        other => StoreError::Schema(format!("cannot migrate the embedded database: {other}")),
    }
}

impl Ask for SqliteStore {
    fn either<T>(&self, _postgres: T, sqlite: T) -> T {
        sqlite
    }

    async fn all<T: Row>(
        &self,
        turn: Turn,
        statements: &[Statement<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let Some(((sql, args), before)) = statements.split_last() else {
            return Ok(Vec::new());
        };
        let query = sqlx::query_as_with(Sql::sqlite(*sql), Arg::sqlite(args)?);
        if matches!(turn, Turn::Read | Turn::ReadAside) {
            return Ok(query.fetch_all(&mut *self.reader().await?).await?);
        }
        let mut writer = self.write().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        run(&mut tx, before).await?;
        let rows = query.fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    fn words_are_gone(&self) {
        self.scrubber.ask();
    }

    async fn run(&self, _turn: Turn, statements: &[Statement<'_>]) -> Result<u64, StoreError> {
        let mut writer = self.write().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        let changed = run(&mut tx, statements).await?;
        tx.commit().await?;
        Ok(changed)
    }
}

/// How many rows the last of these statements changed.
async fn run(
    connection: &mut SqliteConnection,
    statements: &[Statement<'_>],
) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    for (sql, args) in statements {
        let query = sqlx::query_with(Sql::sqlite(*sql), Arg::sqlite(args)?);
        changed = query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(changed)
}

#[async_trait]
impl Log for SqliteStore {
    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        let mut slot = self.writer.lock().await;
        self.in_place(slot.as_ref())?;
        let mut writer = self.usable(slot.take()).await?;
        let answers = log::append(&mut writer, batch).await;
        *slot = Some(writer);
        let answers = answers?;
        if batch.iter().any(|draft| draft.operation.takes_words_away()) {
            self.scrubber.ask();
        }
        let ids = answers.iter().flatten().map(|stored| stored.id.get());
        self.given
            .fetch_max(ids.max().unwrap_or(0), Ordering::Relaxed);
        Ok(answers)
    }

    fn epoch_began(&self) {
        self.given.store(0, Ordering::Relaxed);
    }

    /// AUTOINCREMENT remembers the highest id that it gave.
    async fn went_back(&self) -> Result<bool, StoreError> {
        let given = self.given.load(Ordering::Relaxed);
        let sql = "SELECT count(*) FROM sqlite_sequence WHERE name = 'messages' AND seq >= $1";
        if given == 0
            || self
                .value::<i64>(Turn::Read, &[(sql, &[given.into()])])
                .await?
                > 0
        {
            return Ok(false);
        }
        self.given.store(0, Ordering::Relaxed);
        Ok(true)
    }

    async fn changed(&self) -> Result<bool, StoreError> {
        let mut writer = self.write().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *writer)
            .await?;
        Ok(self.seen.swap(version, Ordering::Relaxed) != version)
    }

    fn sweep_interval(&self, _bus_alive: bool) -> Duration {
        LOOK_EVERY
    }
}

#[async_trait]
impl Presence for SqliteStore {
    /// It stands in line with our own writes, or they would be in its way for ever; but not for
    /// long, since one of them may wait for another process.
    async fn heartbeat(&self, id: InstanceId, instance: &Instance) -> Result<Lease, StoreError> {
        let mut slot = self.pulse.lock().await;
        self.in_place(slot.as_ref())?;
        let _turn = tokio::time::timeout(TURN, self.writer.lock()).await;
        let mut pulse = match slot.take().filter(|pulse| !pulse.is_in_transaction()) {
            Some(pulse) => pulse,
            None => {
                SqliteConnection::connect_with(&self.connect.clone().busy_timeout(BEAT)).await?
            }
        };
        let beat = instances::heartbeat(&mut pulse, id, instance).await;
        *slot = Some(pulse);
        let mut last = self.last_beat.lock();
        Ok(beat?.after_ours(&mut last))
    }

    async fn presence(
        &self,
        instance: InstanceId,
        changes: &[PresenceChange],
    ) -> Result<Vec<PresenceOutcome>, StoreError> {
        changes::apply(&mut *self.write().await?, instance, changes).await
    }
}

#[async_trait]
impl Maintenance for SqliteStore {
    async fn expire(&self, session_life: Duration) -> Result<(), StoreError> {
        super::instances::expire(self, session_life, &self.looked_at).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let look: [Statement<'_>; 1] = [("SELECT id FROM rooms LIMIT 1", &[])];
        let _found: Vec<(i64,)> = self.all(Turn::Read, &look).await?;
        Ok(())
    }

    fn pool(&self) -> PoolState {
        let max = self.readers.options().get_max_connections();
        let idle = u32::try_from(self.readers.num_idle()).unwrap_or(0);
        let (waited, sheds) = self.gate.state();
        PoolState {
            available: max - self.readers.size() + idle,
            max,
            waited,
            sheds,
        }
    }

    /// What was committed is in one file then, unless others go on using it.
    async fn close(&self) {
        self.scrubber.end().await;
        self.readers.close().await;
        if let Some(pulse) = self.pulse.lock().await.take() {
            let _ = pulse.close().await;
        }
        if let Some(mut writer) = self.writer.lock().await.take() {
            let soon = format!("PRAGMA busy_timeout = {}", LAST_WAIT.as_millis());
            let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(soon))
                .execute(&mut writer)
                .await;
            let whole = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)");
            // Those who go on using it, or open it next, read what is left in the log.
            let _ = whole.execute(&mut writer).await;
            let _ = writer.close().await;
        }
        let Some(hold) = self.hold.lock().await.take() else {
            return;
        };
        let log = self.database.log();
        match hold.leave().await {
            Ok(true) if !log.exists() => {}
            Ok(_) => tracing::info!(
                log = %log.display(),
                "other processes use the database: the last of them takes its log in"
            ),
            Err(error) => {
                tracing::warn!(%error, log = %log.display(), "cannot take in the database's log");
            }
        }
    }
}

/// A duration as SQLite's date functions take it, looking back from now.
fn ago(life: Duration) -> String {
    format!("-{}", span(life))
}
