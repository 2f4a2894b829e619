//! A PostgreSQL cluster of the drill's own.
use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::error::DrillError;
use super::folder::Folder;
use super::server::{Program, Server, free_port};
use crate::ops::backup::tools::candidates;
use crate::store::copy;
use crate::store::migrations::Migrator;

pub(super) struct Postgres {
    programs: Programs,
    cluster: PathBuf,
    port: u16,
}

/// Where PostgreSQL's programs are, and as which user they run.
pub(super) struct Programs {
    folder: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    pub(super) fn find() -> Result<Self, DrillError> {
        let folders = candidates("initdb").into_iter();
        let mut folders = folders.filter_map(|path| path.parent().map(Path::to_owned));
        let folder = folders.find(|folder| folder.join("postgres").is_file());
        let folder = folder.ok_or(DrillError::Missing {
            program: "PostgreSQL (initdb, postgres)",
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
    let postgres = Postgres {
        programs,
        cluster,
        port: free_port()?,
    };
    let url = postgres.url();
    let server = Server::start(postgres, folder.path("postgres.log")).await?;
    Migrator::new(&url).up(None).await?;
    Ok((server, url))
}

impl Postgres {
    fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
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
            .args(["-c", "unix_socket_directories="]);
        command
    }

    async fn answers(&self) -> bool {
        copy::server(&self.url()).await.is_ok()
    }
}

async fn init(programs: &Programs, cluster: &Path) -> Result<(), DrillError> {
    let made = fs::DirBuilder::new().mode(0o700).create(cluster);
    made.map_err(DrillError::io("make", cluster))?;
    if let Some((user, group)) = programs.user {
        let given = chown(cluster, Some(user), Some(group));
        given.map_err(DrillError::io("give away", cluster))?;
    }
    let mut initdb = programs.command("initdb");
    initdb
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(["--no-sync", "-D"])
        .arg(cluster);
    let made = tokio::process::Command::from(initdb)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(DrillError::io("run", &programs.folder))?;
    if made.status.success() {
        return Ok(());
    }
    Err(DrillError::Server {
        name: "initdb".into(),
        why: format!("failed ({})", made.status),
        said: String::from_utf8_lossy(&made.stderr).into_owned(),
    })
}
