//! What `discordctl migrate` prints.
use discordctl::ops::migrate::{State, Step, StepStatus, Taken};
use serde::Serialize;

use crate::output::table;

#[derive(Serialize)]
pub(super) struct Report {
    /// The version the database is at now.
    pub(super) current: i32,
    /// The newest that this program knows.
    pub(super) known: i32,
    pub(super) state: &'static str,
    pub(super) migrations: Vec<Row>,
}

#[derive(Serialize)]
pub(super) struct Row {
    version: i32,
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
}

impl Row {
    fn of(version: i32, name: String, state: &'static str) -> Self {
        Self {
            version,
            name,
            state,
            applied_on: None,
            transaction: None,
            sql: None,
        }
    }
}

/// The whole database's state in one word.
pub(super) fn verdict(state: State) -> &'static str {
    match state {
        State::Applied => "current",
        other => other.as_str(),
    }
}

impl From<StepStatus> for Row {
    fn from(step: StepStatus) -> Self {
        Self {
            applied_on: step.applied_on,
            ..Self::of(step.version, step.name, step.state.as_str())
        }
    }
}

impl From<Step> for Row {
    fn from(step: Step) -> Self {
        Self {
            transaction: Some(step.transaction),
            sql: Some(step.sql().to_owned()),
            ..Self::of(step.version, step.name, State::Pending.as_str())
        }
    }
}

impl From<Taken> for Row {
    fn from(taken: Taken) -> Self {
        Self::of(taken.version, taken.name, taken.what)
    }
}

impl Report {
    pub(super) fn as_text(&self) -> String {
        let at = format!(
            "the database is at version {}, this program knows {}: {}",
            self.current, self.known, self.state
        );
        if self.migrations.is_empty() {
            return format!("nothing to do; {at}");
        }
        let row = |row: &Row| {
            [
                row.version.to_string(),
                row.name.clone(),
                row.state.to_owned(),
                row.applied_on.clone().unwrap_or_default(),
            ]
        };
        let rows = self.migrations.iter().map(row).collect();
        let mut text = table(["VERSION", "NAME", "STATE", "APPLIED"], rows);
        for row in &self.migrations {
            if let Some(sql) = &row.sql {
                let statements = sql.replace("; ", ";\n");
                text += &format!("\n\n-- {} {}\n{statements}", row.version, row.name);
            }
        }
        format!("{text}\n\n{at}")
    }
}
