//! What can be wrong with a configuration, and where a value came from.
use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// The variable's name.
    Env(String),
    /// The flag, as typed: `--tcp-port`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing to put right. Holds no password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    pub origin: Origin,
    /// The path of the key, unless the whole source is at fault.
    pub key: Option<String>,
    /// What is wrong: what was found, and what is allowed.
    pub message: String,
    /// What was probably meant.
    #[serde(rename = "did_you_mean")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// What is wrong with which key, for a reader that knows its origin.
    pub fn told(&self) -> String {
        let wrong = self.wrong();
        match &self.key {
            Some(key) => format!("{key}: {wrong}"),
            None => wrong,
        }
    }

    fn wrong(&self) -> String {
        let message = &self.message;
        match &self.suggestion {
            Some(meant) => format!("{message}; did you mean {meant}?"),
            None => message.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match self.origin {
            Origin::Default | Origin::File(_) => self.told(),
            // A variable or flag names its key already.
            Origin::Env(_) | Origin::Flag(_) => self.wrong(),
        };
        write!(f, "{}: {told}", self.origin)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", lines(.problems))]
    Invalid { problems: Vec<Problem> },
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
