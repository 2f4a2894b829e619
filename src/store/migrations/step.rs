//! The files of `migrations/`: each step up, and the way back.
use refinery_core::Migration;

use super::error::MigrateError;
use super::normal::normalise;

/// One migration: `V<version>__<name>.sql` and `U<version>__<name>.sql`.
#[derive(Debug, Clone)]
pub struct Step {
    pub version: i32,
    pub name: String,
    pub(super) up: String,
    pub(super) down: String,
    /// The version that a program must know at least to work with a database after this step.
    pub floor: i32,
    /// False if it cannot run in a transaction, as `CREATE INDEX CONCURRENTLY`.
    pub transaction: bool,
}

/// Makes the list of a folder's steps from their names.
macro_rules! steps {
    ($folder:literal: $($version:literal $name:literal),* $(,)?) => {
        [$((
            $version,
            $name,
            include_str!(concat!("../../../migrations/", $folder, "/V", $version, "__", $name, ".sql")),
            include_str!(concat!("../../../migrations/", $folder, "/U", $version, "__", $name, ".sql")),
        )),*]
    };
}

const POSTGRES: &[(i32, &str, &str, &str)] = &steps!("postgres": 1 "initial", 2 "operations", 3 "between_instances", 4 "unused", 5 "epoch", 6 "uids", 7 "people", 8 "entries", 9 "entry_indexes", 10 "search");
const SQLITE: &[(i32, &str, &str, &str)] = &steps!("sqlite": 1 "initial", 2 "operations", 3 "between_instances", 4 "unused", 5 "epoch", 6 "uids", 7 "people", 8 "entries", 9 "entry_indexes", 10 "search");

pub(super) fn postgres() -> Vec<Step> {
    all(POSTGRES)
}

pub(super) fn sqlite() -> Vec<Step> {
    all(SQLITE)
}

fn all(files: &[(i32, &str, &str, &str)]) -> Vec<Step> {
    let step =
        |(version, name, up, down): &(i32, &str, &str, &str)| Step::new(*version, name, up, down);
    files.iter().map(step).collect()
}

impl Step {
    /// A step from the text of its two files. In comments of the first, `floor: <version>` says
    /// what older programs it tolerates, and `no-transaction` that it cannot run in one.
    pub fn new(version: i32, name: &str, up: &str, down: &str) -> Self {
        let marks = |mark: &str| {
            let lines = up.lines().filter_map(|line| line.strip_prefix("--"));
            lines
                .map(str::trim)
                .find_map(|l| l.strip_prefix(mark).map(str::to_owned))
        };
        let floor = marks("floor:").and_then(|floor| floor.trim().parse().ok());
        Self {
            version,
            name: name.to_owned(),
            up: normalise(up),
            down: normalise(down),
            floor: floor.unwrap_or(version),
            transaction: marks("no-transaction").is_none(),
        }
    }

    /// As refinery wants it. Its checksum is of the normalised text, which is also what runs.
    pub(super) fn migration(&self) -> Result<Migration, MigrateError> {
        let name = format!("V{}__{}", self.version, self.name);
        Migration::unapplied(&name, &self.up).map_err(|e| MigrateError::Failed {
            step: name,
            reason: e.to_string(),
        })
    }

    /// The text that brings a database up to this step, as it will run.
    pub fn sql(&self) -> &str {
        &self.up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_versions_in_order() {
        let versions = |steps: Vec<Step>| -> Vec<i32> { steps.iter().map(|s| s.version).collect() };
        assert_eq!(versions(postgres()), versions(sqlite()));
        assert!(versions(sqlite()).into_iter().eq(1..=super::super::NEEDED));
    }

    #[test]
    fn a_comment_does_not_change_the_checksum() {
        let checksum = |up: &str| {
            let migration = Step::new(7, "x", up, "").migration();
            migration.expect("a good name").checksum()
        };
        assert_eq!(
            checksum("SELECT 1;"),
            checksum("-- floor: 3\nSELECT\n  1; -- done")
        );
        assert_ne!(checksum("SELECT 1;"), checksum("SELECT 2;"));
    }

    #[test]
    fn the_head_of_a_file_says_what_it_needs() {
        let step = Step::new(
            9,
            "x",
            "-- Why.\n-- floor: 7\n-- no-transaction\nSELECT 1;",
            "",
        );
        assert_eq!((step.floor, step.transaction), (7, false));
        let step = Step::new(9, "x", "SELECT 'no-transaction';", "");
        assert_eq!((step.floor, step.transaction), (9, true));
    }
}
