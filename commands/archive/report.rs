//! What `discordctl archive` prints.
use discordctl::archive::Entry;
use discordctl::ops::archive::{Finding, Report, State};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::table;

pub(super) fn of_run(report: &Report) -> String {
    let (did, would) = if report.dry_run {
        ("would be ", "nothing was changed; ")
    } else {
        ("", "")
    };
    let sum = format!(
        "{would}{} entries {did}archived in {} files, {} {did}deleted from the database",
        report.archived,
        report.files.len(),
        report.deleted
    );
    if report.rooms.is_empty() {
        return sum;
    }
    let rooms = report.rooms.iter().map(|room| {
        [
            room.room.clone(),
            room.archived.to_string(),
            room.deleted.to_string(),
            room.archived_to.to_string(),
        ]
    });
    let rooms = table(
        ["ROOM", "ARCHIVED", "DELETED", "ARCHIVED TO"],
        rooms.collect(),
    );
    if report.files.is_empty() {
        format!("{rooms}\n\n{sum}")
    } else {
        format!("{}\n\n{rooms}\n\n{sum}", of_files(&report.files))
    }
}

fn of_files(files: &[Entry]) -> String {
    let row = |entry: &Entry| {
        [
            entry.path.clone(),
            entry.count.to_string(),
            entry.size.to_string(),
        ]
    };
    table(
        ["FILE", "ENTRIES", "BYTES"],
        files.iter().map(row).collect(),
    )
}

/// What the archive holds.
#[derive(Serialize)]
pub(super) struct List {
    archive: String,
    entries: u64,
    messages: u64,
    bytes: u64,
    files: Vec<Entry>,
}

impl List {
    pub(super) fn new(archive: &str, files: Vec<Entry>) -> Self {
        Self {
            archive: archive.to_owned(),
            entries: files.iter().map(|entry| entry.count).sum(),
            messages: files.iter().map(Entry::messages).sum(),
            bytes: files.iter().map(|entry| entry.size).sum(),
            files,
        }
    }

    pub(super) fn as_text(&self) -> String {
        let sum = format!(
            "{} entries, of which {} are messages, in {} files, {} bytes, in {}",
            self.entries,
            self.messages,
            self.files.len(),
            self.bytes,
            self.archive
        );
        if self.files.is_empty() {
            sum
        } else {
            format!("{}\n\n{sum}", of_files(&self.files))
        }
    }
}

/// Whether the archive is what it should be.
#[derive(Serialize)]
pub(super) struct Verdict {
    archive: String,
    ok: usize,
    missing: usize,
    damaged: usize,
    unlisted: usize,
    superseded: usize,
    files: Vec<Finding>,
}

impl Verdict {
    pub(super) fn new(archive: &str, files: Vec<Finding>) -> Self {
        let count = |state| files.iter().filter(|file| file.state == state).count();
        Self {
            archive: archive.to_owned(),
            ok: count(State::Ok),
            missing: count(State::Missing),
            damaged: count(State::Damaged),
            unlisted: count(State::Unlisted),
            superseded: count(State::Superseded),
            files,
        }
    }

    /// What is lost is critical; what is not entered is a difference.
    pub(super) fn exit(&self) -> Exit {
        match (self.missing + self.damaged, self.unlisted) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Warning,
            _ => Exit::Critical,
        }
    }

    pub(super) fn as_text(&self) -> String {
        let sum = format!(
            "{} ok, {} damaged, {} missing, {} not in the manifest, in {}",
            self.ok, self.damaged, self.missing, self.unlisted, self.archive
        );
        let sum = match self.superseded {
            0 => sum,
            count => format!("{sum}; {count} of the past before"),
        };
        let wrong = self.files.iter().filter(|file| file.state != State::Ok);
        let rows: Vec<_> = wrong
            .map(|file| {
                let state = match file.state {
                    State::Ok => "ok",
                    State::Missing => "missing",
                    State::Damaged => "damaged",
                    State::Unlisted => "unlisted",
                    State::Superseded => "superseded",
                };
                [file.path.clone(), state.to_owned(), file.why.clone()]
            })
            .collect();
        if rows.is_empty() {
            sum
        } else {
            format!("{}\n\n{sum}", table(["FILE", "STATE", "WHY"], rows))
        }
    }
}
