//! Exit codes: 0 to 3 as monitoring plugins have them, the others from sysexits.
use std::io;
use std::process::ExitCode;

use serde::Serialize;

use crate::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
    /// Of `status` alone, as init scripts have it.
    StatusUnknown = 4,
    Usage = 64,
    BadData = 65,
    NoInput = 66,
    Unavailable = 69,
    Bug = 70,
    CannotCreate = 73,
    Io = 74,
    TryAgain = 75,
    NotPermitted = 77,
    Config = 78,
    Interrupted = 130,
    Terminated = 143,
}

const MEANINGS: [(Exit, &str); 17] = [
    (Exit::Done, "done, or healthy"),
    (Exit::Warning, "warning, pending work or differences"),
    (Exit::Critical, "critical"),
    (Exit::Unknown, "unknown: it could not be found out"),
    (
        Exit::StatusUnknown,
        "of status alone: unknown, where 3 is not running and 1 dead",
    ),
    (Exit::Usage, "wrong use of the command line"),
    (Exit::BadData, "bad data in a file"),
    (Exit::NoInput, "no such file"),
    (Exit::Unavailable, "something it depends on is down"),
    (Exit::Bug, "a bug in discordctl"),
    (Exit::CannotCreate, "would overwrite a file, or no space"),
    (Exit::Io, "reading or writing failed"),
    (
        Exit::TryAgain,
        "try again: locked, timed out or still starting",
    ),
    (Exit::NotPermitted, "not permitted"),
    (Exit::Config, "wrong configuration"),
    (Exit::Interrupted, "ended by Ctrl-C"),
    (Exit::Terminated, "ended by SIGTERM"),
];

impl Exit {
    /// What a process of ours that ended with that code meant.
    pub(crate) fn of_code(code: i32) -> Option<Self> {
        let known = MEANINGS.iter().find(|(exit, _)| *exit as i32 == code);
        known.map(|(exit, _)| *exit)
    }

    /// Of a command that was ended by that signal.
    pub(crate) fn of_signal(number: i32) -> Self {
        match number {
            2 => Self::Interrupted,
            _ => Self::Terminated,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&io::Error> for Exit {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoInput,
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            io::ErrorKind::AlreadyExists | io::ErrorKind::StorageFull => Self::CannotCreate,
            _ => Self::Io,
        }
    }
}

/// The text of `discordctl help exit-codes`.
pub(crate) fn describe() -> String {
    let lines: Vec<String> = MEANINGS
        .iter()
        .map(|(exit, meaning)| format!("{:>5}  {meaning}", *exit as u8))
        .collect();
    format!("What the exit codes mean\n\n{}", lines.join("\n"))
}

#[derive(Serialize)]
struct Codes {
    exit_codes: Vec<Code>,
}

#[derive(Serialize)]
struct Code {
    code: u8,
    meaning: &'static str,
}

pub(crate) fn run(output: &Output) -> anyhow::Result<Exit> {
    let exit_codes = MEANINGS
        .iter()
        .map(|(exit, meaning)| Code {
            code: *exit as u8,
            meaning,
        })
        .collect();
    output.result("exit-codes", &Codes { exit_codes }, |_| describe())?;
    Ok(Exit::Done)
}
