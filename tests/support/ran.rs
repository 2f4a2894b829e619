//! What a run of the program gave, as a script sees it.
use std::process::{Command, Output};

use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ran {
    /// Runs a command to its end.
    pub(crate) fn now(mut command: Command) -> Self {
        command.output().expect("it starts").into()
    }

    /// The same, while the test's other tasks go on.
    pub(crate) async fn aside(command: Command) -> Self {
        let run = tokio::task::spawn_blocking(|| Self::now(command));
        run.await.expect("no panic")
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

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The result of what must succeed.
    #[track_caller]
    pub(crate) fn well(self) -> Value {
        self.exits(0).json()
    }
}
