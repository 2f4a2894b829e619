//! The real program on a test's database, in a folder of its own.
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::db::Db;

pub(crate) struct Program {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) error: String,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DISCORDCTL_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("DISCORDCTL_DB_URL", &self.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("discordctl runs")
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[]).await
    }

    pub(crate) async fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(args);
        command.args(["-o", "json"]).envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("no panic").expect("discordctl runs");
        Ended {
            code: output.status.code(),
            json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// Ended when its test is over, however that ends.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// `serve` on free ports; returns when it takes clients.
    pub(crate) async fn serve(program: &Program, name: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = program.command(&["serve", "--tcp-port", "0", "--http-port", "0"]);
        command
            .args(["--instance-id", name, "--data-dir", name])
            .stderr(Stdio::null())
            .envs(settings.iter().copied());
        let mut child = command.spawn().expect("discordctl runs");
        let stdout = child.stdout.take().expect("it is piped");
        let greeted = tokio::task::spawn_blocking(move || {
            use std::io::BufRead;
            let mut lines = std::io::BufReader::new(stdout).lines();
            (lines.nth(2), lines)
        });
        let (third, rest) = greeted.await.expect("no panic");
        assert!(third.is_some(), "{name} does not start");
        // What else it says has somewhere to go.
        std::thread::spawn(move || rest.count());
        Self(child)
    }
}

impl Running {
    /// SIGTERM, as an operator stops it.
    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.0.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
