//! A PostgreSQL cluster of the test's own, which it may stop, kill and start as it likes.
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::DEADLINE;
use super::process::free_port;

/// Stopped, by its own pid, when dropped.
pub(crate) struct Postgres {
    pub(crate) port: u16,
    programs: PathBuf,
    child: Child,
    dir: TempDir,
}

impl Postgres {
    /// `None` where there is no PostgreSQL; a failure where `scripts/test` brought it.
    pub(crate) async fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let why =
                "initdb is neither in DISCORDCTL_TEST_POSTGRES_BIN nor in /usr/lib/postgresql";
            crate::support::need::left_out("postgres", why);
            return None;
        };
        let dir = folder();
        init(&programs, &dir.path().join("cluster"));
        let port = free_port();
        let child = spawn(&programs, &dir.path().join("cluster"), port);
        let mut postgres = Self {
            port,
            programs,
            child,
            dir,
        };
        // Between finding a free port and listening on it another may take it.
        for _ in 0..5 {
            if postgres.answers().await {
                return Some(postgres);
            }
            postgres.port = free_port();
            postgres.child = spawn(&postgres.programs, &postgres.cluster(), postgres.port);
        }
        panic!("PostgreSQL does not start");
    }

    pub(crate) fn url(&self) -> String {
        url_at(self.port)
    }

    fn cluster(&self) -> PathBuf {
        self.dir.path().join("cluster")
    }

    /// As if its process had crashed: connections are cut, and it recovers from its log.
    pub(crate) fn crash(&mut self) {
        let stopped = as_postgres(&self.programs.join("pg_ctl"))
            .args(["stop", "-m", "immediate", "-w", "-D"])
            .arg(self.cluster())
            .stdout(Stdio::null())
            .status();
        assert!(stopped.expect("pg_ctl").success(), "pg_ctl stop failed");
        self.child.wait().expect("a process of ours");
    }

    /// Starts it again where it was, and returns when it answers.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.programs, &self.cluster(), self.port);
        assert!(self.answers().await, "PostgreSQL does not start again");
    }

    /// Keeps its log in a folder from now on, as far as that is full.
    pub(crate) async fn archives(&mut self) -> TempDir {
        let kept = folder();
        hand_over(kept.path());
        let command = format!("cp %p {}/%f", kept.path().display());
        self.sql("ALTER SYSTEM SET archive_mode = on").await;
        let set = format!("ALTER SYSTEM SET archive_command = '{command}'");
        self.sql(&set).await;
        self.crash();
        self.restart().await;
        kept
    }

    /// Copies it while it is used.
    pub(crate) fn base_backup(&self) -> TempDir {
        let dir = folder();
        self.copy_to(&dir.path().join("cluster"), &[]);
        dir
    }

    /// Makes a server of such a copy and the log that was kept, as it was at `time`.
    pub(crate) async fn recovered(&self, dir: TempDir, kept: &Path, time: &str) -> Self {
        let cluster = dir.path().join("cluster");
        let settings = format!(
            "restore_command = 'cp {}/%f %p'\nrecovery_target_time = '{time}'\n\
             recovery_target_action = 'promote'\narchive_mode = off\n",
            kept.display()
        );
        let auto = cluster.join("postgresql.auto.conf");
        let before = fs::read_to_string(&auto).expect("a file");
        fs::write(&auto, before + &settings).expect("written");
        fs::write(cluster.join("recovery.signal"), "").expect("written");
        hand_over(&cluster.join("recovery.signal"));
        let port = free_port();
        let mut recovered = Self {
            port,
            programs: self.programs.clone(),
            child: spawn(&self.programs, &cluster, port),
            dir,
        };
        assert!(recovered.answers().await, "it does not recover");
        let is_so = || async {
            recovered
                .number("SELECT pg_is_in_recovery()::int::bigint")
                .await
                == 0
        };
        super::eventually("it takes writes", is_so).await;
        recovered
    }

    /// Makes a server that streams from this one, and has all that this one has.
    pub(crate) async fn standby(&self) -> Self {
        let dir = folder();
        let (cluster, port) = (dir.path().join("cluster"), free_port());
        self.copy_to(&cluster, &["-R"]);
        let mut standby = Self {
            port,
            programs: self.programs.clone(),
            child: spawn(&self.programs, &cluster, port),
            dir,
        };
        assert!(standby.answers().await, "the standby does not start");
        standby
    }

    /// Its data folder as it is now.
    pub(crate) fn copy(&self) -> TempDir {
        let dir = folder();
        self.copy_to(&dir.path().join("cluster"), &[]);
        dir
    }

    /// Goes on with that folder in the place of its own.
    pub(crate) async fn put_back(&mut self, copy: TempDir) {
        self.crash();
        self.dir = copy;
        self.restart().await;
    }

    fn copy_to(&self, cluster: &Path, more: &[&str]) {
        place(cluster);
        let port = self.port.to_string();
        let copied = as_postgres(&self.programs.join("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-X", "stream"])
            .args(["-c", "fast", "--no-sync", "-p", &port, "-D"])
            .arg(cluster)
            .args(more)
            .output()
            .expect("pg_basebackup");
        let said = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup: {said}");
    }

    /// Commits here wait for every standby that streams, of which there is one by then.
    pub(crate) async fn waits_for_its_standby(&self) {
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await;
        self.sql("SELECT pg_reload_conf()").await;
        let is_so = || async {
            let sync = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            self.number(sync).await == 1
        };
        super::eventually("the standby is synchronous", is_so).await;
    }

    /// Makes a primary of a standby.
    pub(crate) fn promote(&self) {
        let promoted = as_postgres(&self.programs.join("pg_ctl"))
            .args(["promote", "-w", "-D"])
            .arg(self.cluster())
            .stdout(Stdio::null())
            .status();
        assert!(promoted.expect("pg_ctl").success(), "pg_ctl promote failed");
    }

    /// Whether it comes up, and did not end because another has its port.
    async fn answers(&mut self) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if PgConnection::connect(&self.url()).await.is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url())
            .await
            .expect("PostgreSQL is there")
    }

    /// What an operator types.
    pub(crate) async fn sql(&self, statement: &str) {
        let mut connection = self.connect().await;
        run(&mut connection, statement).await;
        connection.close().await.expect("closed");
    }

    /// Has its own `psql` run a file, with these variables, as an administrator.
    pub(crate) fn psql(&self, file: &Path, variables: &[(&str, &str)]) {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "postgres",
        ])
        .args(["-p", &self.port.to_string()]);
        for (name, value) in variables {
            psql.arg("-v").arg(format!("{name}={value}"));
        }
        let ran = psql.arg("-f").arg(file).output().expect("psql");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "psql: {said}");
    }

    /// Lets a role in by its password alone, from now on.
    pub(crate) async fn ask_for_password(&self, role: &str, password: &str) {
        let file = self.cluster().join("pg_hba.conf");
        let before = fs::read_to_string(&file).expect("a file");
        let rule = format!("host all {role} 127.0.0.1/32 scram-sha-256\n");
        fs::write(&file, rule + &before).expect("written");
        let set = format!("ALTER ROLE {role} PASSWORD '{password}'; SELECT pg_reload_conf()");
        self.sql(&set).await;
    }

    /// The one text that `query` answers.
    pub(crate) async fn text(&self, query: &str) -> String {
        let mut connection = self.connect().await;
        let text = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection);
        text.await.unwrap_or_else(|e| panic!("{query}: {e}"))
    }

    /// The one number that `query` answers.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        scalar(&mut self.connect().await, query).await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT ends all of its processes; after SIGKILL they would linger.
        let pid = rustix::process::Pid::from_child(&self.child);
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            let _ = self.child.wait();
        }
    }
}

/// Several servers, of which any may be the primary.
pub(crate) fn url_of(ports: &[u16]) -> String {
    let hosts: Vec<String> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    format!("postgresql://postgres@{}/postgres", hosts.join(","))
}

pub(crate) fn url_at(port: u16) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/postgres")
}

pub(crate) async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// The one number that `query` answers.
pub(crate) async fn scalar(connection: &mut PgConnection, query: &str) -> i64 {
    let number = sqlx::query_scalar(AssertSqlSafe(query));
    let number = number.fetch_one(connection).await;
    number.unwrap_or_else(|e| panic!("{query}: {e}"))
}

/// Where `initdb` and `postgres` are: as told, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    if let Some(told) = std::env::var_os("DISCORDCTL_TEST_POSTGRES_BIN") {
        return Some(told.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists());
    newest.max()
}

/// A folder that PostgreSQL's user can get through.
pub(crate) fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).expect("ours");
    dir
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL and PgBouncer refuse to run as root: then they run as another user.
pub(crate) fn as_postgres(program: &Path) -> Command {
    let mut command = match is_root() {
        true => {
            let mut other = Command::new("setpriv");
            other.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
            other.arg(program);
            other
        }
        false => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Gives `path` to that user.
pub(crate) fn hand_over(path: &Path) {
    if !is_root() {
        return;
    }
    let id = Command::new("id").args(["-u", "postgres"]).output();
    let id = String::from_utf8(id.expect("id").stdout).expect("a number");
    let id = id.trim().parse().expect("there is a user postgres");
    chown(path, Some(id), None).expect("root may");
}

/// An empty folder of PostgreSQL's own.
fn place(cluster: &Path) {
    fs::create_dir(cluster).expect("a folder");
    fs::set_permissions(cluster, fs::Permissions::from_mode(0o700)).expect("ours");
    hand_over(cluster);
}

fn init(programs: &Path, cluster: &Path) {
    place(cluster);
    let made = as_postgres(&programs.join("initdb"))
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(["--no-sync", "-D"])
        .arg(cluster)
        .output()
        .expect("initdb");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "initdb: {said}");
}

/// Processes are killed here, machines are not: nothing needs to reach the disk.
fn spawn(programs: &Path, cluster: &Path, port: u16) -> Child {
    as_postgres(&programs.join("postgres"))
        .arg("-D")
        .arg(cluster)
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .args(["-c", "full_page_writes=off", "-c", "logging_collector=on"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("postgres starts")
}
