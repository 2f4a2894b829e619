//! What went wrong with a migration, for the operator.
use discordctl::config::Config;
use discordctl::ops::migrate::MigrateError;

use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

const RUNBOOK: &str = "failed-migration";

pub(super) fn explain(error: &MigrateError, config: &Config) -> Failure {
    let (exit, code, hint, runbook) = match error {
        MigrateError::Locked { .. } => (
            Exit::TryAgain,
            "locked",
            "try again when that has ended, or wait longer with --lock-wait",
            None,
        ),
        MigrateError::Busy { .. } => (
            Exit::TryAgain,
            "busy",
            "find who uses the table so long (pg_stat_activity), or try at a quieter time",
            Some(RUNBOOK),
        ),
        MigrateError::Dirty { .. } => (
            Exit::Critical,
            "dirty",
            "'discordctl migrate repair' undoes what it did; then 'migrate up' again",
            Some(RUNBOOK),
        ),
        MigrateError::Changed { .. } => (
            Exit::Critical,
            "changed",
            "use the program that applied it, or 'discordctl migrate repair' to accept the change",
            Some(RUNBOOK),
        ),
        MigrateError::NoWayBack { .. } => (
            Exit::Unknown,
            "newer",
            "use the program that applied it",
            Some(RUNBOOK),
        ),
        MigrateError::Failed { .. } => (
            Exit::Critical,
            "failed",
            "'discordctl migrate status' says how the database stands",
            Some(RUNBOOK),
        ),
        MigrateError::Store(error) => {
            return Failure {
                what: format!("cannot migrate {}", config.db_url),
                ..database::explain(error, config)
            };
        }
    };
    Failure {
        exit,
        code,
        what: format!("cannot migrate {}", config.db_url),
        why: error.to_string(),
        hint: hint.into(),
        runbook,
    }
}
