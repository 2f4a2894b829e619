//! The program as an operator types it in a folder, and what a run of it gave, as a script sees it.
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::Child;
use tokio::time::timeout;

use super::db::Db;
use super::process::{Process, binary, serve, without_settings};
use super::{DEADLINE, in_time};

/// A folder to type in, and the variables that are set there.
pub(crate) struct Shell {
    pub(crate) folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn within(folder: TempDir) -> Self {
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    /// One whose commands are about that database.
    pub(crate) fn on(db: &Db) -> Self {
        // As little as the samples keep: what a test says is too little and too young for the defaults.
        Self::new()
            .with("DISCORDCTL_DB_URL", &db.url)
            .with("DISCORDCTL_RETENTION_KEEP_LAST", "10")
            .with("DISCORDCTL_RETENTION_MIN_AGE", "1h")
    }

    /// Sets a variable, in place of what it was.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with the words of `line`, none of which holds a blank. Nothing reads what it says.
    pub(crate) fn command(&self, line: &str) -> Command {
        self.command_of(binary(), line)
    }

    /// The same of another program.
    pub(crate) fn command_of(&self, program: impl AsRef<OsStr>, line: &str) -> Command {
        let mut program = without_settings(Command::new(program));
        program
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        program
    }

    /// Runs it to its end, with its result as JSON.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[]).await
    }

    pub(crate) async fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(&format!("{line} -o json"));
        command.envs(variables.iter().copied());
        Ran::of(command).await
    }

    /// Runs it to where it is killed by itself, as if the power went.
    ///
    /// # Panics
    /// If it ends otherwise.
    pub(crate) async fn killed(&self, line: &str, at: &str) {
        let fault = [("DISCORDCTL_TEST_FAULT", at)];
        let ran = self.run_with(line, &fault).await;
        assert_eq!(ran.code, None, "{at}: {ran:?}");
    }

    /// `serve` on free ports; returns when it takes clients.
    pub(crate) async fn serve(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = serve(self.command(""), (0, 0));
        command
            .args(["--instance-id", name, "--data-dir", name])
            .envs(settings.iter().copied());
        Process::start(command).await
    }
}

/// What a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A run under way, and the lines that it tells on one of its streams. Killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
}

impl Running {
    pub(crate) fn start(mut command: Command, stream: Stream) -> Self {
        match stream {
            Stream::Stdout => command.stdout(Stdio::piped()).stderr(Stdio::null()),
            Stream::Stderr => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().expect("it starts");
        let read: Box<dyn AsyncRead + Send + Unpin> = match stream {
            Stream::Stdout => Box::new(child.stdout.take().expect("piped")),
            Stream::Stderr => Box::new(child.stderr.take().expect("piped")),
        };
        let lines = BufReader::new(read).lines();
        Self { child, lines }
    }

    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = in_time("a line", self.lines.next_line()).await;
        next.expect("readable")
    }

    /// The next line that holds `part`.
    pub(crate) async fn until(&mut self, part: &str) -> String {
        let look = async {
            while let Some(line) = self.next().await {
                if line.contains(part) {
                    return line;
                }
            }
            panic!("it ended before '{part}'");
        };
        in_time(part, look).await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("it runs") as i32;
        kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("ours");
    }

    /// Closes the pipe that it tells into; its exit code.
    pub(crate) async fn unread(mut self) -> Option<i32> {
        drop(self.lines);
        let ended = in_time("its end", self.child.wait()).await;
        ended.expect("ours").code()
    }

    /// What else it tells, and its exit code.
    pub(crate) async fn ends(mut self) -> (Vec<String>, Option<i32>) {
        let mut told = Vec::new();
        while let Some(line) = self.next().await {
            told.push(line);
        }
        let ended = in_time("its end", self.child.wait()).await;
        (told, ended.expect("ours").code())
    }
}

#[derive(Debug)]
pub(crate) struct Ran {
    /// What was typed, for a test that fails.
    _line: String,
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs a command to its end. One that hangs is killed, and fails the test.
    pub(crate) async fn of(command: Command) -> Self {
        let line = format!("{command:?}");
        let mut command = tokio::process::Command::from(command);
        let ended = timeout(DEADLINE * 4, command.kill_on_drop(true).output()).await;
        let late = |_| panic!("it does not end: {line}");
        let output = ended.unwrap_or_else(late).expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            _line: line,
        }
    }

    /// Its result: the one object, or the last line of several.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let whole = serde_json::from_str(&self.stdout);
        let last = || serde_json::from_str(self.stdout.lines().last().unwrap_or_default());
        whole
            .or_else(|_| last())
            .unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// What was wrong, where it fails.
    #[track_caller]
    pub(crate) fn problem(&self) -> Value {
        serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Holds that it says so beside its result.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no '{part}': {self:?}");
        self
    }

    /// The result of what must succeed.
    #[track_caller]
    pub(crate) fn well(self) -> Value {
        self.exits(0).json()
    }
}
