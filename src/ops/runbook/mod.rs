//! The runbooks: Markdown that people read, embedded, and walked step by step.
mod journal;
mod parse;
mod place;
mod shell;
mod walk;

use rust_embed::RustEmbed;

pub use parse::{Block, Book, Kind, ParseError, Step, parse};
pub use place::Place;
pub use walk::{Outcome, Person, Report, Taken, Verdict, walk};

#[derive(RustEmbed)]
#[folder = "../runbooks/"]
struct Files;

/// Every runbook, in the order in which they are listed.
pub const NAMES: [&str; 9] = [
    "bad-deploy",
    "damaged-database",
    "database-down",
    "disk-full",
    "failed-migration",
    "failover",
    "pool-exhaustion",
    "restore-backup",
    "valkey-down",
];

/// The name itself, if there is such a runbook.
pub fn known(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| *known == name)
}

/// The whole text of a runbook.
pub fn text(name: &str) -> Option<String> {
    let file = Files::get(&format!("{}.md", known(name)?))?;
    String::from_utf8(file.data.into_owned()).ok()
}
