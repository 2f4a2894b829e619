//! Erasing words: out of the database, out of the archive, and out of what is put back later.
//!
//! First it is written down what is erased, in the table `erasures` and in the ledger beside the archive;
//! then it is done. Whatever ends this in between, the same command, or `--again`, goes on.
mod error;
mod index;
mod perform;
mod verify;

use serde::Serialize;

use crate::model::{RoomName, Seq};

pub use crate::search::write::WriteError;
pub use error::EraseError;
pub use perform::{again, perform, restored};
pub use verify::{Found, Verdict, verify};

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The messages of a room from one place to another.
    Part { room: RoomName, from: Seq, to: Seq },
    /// All that a person said and reacted, by the nickname.
    Person(String),
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is only counted.
    DryRun,
    Do,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// It was stopped between two steps; run again, it goes on.
    pub interrupted: bool,
    /// Messages that lost their words in the database.
    pub messages: u64,
    /// Reactions of the person that are gone from it.
    pub reactions: u64,
    /// Documents that were made anew, and the entries in them that lost something.
    pub documents: u64,
    pub archived: u64,
    /// Documents that cannot be read: what is in them is still there.
    pub unread: Vec<String>,
    /// Why the database's own files may still hold some of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_cleaned: Option<String>,
    /// What this does not reach.
    pub beyond: Vec<&'static str>,
}

/// Copies that no command of this program reaches, for that kind of database.
fn beyond(url: &str) -> Vec<&'static str> {
    let mut beyond = if url.starts_with("sqlite:") {
        vec!["blocks of the disk that the file system freed, and its snapshots"]
    } else {
        vec![
            "PostgreSQL's write-ahead log, its archive and base backups, until they are removed; standbys \
             follow by themselves",
            "free room within PostgreSQL's pages: VACUUM FULL messages, with all instances stopped, rewrites them",
        ]
    };
    beyond.extend([
        "backups that were made before: 'discordctl restore' erases what comes back with one, other programs do not",
        "older versions that a bucket keeps, and copies of documents elsewhere",
        "lost-*.json in data_dir, names of rooms, topics, the audit log, and what clients have shown or stored",
    ]);
    beyond
}
