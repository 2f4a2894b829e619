//! Words that were edited away or deleted leave the database's log as well.
//!
//! A page that was changed stays in the log as it was before, until it is overwritten there some time. So after
//! such a change the log is taken into the main file and emptied, beside what else is written: by a connection
//! of its own, a second apart at least, and again and again where a reader still needs the log.
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::files::Files;
use crate::random;
use crate::store::StoreError;

/// The connection that writes; nothing while it is in use by what must not be given up half way.
pub(super) type Writer = Mutex<Option<SqliteConnection>>;

/// What comes within this time is done at once, and nothing sooner after the time before.
const GATHER: Duration = Duration::from_millis(100);
const APART: Duration = Duration::from_secs(1);
/// For so long writes wait until readers let go of the log, at one try.
const READERS: Duration = Duration::from_millis(20);
/// Between two tries: longer each time.
const AGAIN: Duration = Duration::from_millis(100);
const MOST_AGAIN: Duration = Duration::from_secs(5);
/// After so many tries it is said that the words are still there.
const TELL: u32 = 10;

/// The task that empties the log.
pub(super) struct Scrubber {
    wanted: Arc<Notify>,
    stop: CancellationToken,
    task: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Scrubber {
    pub(super) fn new(
        connect: &SqliteConnectOptions,
        files: Arc<Files>,
        writer: Arc<Writer>,
    ) -> Self {
        let (wanted, stop) = (Arc::<Notify>::default(), CancellationToken::new());
        let log = Log {
            connect: connect.clone().busy_timeout(READERS),
            files,
            writer,
        };
        let task = tokio::spawn(log.keep_clean(wanted.clone(), stop.clone()));
        let task = parking_lot::Mutex::new(Some(task));
        Self { wanted, stop, task }
    }

    /// Words are gone, and the log is to be emptied of them.
    pub(super) fn ask(&self) {
        self.wanted.notify_one();
    }

    /// Lets go of the database.
    pub(super) async fn end(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task {
            // It cannot fail but by a panic, which was told.
            let _ = task.await;
        }
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Log {
    connect: SqliteConnectOptions,
    files: Arc<Files>,
    writer: Arc<Writer>,
}

impl Log {
    async fn keep_clean(self, wanted: Arc<Notify>, stop: CancellationToken) {
        let empty_for_ever = async {
            loop {
                wanted.notified().await;
                sleep(GATHER).await;
                self.empty().await;
                sleep(APART).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = empty_for_ever => {}
        }
    }

    /// Empties the log, however long that may take.
    async fn empty(&self) {
        let (mut pause, mut tries) = (AGAIN, 0);
        loop {
            let why = match self.try_to_empty().await {
                Ok(true) => break,
                Ok(false) => "another program reads the database".to_owned(),
                Err(error) => error.to_string(),
            };
            tries += 1;
            if tries == TELL {
                tracing::warn!(
                    why,
                    "cannot empty the database's log: deleted words are in it"
                );
            }
            sleep(random::between(pause / 2, pause)).await;
            pause = (pause * 2).min(MOST_AGAIN);
        }
        if tries >= TELL {
            tracing::info!("the database's log is empty of deleted words");
        }
    }

    /// False where a reader needs the log.
    async fn try_to_empty(&self) -> Result<bool, StoreError> {
        // Before a connection is opened: it would play this log over a file that took the main one's place.
        self.files.all()?;
        let mut connection = SqliteConnection::connect_with(&self.connect).await?;
        let emptied = self.empty_by(&mut connection).await;
        let _ = connection.close().await;
        emptied
    }

    async fn empty_by(&self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        // Most of the work is done beside writes.
        sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(&mut *connection)
            .await?;
        let _turn = self.writer.lock().await;
        let (busy, ..): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(connection)
            .await?;
        Ok(busy == 0)
    }
}
