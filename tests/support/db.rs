//! A database of its own for every test, of either kind, gone when the test is over.
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discordctl::meter::Meters;
use discordctl::store::{self, Options, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
}

/// One test's database. Clones are the same database.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    opened: Arc<Mutex<Vec<Arc<dyn Store>>>>,
    folder: Arc<tempfile::TempDir>,
}

/// Runs `case` with a database of that kind, if there is one to run it with.
pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(kind: Kind, case: impl FnOnce(Db) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let db = Db::create(kind).await;
        let outcome = tokio::spawn(case(db.clone())).await;
        db.close().await;
        if let Err(failure) = outcome {
            std::panic::resume_unwind(failure.into_panic());
        }
    });
}

impl Db {
    async fn create(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/chat.db", folder.path().display());
        Self {
            kind,
            url,
            opened: Arc::default(),
            folder: Arc::new(folder),
        }
    }

    async fn close(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().expect("not poisoned"));
        for store in opened {
            store.close().await;
        }
        assert!(self.folder.path().exists());
    }

    /// A store over this database, as one more process would open it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        let store = store::open(&self.options(), Arc::new(Meters::default()))
            .await
            .expect("the database opens");
        let mut opened = self.opened.lock().expect("not poisoned");
        opened.push(store.clone());
        store
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            url: self.url.clone(),
            application: "test".into(),
            connections: 4,
            idle_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            waiting: 100,
        }
    }

    async fn connect(&self) -> SqliteConnection {
        self.url
            .parse::<SqliteConnectOptions>()
            .expect("a good URL")
            .busy_timeout(Duration::from_secs(10))
            .connect()
            .await
            .expect("a connection")
    }

    /// What an operator types: runs `statement` beside the stores; the number of rows changed.
    pub(crate) async fn sql(&self, statement: &str) -> u64 {
        let mut connection = self.connect().await;
        let done = sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|e| panic!("{statement}: {e}"));
        connection.close().await.expect("closed");
        done.rows_affected()
    }

    /// The one number that `query` answers.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let mut connection = self.connect().await;
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut connection)
            .await
            .unwrap_or_else(|e| panic!("{query}: {e}"))
    }

    /// Moves a column of times back, as if that much time had passed since.
    pub(crate) async fn age(&self, table: &str, column: &str, by: Duration) {
        let seconds = by.as_secs();
        let earlier = match self.kind {
            Kind::Sqlite => {
                format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '-{seconds} seconds')")
            }
        };
        self.sql(&format!("UPDATE {table} SET {column} = {earlier}"))
            .await;
    }
}
