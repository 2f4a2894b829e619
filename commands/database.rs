//! Opening the database for a command, and what its errors mean for the operator.
use std::sync::Arc;

use discordctl::config::Config;
use discordctl::model::Cause;
use discordctl::ops::upkeep::{self, StoreError, Upkeep};

use crate::exit::Exit;
use crate::failure::{Failure, explain};

/// The database of `config`, for the command `discordctl <name>`.
pub(crate) async fn open(config: &Config, name: &str) -> Result<Arc<Upkeep>, Failure> {
    let opened = upkeep::open(config.db_url.expose(), &application(name)).await;
    opened.map_err(|error| explain(&error, config))
}

/// The same for a command that changes nothing: also where nothing can be written.
pub(crate) async fn look(config: &Config, name: &str) -> Result<Arc<Upkeep>, Failure> {
    let opened = upkeep::look(config.db_url.expose(), &application(name)).await;
    opened.map_err(|error| explain(&error, config))
}

fn application(name: &str) -> String {
    format!("discordctl {name}, pid {}", std::process::id())
}

/// Commands say what to do themselves; what is lost or damaged takes more than a line.
pub(crate) fn explain(error: &StoreError, config: &Config) -> Failure {
    let of_kind = |embedded, server| match config.db_url.file() {
        Some(_) => embedded,
        None => server,
    };
    explain!(error, format!("cannot use the database {}", config.db_url), error;
        StoreError::Locked(_) => [Exit::TryAgain, "database_in_use",
            "try again when that process has let go of it"];
        StoreError::Missing(_) => [Exit::Unavailable, "no_database",
            "check 'db_url', and the folder from which this is started"];
        StoreError::Damaged(_) => [Exit::BadData, "database_damaged",
            "keep its files as they are, and restore a backup in its place", Cause::DatabaseDamaged];
        StoreError::NotAllowed(_) => [Exit::NotPermitted, "not_permitted", of_kind(
            "run this as the user to whom the database belongs, where it may be written to",
            "give this role what it needs: CONNECT, USAGE on the schema, and SELECT, INSERT, \
             UPDATE and DELETE on its tables and sequences; migrating needs their owner \
             (docs/database-roles.md)")];
        StoreError::Gone(_) => [Exit::Unavailable, "database_gone",
            "put its files back in their place", Cause::DatabaseLost];
        StoreError::Schema(_) => [Exit::Config, "schema",
            "bring the database and this program together, then try again"];
        StoreError::Unsupported(_) => [Exit::Config, "db_url",
            "check 'db_url'; 'discordctl config show' says where it comes from"];
        StoreError::Full(_) => [Exit::CannotCreate, "full", "make room on the database's disk",
            Cause::DiskFull];
        StoreError::Busy => [Exit::TryAgain, "busy", "try again in a moment"];
        StoreError::Refused(_) => [Exit::Io, "refused",
            "'discordctl migrate verify' says whether the schema is as it should be"];
        StoreError::Unavailable(_) | StoreError::Unknown(_) => [Exit::Unavailable,
            "database_unavailable", of_kind(
            "see what the file system and the system's log say of that file's disk",
            "check that the database runs and that 'db_url' is right")];
    )
}
