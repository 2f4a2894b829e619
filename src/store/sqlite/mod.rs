//! The embedded database: one SQLite file, shared by every local process that opens it.
//!
//! One connection writes, in WAL mode with `synchronous=FULL`, so that a commit is on the disk
//! before anyone hears of it (<https://www.sqlite.org/wal.html>); a small pool reads beside it.
mod activity;
mod changes;
mod files;
mod instances;
mod log;
mod notices;
mod presence;
mod read;
mod rooms;
mod secret;
mod unused;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Sqlite};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

pub(super) use self::activity::Observer;
use self::files::Files;
use super::embedded::{Embedded, Hold, Use, Witness};
use super::gate::Gate;
use super::sql::span;
use super::{
    Appended, Bulletin, Draft, Head, Instance, InstanceId, Known, Online, Options, Page, PoolState,
    PresenceChange, PresenceOutcome, Rejected, RoomSummary, Secret, SessionRow, Span, Store,
    StoreError, migrations,
};
use crate::meter::Meters;
use crate::model::{Message, RoomId, RoomName, RoomRef, Seq, SessionKey, UserId};

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
    files: Files,
    /// Nothing while it is in use by what must not be given up half way.
    writer: Mutex<Option<SqliteConnection>>,
    /// For signs of life alone, made when first needed.
    pulse: Mutex<Option<SqliteConnection>>,
    last_beat: parking_lot::Mutex<Option<DateTime<Utc>>>,
    readers: SqlitePool,
    gate: Gate,
    /// `PRAGMA data_version` as last seen by the writer: it moves when others commit.
    seen: AtomicI64,
    /// Users up to this one were looked at, whether they are of use.
    looked_at: AtomicI64,
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
        Ok(Self {
            files: Files::of(Witness::of(&database)?),
            database,
            connect,
            hold: Mutex::new(Some(hold)),
            writer: Mutex::new(Some(writer)),
            pulse: Mutex::default(),
            last_beat: parking_lot::Mutex::default(),
            readers,
            gate: Gate::new(options.shedding(), meters),
            seen: AtomicI64::new(-1),
            looked_at: AtomicI64::new(0),
        })
    }

    /// The one connection that writes. It is handed out in the order of asking, so whoever
    /// waits for it waits for the commits before and no longer.
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
        other => StoreError::Schema(format!("can't migrate the embedded database: {other}")),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        let mut slot = self.writer.lock().await;
        self.in_place(slot.as_ref())?;
        let mut writer = self.usable(slot.take()).await?;
        let answers = log::append(&mut writer, batch).await;
        *slot = Some(writer);
        answers
    }

    async fn read(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        read::read(&mut *self.reader().await?, room, after, limit).await
    }

    async fn read_before(
        &self,
        room: &RoomRef,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        read::read_before(&mut *self.reader().await?, room, before, limit).await
    }

    async fn span(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        read::span(&mut *self.reader().await?, room, before, limit).await
    }

    async fn read_news(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        read::read_news(&mut *self.reader().await?, room, after, limit).await
    }

    async fn heads(&self, known: &[Known]) -> Result<Vec<Head>, StoreError> {
        read::heads(&mut *self.reader().await?, known).await
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

    async fn room(&self, name: &RoomName) -> Result<Option<(RoomRef, Seq)>, StoreError> {
        rooms::room(&mut *self.reader().await?, name).await
    }

    async fn rooms_named(&self, names: &[RoomName]) -> Result<Vec<RoomRef>, StoreError> {
        rooms::named(&mut *self.reader().await?, names).await
    }

    async fn create_room(
        &self,
        name: &RoomName,
        by: Option<UserId>,
    ) -> Result<Option<RoomRef>, StoreError> {
        rooms::create(&mut *self.write().await?, name, by).await
    }

    async fn adopt_room(&self, room: RoomId, by: UserId) -> Result<bool, StoreError> {
        rooms::adopt(&mut *self.write().await?, room, by).await
    }

    async fn rooms(&self, page: &Page) -> Result<Vec<RoomSummary>, StoreError> {
        rooms::list(&mut *self.reader().await?, page).await
    }

    async fn count_rooms(&self, filter: &str) -> Result<u64, StoreError> {
        rooms::count(&mut *self.reader().await?, filter).await
    }

    async fn room_counts(&self, by: UserId) -> Result<(u64, u64), StoreError> {
        rooms::counts(&mut *self.reader().await?, by).await
    }

    async fn user(&self, nickname: &str) -> Result<UserId, StoreError> {
        rooms::user(&mut *self.write().await?, nickname).await
    }

    async fn tell(&self, bulletin: &Bulletin) -> Result<(), StoreError> {
        notices::tell(&mut *self.write().await?, bulletin).await
    }

    async fn told(&self, origin: i64, known: &[(i64, i64)]) -> Result<Vec<Bulletin>, StoreError> {
        notices::told(&mut *self.reader().await?, origin, known).await
    }

    async fn secret(&self, name: &str) -> Result<Secret, StoreError> {
        secret::secret(&mut *self.write().await?, name).await
    }

    async fn register(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        instances::register(&mut *self.write().await?, instance).await
    }

    async fn register_beside(&self, instance: &Instance) -> Result<InstanceId, StoreError> {
        instances::enter(&mut *self.write().await?, None, instance).await
    }

    async fn move_sessions(&self, from: InstanceId, to: InstanceId) -> Result<(), StoreError> {
        instances::move_sessions(&mut *self.write().await?, from, to).await
    }

    /// It stands in line with our own writes, or they would be in its way for ever; but not for
    /// long, since one of them may wait for another process.
    async fn heartbeat(&self, id: InstanceId, instance: &Instance) -> Result<bool, StoreError> {
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
        Ok(beat?.follows(&mut last))
    }

    async fn lively(&self, within: Duration) -> Result<Vec<InstanceId>, StoreError> {
        instances::lively(&mut *self.reader().await?, within).await
    }

    async fn ended(
        &self,
        instance: InstanceId,
        sessions: &[SessionKey],
    ) -> Result<Vec<SessionKey>, StoreError> {
        presence::ended(&mut *self.reader().await?, instance, sessions).await
    }

    async fn retire(&self, instance: InstanceId) -> Result<(), StoreError> {
        instances::retire(&mut *self.write().await?, instance).await
    }

    async fn presence(
        &self,
        instance: InstanceId,
        changes: &[PresenceChange],
    ) -> Result<Vec<PresenceOutcome>, StoreError> {
        changes::apply(&mut *self.write().await?, instance, changes).await
    }

    async fn session(
        &self,
        key: &SessionKey,
        life: Duration,
    ) -> Result<Option<SessionRow>, StoreError> {
        presence::session(&mut *self.reader().await?, key, life).await
    }

    async fn online(&self, page: &Page) -> Result<Vec<Online>, StoreError> {
        presence::online(&mut *self.reader().await?, page).await
    }

    async fn count_online(&self, filter: &str) -> Result<u64, StoreError> {
        presence::count_online(&mut *self.reader().await?, filter).await
    }

    /// In portions, between which others write.
    async fn expire(&self, session_life: Duration) -> Result<(), StoreError> {
        for (sql, life) in instances::forgettable(session_life) {
            while instances::forget(&mut *self.write().await?, sql, life).await? {}
        }
        unused::rooms(&mut *self.write().await?).await?;
        let after = UserId::new(self.looked_at.load(Ordering::Relaxed));
        let reached = unused::users(&mut *self.write().await?, after).await?;
        self.looked_at.store(reached.get(), Ordering::Relaxed);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM rooms LIMIT 1")
            .fetch_optional(&mut *self.reader().await?)
            .await?;
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
                tracing::warn!(%error, log = %log.display(), "can't take in the database's log");
            }
        }
    }
}

/// A duration as SQLite's date functions take it, looking back from now.
fn ago(life: Duration) -> String {
    format!("-{}", span(life))
}
