//! The log of a walk, for the report of what happened. Passwords do not get in.
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::redact;
use crate::model::format_time;
use crate::private;

/// A file that only grows, line by line, each with its time.
pub(super) struct Journal {
    file: File,
    pub(super) path: PathBuf,
    clock: Arc<dyn Clock>,
    secrets: Vec<String>,
}

impl Journal {
    /// A new file in `folder`, which is made if it is not there; never one that exists.
    pub(super) fn create(
        folder: &Path,
        runbook: &str,
        secrets: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        private::folder(folder)?;
        let time = clock.utc().format("%Y%m%dT%H%M%S%3fZ");
        let path = folder.join(format!("runbook-{runbook}-{time}.log"));
        let file = private::create_new(&path)?;
        Ok(Self {
            file,
            path,
            clock,
            secrets,
        })
    }

    /// Writes a line, and returns it as it may be shown. What does not fit on a full disk is shown only:
    /// it may be the walk that makes room.
    pub(super) fn line(&mut self, text: &str) -> io::Result<String> {
        let text = hidden(text, &self.secrets);
        match writeln!(self.file, "{} {text}", format_time(self.clock.utc())) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(text),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Without these secrets, and without what may be a password in a URL.
fn hidden(text: &str, secrets: &[String]) -> String {
    let mut shown = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        shown = shown.replace(secret.as_str(), "***");
    }
    let words = shown.split_inclusive(char::is_whitespace);
    words
        .map(|word| {
            if word.contains("://") {
                redact(word)
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_walk_is_written_down_without_passwords() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = vec!["s3cret".to_owned()];
        let clock = Arc::new(ManualClock::default());
        let create = || {
            Journal::create(
                &folder.path().join("log"),
                "x",
                secrets.clone(),
                clock.clone(),
            )
        };
        let mut journal = create().expect("a file");
        let shown = journal
            .line("psql: s3cret, postgres://a:other@h/db is it")
            .expect("written");
        assert_eq!(shown, "psql: ***, postgres://a:***@h/db is it");
        let written = std::fs::read_to_string(&journal.path).expect("a file");
        assert!(written.ends_with(&format!("Z {shown}\n")), "{written}");
        assert!(create().is_err(), "an earlier log is never written over");
    }
}
