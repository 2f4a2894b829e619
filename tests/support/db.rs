//! A database of its own for every test, of either kind, gone when the test is over.
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discordctl::meter::Meters;
use discordctl::store::migrations::Migrator;
use discordctl::store::{self, Options, Store};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, FromRow};

/// Where a PgBouncer in transaction mode is, as `host:port`, if the stores are to go through it.
const PGBOUNCER: &str = "DISCORDCTL_TEST_PGBOUNCER";
/// Where PostgreSQL is: a superuser's URL of a database to make others from.
const POSTGRES: &str = "DISCORDCTL_TEST_POSTGRES";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Makes a test of every case over that kind of database, in a module of its own.
macro_rules! on {
    ($name:ident, $kind:ident; $($group:ident { $($case:ident),* $(,)? })*) => {
        mod $name {
            $($(#[test] fn $case() {
                crate::support::db::run(crate::support::db::Kind::$kind, super::$group::$case);
            })*)*
        }
    };
}
pub(crate) use on;

/// The same for every kind.
macro_rules! on_both {
    ($($groups:tt)*) => {
        crate::support::db::on! { sqlite, Sqlite; $($groups)* }
        crate::support::db::on! { postgres, Postgres; $($groups)* }
    };
}
pub(crate) use on_both;

/// One test's database. Clones are the same database.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    opened: Arc<Mutex<Vec<Arc<dyn Store>>>>,
    beside: Arc<Mutex<Vec<String>>>,
    home: Arc<Home>,
}

/// Where it lives.
enum Home {
    Folder(tempfile::TempDir),
    Server { url: String, name: String },
}

/// Runs `case` with a database of that kind, if there is one to run it with.
pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(kind: Kind, case: impl FnOnce(Db) -> F) {
    if kind == Kind::Postgres && std::env::var_os(POSTGRES).is_none() {
        return crate::support::need::left_out("postgres", &format!("{POSTGRES} is not set"));
    }
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
        let (url, home) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                let url = format!("sqlite://{}/chat.db", folder.path().display());
                (url, Home::Folder(folder))
            }
            Kind::Postgres => on_server().await,
        };
        Self {
            kind,
            url,
            opened: Arc::default(),
            beside: Arc::default(),
            home: Arc::new(home),
        }
    }

    /// Another, empty database of the same kind, gone with this one.
    pub(crate) async fn beside(&self, name: &str) -> Self {
        let url = match &*self.home {
            Home::Folder(folder) => format!("sqlite://{}/{name}.db", folder.path().display()),
            Home::Server { url, name: own } => {
                let name = format!("{own}_{name}");
                postgres(url, &format!("CREATE DATABASE {name}")).await;
                self.beside.lock().expect("not poisoned").push(name.clone());
                with_database(url, &name)
            }
        };
        Self {
            url,
            ..self.clone()
        }
    }

    /// What `file` holds, beside an embedded database.
    pub(crate) fn at(&self, file: &Path) -> Self {
        Self {
            url: format!("sqlite://{}", file.display()),
            ..self.clone()
        }
    }

    /// Closes what the test has open of it.
    pub(crate) async fn let_go(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().expect("not poisoned"));
        for store in opened {
            store.close().await;
        }
    }

    async fn close(&self) {
        self.let_go().await;
        match &*self.home {
            Home::Folder(folder) => assert!(folder.path().exists()),
            Home::Server { url, name } => {
                let beside = std::mem::take(&mut *self.beside.lock().expect("not poisoned"));
                for name in beside.iter().chain([name]) {
                    postgres(url, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
                }
            }
        }
    }

    /// Takes back what was migrated: a database as an operator makes it.
    pub(crate) async fn bare(&self) {
        let migrator = Migrator::new(&self.url);
        migrator.up(None).await.expect("migrated");
        migrator.rollback(0).await.expect("rolled back");
    }

    /// A store over this database, as one more process would open it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        self.open_with(self.options()).await
    }

    pub(crate) async fn open_with(&self, options: Options) -> Arc<dyn Store> {
        let store = store::open(&options, Arc::new(Meters::default()))
            .await
            .expect("the database opens");
        let mut opened = self.opened.lock().expect("not poisoned");
        opened.push(store.clone());
        store
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            url: self.pooled(),
            application: "discordctl test".into(),
            connections: 4,
            idle_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            shed_after: Duration::from_secs(10),
            waiting: 100,
        }
    }

    fn pooled(&self) -> String {
        match (self.kind, std::env::var(PGBOUNCER)) {
            (Kind::Postgres, Ok(pooler)) => {
                let (host, port) = pooler.rsplit_once(':').expect("host:port");
                let direct: PgConnectOptions = self.url.parse().expect("a good URL");
                let through = direct.host(host).port(port.parse().expect("a port"));
                let through = through.statement_cache_capacity(0);
                through.to_url_lossy().to_string()
            }
            _ => self.url.clone(),
        }
    }

    async fn sqlite(&self) -> SqliteConnection {
        open_sqlite(&self.url).await
    }

    /// What an operator types: runs `statement` beside the stores.
    pub(crate) async fn sql(&self, statement: &str) {
        if self.kind == Kind::Postgres {
            return postgres(&self.url, statement).await;
        }
        sqlite(&self.url, statement).await;
    }

    /// Has the sessions to itself, as a statement that does not end, until the value is dropped.
    pub(crate) async fn hold_sessions(&self) -> Box<dyn Send> {
        if self.kind == Kind::Postgres {
            let mut connection = connect(&self.url).await;
            let lock = "BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE";
            super::postgres::run(&mut connection, lock).await;
            return Box::new(connection);
        }
        let mut connection = self.sqlite().await;
        let begun = sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await;
        begun.expect("begun");
        Box::new(connection)
    }

    /// The one number that `query` answers.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        self.column(query).await.remove(0)
    }

    /// The one column of texts that `query` answers.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        self.column(query).await
    }

    async fn column<T>(&self, query: &str) -> Vec<T>
    where
        T: Send + Unpin,
        for<'r> (T,): FromRow<'r, SqliteRow> + FromRow<'r, PgRow>,
    {
        let sql = AssertSqlSafe(query);
        let rows = match self.kind {
            Kind::Sqlite => {
                let mut connection = self.sqlite().await;
                let rows = sqlx::query_scalar(sql).fetch_all(&mut connection).await;
                connection.close().await.expect("closed");
                rows
            }
            Kind::Postgres => {
                let mut connection = connect(&self.url).await;
                sqlx::query_scalar(sql).fetch_all(&mut connection).await
            }
        };
        rows.unwrap_or_else(|e| panic!("{query}: {e}"))
    }

    /// Moves a column of times back, as if that much time had passed since.
    pub(crate) async fn age(&self, table: &str, column: &str, by: Duration) {
        self.shift(table, column, '-', by).await;
    }

    /// Makes every row of a table later by that much.
    pub(crate) async fn hasten(&self, table: &str, column: &str, by: Duration) {
        self.shift(table, column, '+', by).await;
    }

    async fn shift(&self, table: &str, column: &str, sign: char, by: Duration) {
        let seconds = by.as_secs();
        let shifted = match self.kind {
            Kind::Sqlite => {
                format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '{sign}{seconds} seconds')")
            }
            Kind::Postgres => format!("{column} {sign} interval '{seconds} seconds'"),
        };
        let update = format!("UPDATE {table} SET {column} = {shifted}");
        self.sql(&update).await;
    }
}

async fn on_server() -> (String, Home) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(POSTGRES).expect("the variable is set");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("discordctl_test_{}_{count}", std::process::id());
    postgres(&url, &format!("CREATE DATABASE {name}")).await;
    let own = with_database(&url, &name);
    Migrator::new(&own).up(None).await.expect("migrated");
    (own, Home::Server { url, name })
}

fn with_database(url: &str, name: &str) -> String {
    let options: PgConnectOptions = url.parse().expect("a good URL");
    options.database(name).to_url_lossy().to_string()
}

pub(crate) async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection")
}

async fn postgres(url: &str, statement: &str) {
    let mut connection = connect(url).await;
    super::postgres::run(&mut connection, statement).await;
    connection.close().await.expect("closed");
}

async fn open_sqlite(url: &str) -> SqliteConnection {
    let options: SqliteConnectOptions = url.parse().expect("a good URL");
    let options = options.busy_timeout(Duration::from_secs(10));
    options.connect().await.expect("a connection")
}

/// Runs `statement` on an embedded database, beside the programs that have it open.
pub(crate) async fn sqlite(url: &str, statement: &str) {
    let mut connection = open_sqlite(url).await;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|e| panic!("{statement}: {e}"));
    connection.close().await.expect("closed");
}
