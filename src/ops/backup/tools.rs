//! PostgreSQL's own programs: found, of the right version, and believed only as far as checked.
use std::fs::File;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::process::Command;

use super::BackupError;
use crate::store::copy::Server;

/// Where Debian and its like keep them, off the path.
const DEBIAN: &str = "/usr/lib/postgresql";

pub(super) struct Tool {
    name: &'static str,
    path: PathBuf,
}

/// The first that is of `version` or newer.
pub(super) async fn find(name: &'static str, version: u32) -> Result<Tool, BackupError> {
    let mut found = Vec::new();
    for path in candidates(name) {
        match version_of(&path).await {
            Some(is) if is >= version => return Ok(Tool { name, path }),
            Some(is) => found.push(format!("{is} at {}", path.display())),
            None => {}
        }
    }
    Err(BackupError::NoTool {
        tool: name,
        needed: version,
        found,
    })
}

/// Where a program of that name is, the likeliest first.
pub(in crate::ops) fn candidates(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    folders.extend(debian.into_iter().rev());
    let programs = folders.into_iter().map(|folder| folder.join(name));
    programs.filter(|path| path.is_file()).collect()
}

/// `pg_dump (PostgreSQL) 17.5 (Debian …)` is 17.
async fn version_of(path: &std::path::Path) -> Option<u32> {
    let mut command = Command::new(path);
    let said = command.arg("--version").stdin(Stdio::null()).output().await;
    let said = String::from_utf8(said.ok()?.stdout).ok()?;
    let (_, version) = said.split_once("(PostgreSQL) ")?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version[..digits.unwrap_or(version.len())].parse().ok()
}

impl Tool {
    /// A command line without a password, and an environment that has it.
    pub(super) fn command(&self, server: &Server) -> Command {
        let mut command = self.plain();
        command.envs(server.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn plain(&self) -> Command {
        let mut command = Command::new(&self.path);
        // What it says is looked into: in one language, wherever it runs.
        command.env("LC_ALL", "C").env_remove("LANGUAGE");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs it to a good end; what it wrote to its output.
    pub(super) async fn run(&self, mut command: Command) -> Result<String, BackupError> {
        let output = command.output().await;
        let output = output.map_err(BackupError::io("run", &self.path))?;
        self.ended_well(&output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same with its output in a file.
    pub(super) async fn run_into(&self, mut command: Command, to: File) -> Result<(), BackupError> {
        let running = command.stdout(to).stderr(Stdio::piped()).spawn();
        let running = running.map_err(BackupError::io("run", &self.path))?;
        // The program alone has the file now: what it said is read to the end.
        drop(command);
        let output = running.wait_with_output().await;
        self.ended_well(&output.map_err(BackupError::io("run", &self.path))?)
    }

    fn ended_well(&self, output: &Output) -> Result<(), BackupError> {
        if output.status.success() {
            Ok(())
        } else {
            Err(BackupError::Tool {
                tool: self.name.into(),
                status: output.status.to_string(),
                said: told(&output.stderr),
            })
        }
    }
}

/// What a program wrote to its stderr, as far as it tells something.
pub(super) fn told(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    let said = said.trim().chars().take(2_000);
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    said.map(plain).collect()
}
