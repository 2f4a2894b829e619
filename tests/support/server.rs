//! A server for a test: in this process, or the real binary as a process of its own.
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use discordctl::config::{AccessMode, Config};
use discordctl::server::Server;
use tempfile::TempDir;

use super::process::{Process, binary, program, serve, unlimited, without_settings};

/// A configuration on free ports and a file of its own, without limits that tests would meet.
pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config {
        tcp_port: Some(0),
        http_port: Some(0),
        data_dir: folder.to_owned(),
        db_url: format!("sqlite://{}/discord.db", folder.display())
            .parse()
            .expect("a URL"),
        ..Config::default()
    };
    // Also where a test has it listen beyond loopback.
    config.access.mode = AccessMode::Open;
    config.limits.messages_per_minute = 0;
    config.limits.requests_per_minute = 0;
    config.drain.spread = "50ms".parse().expect("a duration");
    config
}

/// A server in this process, and the folder that goes with it.
pub(crate) struct Local {
    server: Server,
    _folder: TempDir,
}

impl Deref for Local {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Local {
    pub(crate) async fn stop(self) {
        self.server.stop().await.expect("a clean stop");
    }
}

pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Local {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    adjust(&mut config);
    let server = Server::start(&config).await.expect("the server starts");
    Local {
        server,
        _folder: folder,
    }
}

/// The real program on the database in `folder`. Ports that were given before can be had again.
pub(crate) async fn spawn(folder: &Path, name: &str, ports: (u16, u16)) -> Process {
    Process::start(command(program(), folder, name, ports)).await
}

/// The same on a disk of its own, of so many bytes, which ends with it; `None` where this user
/// cannot have one.
pub(crate) async fn spawn_on_disk(folder: &Path, size: u64) -> Option<Process> {
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount"]);
    let tried = shell.arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        return None;
    }
    let mut shell = without_settings(Command::new("unshare"));
    let mount = format!("mount -t tmpfs -o size={size} none \"$0\" && exec \"$@\"");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &mount]);
    shell.arg(folder).arg(binary());
    Some(Process::start(command(shell, folder, "one", (0, 0))).await)
}

fn command(program: Command, folder: &Path, name: &str, ports: (u16, u16)) -> Command {
    let mut command = unlimited(serve(program, ports));
    command
        .args(["--instance-id", name])
        .arg("--db-url")
        .arg(format!("sqlite://{}/discord.db", folder.display()))
        .arg("--data-dir")
        .arg(folder);
    command
}
