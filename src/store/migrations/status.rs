//! How a database stands to the steps that this program knows.
use chrono::DateTime;
use refinery_core::Migration;

use super::database::Mark;
use super::error::MigrateError;
use super::name;
use super::step::Step;
use crate::model::format_time;

named! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum State {
        Applied => "applied",
        Pending => "pending",
        /// It ran without a transaction, and stopped half way.
        Dirty => "dirty",
        /// Its file is not what it was when it was applied.
        Changed => "changed",
        /// A newer program applied it.
        Newer => "newer",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    pub version: i32,
    pub name: String,
    pub state: State,
    /// When it was applied, RFC 3339.
    pub applied_on: Option<String>,
}

/// All steps, those that this program knows and those that the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub steps: Vec<StepStatus>,
}

impl Status {
    pub(super) fn new(steps: &[Step], history: &[Migration], marks: &[Mark]) -> Self {
        let dirty = |version| marks.iter().any(|m| m.version == version && m.dirty);
        let mut all: Vec<StepStatus> = steps
            .iter()
            .map(|step| {
                let applied = history.iter().find(|m| m.version() == step.version);
                let state = match applied {
                    _ if dirty(step.version) => State::Dirty,
                    None => State::Pending,
                    Some(applied) if step.migration().is_ok_and(|m| m == *applied) => {
                        State::Applied
                    }
                    Some(_) => State::Changed,
                };
                StepStatus {
                    version: step.version,
                    name: step.name.clone(),
                    state,
                    applied_on: applied.and_then(when),
                }
            })
            .collect();
        let strange = |m: &&Migration| steps.iter().all(|s| s.version != m.version());
        all.extend(history.iter().filter(strange).map(|m| StepStatus {
            version: m.version(),
            name: m.name().to_owned(),
            state: State::Newer,
            applied_on: when(m),
        }));
        all.sort_by_key(|s| s.version);
        Self { steps: all }
    }

    /// The worst that is to be said: something is wrong, newer, to come; or all is applied.
    pub fn verdict(&self) -> State {
        let order = [State::Dirty, State::Changed, State::Newer, State::Pending];
        let worst = order
            .into_iter()
            .find(|s| self.steps.iter().any(|step| step.state == *s));
        worst.unwrap_or(State::Applied)
    }

    pub(super) fn is(&self, version: i32, state: State) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|s| s.version == version && s.state == state)
    }

    /// Refuses to go on from where something is wrong.
    pub(super) fn sound(&self) -> Result<(), MigrateError> {
        for step in &self.steps {
            let step_name = name(step.version, &step.name);
            match step.state {
                State::Dirty => return Err(MigrateError::Dirty { step: step_name }),
                State::Changed => return Err(MigrateError::Changed { step: step_name }),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn pending(&self, to: Option<i32>) -> impl Iterator<Item = &StepStatus> {
        let to = to.unwrap_or(i32::MAX);
        let steps = self.steps.iter();
        steps.filter(move |s| s.state == State::Pending && s.version <= to)
    }

    /// What was applied after `to`, newest first.
    pub(super) fn above(&self, to: i32) -> Vec<StepStatus> {
        let applied = |s: &&StepStatus| s.version > to && s.state != State::Pending;
        self.steps.iter().rev().filter(applied).cloned().collect()
    }

    /// The newest version that was applied.
    pub fn current(&self) -> i32 {
        let applied = |s: &&StepStatus| s.applied_on.is_some();
        self.steps
            .iter()
            .filter(applied)
            .map(|s| s.version)
            .max()
            .unwrap_or(0)
    }
}

fn when(migration: &Migration) -> Option<String> {
    let nanos = migration.applied_on()?.unix_timestamp_nanos();
    let on = DateTime::from_timestamp_nanos(i64::try_from(nanos).ok()?);
    Some(format_time(on))
}
