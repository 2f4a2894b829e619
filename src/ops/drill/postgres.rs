//! A PostgreSQL cluster of the drill's own.
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::error::DrillError;
use super::folder::Folder;
use super::server::{Program, Server, free_port};
use crate::ops::backup::tools::candidates;
use crate::private;
use crate::store::copy;
use crate::store::migrations::Migrator;

/// What a server's own folder of programs has.
const NEEDED: [&str; 4] = ["initdb", "postgres", "pg_ctl", "pg_basebackup"];
/// For a program that makes, copies or promotes a cluster.
const DONE_WITHIN: Duration = Duration::from_secs(120);

pub(super) struct Postgres {
    programs: Programs,
    cluster: PathBuf,
    port: u16,
    /// Commits wait for a standby.
    pub(super) waits_for_standby: bool,
}

/// Where PostgreSQL's programs are, and as which user they run.
#[derive(Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    pub(super) fn find() -> Result<Self, DrillError> {
        let folders = candidates("initdb").into_iter();
        let mut folders = folders.filter_map(|path| path.parent().map(Path::to_owned));
        let is_whole = |folder: &PathBuf| NEEDED.iter().all(|name| folder.join(name).is_file());
        let folder = folders.find(is_whole);
        let folder = folder.ok_or(DrillError::Missing {
            program: "PostgreSQL (initdb, postgres, pg_ctl, pg_basebackup)",
            install: "install PostgreSQL, as with 'apt install postgresql'",
        })?;
        let user = if rustix::process::geteuid().is_root() {
            Some(postgres_user()?)
        } else {
            None
        };
        Ok(Self { folder, user })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// An empty folder for a cluster.
    fn own_folder(&self, cluster: &Path) -> Result<(), DrillError> {
        private::new_folder(cluster).map_err(DrillError::io("make", cluster))?;
        if let Some((user, group)) = self.user {
            let given = chown(cluster, Some(user), Some(group));
            given.map_err(DrillError::io("give away", cluster))?;
        }
        Ok(())
    }

    /// Runs what ends by itself.
    async fn run(&self, command: Command, name: &str) -> Result<(), DrillError> {
        let ran = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output();
        let failed = |why: String, said: String| DrillError::Server {
            name: name.to_owned(),
            why,
            said,
        };
        let ran = tokio::time::timeout(DONE_WITHIN, ran).await;
        let late = |_| {
            failed(
                format!("does not end within {DONE_WITHIN:?}"),
                String::new(),
            )
        };
        let ran = ran
            .map_err(late)?
            .map_err(DrillError::io("run", &self.folder))?;
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        Err(failed(format!("failed ({})", ran.status), said))
    }
}

/// PostgreSQL refuses to run as root.
fn postgres_user() -> Result<(u32, u32), DrillError> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    found.ok_or(DrillError::Missing {
        program: "a user 'postgres', as whom PostgreSQL runs when root starts it,",
        install: "run the drill as another user than root",
    })
}

/// Makes a cluster, starts it, and brings its schema up; the server and its URL.
pub(super) async fn start(folder: &Folder) -> Result<(Server<Postgres>, String), DrillError> {
    let (programs, cluster) = (Programs::find()?, folder.path("cluster"));
    init(&programs, &cluster).await?;
    let postgres = Postgres::new(programs, cluster)?;
    let url = postgres.url();
    let server = Server::start(postgres, folder.path("postgres.log")).await?;
    Migrator::new(&url).up(None).await?;
    Ok((server, url))
}

impl Postgres {
    fn new(programs: Programs, cluster: PathBuf) -> Result<Self, DrillError> {
        Ok(Self {
            programs,
            cluster,
            port: free_port()?,
            waits_for_standby: false,
        })
    }

    /// One in a copy of this cluster, which follows it.
    pub(super) async fn copied_to(&self, cluster: PathBuf) -> Result<Self, DrillError> {
        self.programs.own_folder(&cluster)?;
        let mut copy = self.programs.command("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-R", "-X", "stream"])
            .args([
                "-c",
                "fast",
                "--no-sync",
                "-p",
                &self.port.to_string(),
                "-D",
            ])
            .arg(&cluster);
        self.programs.run(copy, "pg_basebackup").await?;
        Self::new(self.programs.clone(), cluster)
    }

    /// Makes a primary of a standby that runs.
    pub(super) async fn promote(&self) -> Result<(), DrillError> {
        let mut promote = self.programs.command("pg_ctl");
        promote.args(["promote", "-w", "-D"]).arg(&self.cluster);
        self.programs.run(promote, "pg_ctl promote").await
    }

    fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The two of them, whichever is the primary.
    pub(super) fn url_with(&self, other: &Self) -> String {
        let (one, two) = (self.port, other.port);
        format!("postgresql://postgres@127.0.0.1:{one},127.0.0.1:{two}/postgres")
    }
}

impl Program for Postgres {
    const NAME: &'static str = "PostgreSQL";
    /// As if it had crashed: connections are cut, and it recovers from its log.
    const END: Signal = Signal::QUIT;

    /// With everything that makes a commit durable: that is what is put to the test.
    fn command(&self) -> Command {
        let mut command = self.programs.command("postgres");
        command
            .arg("-D")
            .arg(&self.cluster)
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            // A standby looks for its primary so often.
            .args(["-c", "wal_retrieve_retry_interval=100ms"]);
        if self.waits_for_standby {
            command.args(["-c", "synchronous_standby_names=*"]);
        }
        command
    }

    async fn answers(&self) -> bool {
        copy::server(&self.url()).await.is_ok()
    }
}

async fn init(programs: &Programs, cluster: &Path) -> Result<(), DrillError> {
    programs.own_folder(cluster)?;
    let mut initdb = programs.command("initdb");
    initdb
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(["--no-sync", "-D"])
        .arg(cluster);
    programs.run(initdb, "initdb").await
}
