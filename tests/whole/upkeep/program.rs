//! The real program on a test's database, in a folder of its own.
use std::process::{Child, Command, Stdio};

use crate::support::Ran;
use crate::support::db::Db;
use crate::support::process::{Process, program, serve};

pub(crate) struct Program {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Program {
    pub(crate) fn on(db: &Db) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            url: db.url.clone(),
        }
    }

    /// The program with nothing of the machine's settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("DISCORDCTL_DB_URL", &self.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("discordctl runs")
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[]).await
    }

    pub(crate) async fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(args);
        command.args(["-o", "json"]).envs(variables.iter().copied());
        Ran::aside(command).await
    }

    /// `serve` on free ports; returns when it takes clients.
    pub(crate) async fn serve(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = serve(self.command(&[]), (0, 0));
        command
            .args(["--instance-id", name, "--data-dir", name])
            .stderr(Stdio::null())
            .envs(settings.iter().copied());
        Process::start(command).await
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}
