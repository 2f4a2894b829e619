//! What went wrong with a migration, for the operator.
use discordctl::config::Config;
use discordctl::model::Cause;
use discordctl::ops::migrate::MigrateError;

use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, explain};

pub(super) fn explain(error: &MigrateError, config: &Config) -> Failure {
    explain!(error, format!("cannot migrate {}", config.db_url), error;
        MigrateError::Locked { .. } => [Exit::TryAgain, "locked",
            "try again when that has ended, or wait longer with --lock-wait"];
        MigrateError::Busy { .. } => [Exit::TryAgain, "busy",
            "find who uses the table so long (pg_stat_activity), or try at a quieter time",
            Cause::SchemaUnfit];
        MigrateError::Dirty { .. } => [Exit::Critical, "dirty",
            "'discordctl migrate repair' undoes what it did; then 'migrate up' again",
            Cause::SchemaUnfit];
        MigrateError::Changed { .. } => [Exit::Critical, "changed",
            "use the program that applied it, or 'discordctl migrate repair' to accept the change",
            Cause::SchemaUnfit];
        MigrateError::NoWayBack { .. } => [Exit::Unknown, "newer",
            "use the program that applied it", Cause::SchemaUnfit];
        MigrateError::Failed { .. } => [Exit::Critical, "failed",
            "'discordctl migrate status' says how the database stands", Cause::SchemaUnfit];
        MigrateError::Store(error) => {
            database::explain(error, config).what(format!("cannot migrate {}", config.db_url))
        };
    )
}
