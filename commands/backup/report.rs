//! What `discordctl backup` prints.
use std::path::Path;

use discordctl::ops::backup::{Contents, Made, Plan, Stored, Verified};
use serde::Serialize;

use crate::output::table;
use crate::units::{bytes, time};

/// The backups that ran by themselves.
#[derive(Serialize)]
pub(super) struct List {
    pub(super) url: String,
    pub(super) schedule: String,
    pub(super) backups: Vec<Stored>,
}

impl List {
    pub(super) fn as_text(&self) -> String {
        let row = |one: &Stored| {
            let verified = one.verified_at.map_or_else(|| "no".to_owned(), time);
            let messages = one.messages.to_string();
            [one.name.clone(), messages, bytes(one.bytes), verified]
        };
        let rows: Vec<_> = self.backups.iter().map(row).collect();
        let sum = format!(
            "backups in {1}: {0}; backup.schedule is {2}",
            rows.len(),
            self.url,
            self.schedule
        );
        if rows.is_empty() {
            return sum;
        }
        let heading = ["BACKUP", "MESSAGES", "SIZE", "VERIFIED"];
        format!("{}\n\n{sum}", table(heading, rows))
    }
}

#[derive(Default, Serialize)]
pub(super) struct Report {
    #[serde(skip)]
    done: Done,
    file: String,
    database: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<String>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// None for a dump without a manifest that was not restored.
    messages: Option<i64>,
    rooms: Option<usize>,
    /// Compared with what was said of it when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<bool>,
    /// What is in the schema and is not discordctl's.
    foreign: Vec<String>,
    #[serde(skip)]
    of_live: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Done {
    #[default]
    Planned,
    Made,
    Verified,
}

impl Report {
    pub(super) fn plan(to: &Path, plan: &Plan) -> Self {
        let (messages, rooms) = counts(plan.contents.as_ref());
        Self {
            file: to.display().to_string(),
            database: plan.database.as_str(),
            bytes: plan.needed,
            messages,
            rooms,
            ..Self::default()
        }
    }

    pub(super) fn made(to: &Path, made: &Made) -> Self {
        let manifest = &made.manifest;
        let (messages, rooms) = counts(Some(&manifest.contents));
        Self {
            done: Done::Made,
            file: to.display().to_string(),
            database: manifest.database.as_str(),
            made_at: Some(time(manifest.made_at)),
            bytes: manifest.bytes,
            sha256: Some(manifest.sha256.clone()),
            messages,
            rooms,
            foreign: made.foreign.clone(),
            ..Self::default()
        }
    }

    pub(super) fn verified(file: &Path, verified: Verified, restored: Option<Contents>) -> Self {
        let manifest = verified.manifest.as_ref();
        let said = manifest.map(|manifest| &manifest.contents);
        let (messages, rooms) = counts(restored.as_ref().or(said));
        Self {
            done: Done::Verified,
            file: file.display().to_string(),
            database: verified.kind.as_str(),
            made_at: manifest.map(|manifest| time(manifest.made_at)),
            bytes: verified.bytes,
            messages,
            rooms,
            manifest: Some(manifest.is_some()),
            restored: Some(restored.is_some()),
            sha256: Some(verified.sha256),
            foreign: verified.foreign,
            of_live: verified.of_live,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.done {
            Done::Planned | Done::Made => "backup",
            Done::Verified => "backup-verify",
        }
    }

    pub(super) fn as_text(&self) -> String {
        let size = bytes(self.bytes);
        let held = held(self.messages, self.rooms);
        let Self { file, database, .. } = self;
        let mut lines = vec![match self.done {
            Done::Planned => {
                format!("would write {file}: {held}, {database}, at most about {size}")
            }
            Done::Made => format!("wrote {file}: {held}, {database}, {size}"),
            Done::Verified => format!("{file} is sound: {held}, {database}, {size}"),
        }];
        lines.extend(self.sha256.as_ref().map(|hash| format!("SHA-256 {hash}")));
        match (self.manifest, self.restored) {
            (Some(true), Some(true)) => lines.push(
                "restored into a scratch database: every table and room as it was backed up".into(),
            ),
            (Some(false), Some(true)) => lines.push(
                "restored into a scratch database; there is no manifest to compare it with".into(),
            ),
            (Some(false), _) => lines.push("there is no manifest to compare it with".into()),
            _ => {}
        }
        lines.extend(oddities(self.of_live, &self.foreign));
        lines.join("\n")
    }
}

/// Messages and rooms, where the contents are known.
pub(crate) fn counts(contents: Option<&Contents>) -> (Option<i64>, Option<usize>) {
    let messages = |contents: &Contents| contents.tables.get("messages").copied().unwrap_or(0);
    (
        contents.map(messages),
        contents.map(|contents| contents.rooms.len()),
    )
}

pub(crate) fn held(messages: Option<i64>, rooms: Option<usize>) -> String {
    match (messages, rooms) {
        (Some(messages), Some(rooms)) => format!("{messages} messages in {rooms} rooms"),
        _ => "all there is".into(),
    }
}

/// What is odd about a backup, a line each.
pub(crate) fn oddities(of_live: bool, foreign: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if of_live {
        let line =
            "it is a copy of a database's main file: what a -wal beside that held is not in it";
        lines.push(line.to_owned());
    }
    if !foreign.is_empty() {
        lines.push(format!("not of discordctl: {}", foreign.join(", ")));
    }
    lines
}
