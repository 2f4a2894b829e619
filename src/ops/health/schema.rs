//! How bad a schema is, in words, and what to do.
use super::super::finding::Verdict;
use crate::store::migrations::{Migrator, State, Status};

/// The last is what mends it.
pub(in crate::ops) fn judge(
    status: &Status,
    migrator: &Migrator,
) -> (Verdict, String, Option<&'static str>) {
    let at = status.current();
    let known = migrator.known_steps().last().map_or(0, |step| step.version);
    match status.verdict() {
        State::Applied => (Verdict::Ok, format!("at version {at}"), None),
        State::Pending if at == 0 => (
            Verdict::Critical,
            "it has no schema yet".into(),
            Some("discordctl migrate up"),
        ),
        State::Pending => (
            Verdict::Warning,
            format!("at version {at}, this program knows {known}"),
            Some("discordctl migrate up"),
        ),
        State::Newer => (
            Verdict::Warning,
            format!("at version {at}, newer than the {known} that this program knows"),
            Some("use the discordctl that the instances run"),
        ),
        State::Dirty => (
            Verdict::Critical,
            "a migration stopped half way".into(),
            Some("discordctl migrate repair, then discordctl migrate up"),
        ),
        State::Changed => (
            Verdict::Critical,
            "a migration is not what it was when it was applied".into(),
            Some("use the program that applied it, or discordctl migrate repair"),
        ),
    }
}
