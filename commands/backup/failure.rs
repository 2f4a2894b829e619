//! What went wrong with a backup or a restore, for the operator.
use discordctl::config::Config;
use discordctl::model::Cause;
use discordctl::ops::backup::BackupError;

use crate::database;
use crate::exit::Exit;
use crate::failure::{Failure, SEE_THE_PATH, explain};

/// `what` could not be done, as in "back up to chat.dump".
pub(super) fn explain(error: &BackupError, what: &str, config: &Config) -> Failure {
    let why = match error {
        BackupError::Io { what, source } => format!("{what}: {source}"),
        other => other.to_string(),
    };
    explain!(error, format!("cannot {what}"), why;
        BackupError::Store(store) => {
            database::explain(store, config)
                .what(format!("cannot {what}, with the database {}", config.db_url))
        };
        BackupError::Destination(_) => [Exit::Io, "backup_unreachable",
            "see that backup.url is right, can be reached and written, and has space; a bucket's \
             keys come from the variables AWS_*"];
        BackupError::Exists(_) => [Exit::CannotCreate, "exists",
            "choose another name: a backup is never overwritten"];
        BackupError::Missing(_) => [Exit::NoInput, "no_such_file", "check the path"];
        BackupError::Busy(_) => [Exit::TryAgain, "busy",
            "wait until that has ended, or choose another name"];
        BackupError::InTheWay(_) => [Exit::CannotCreate, "in_the_way",
            "see what it is and who made it; remove it, or choose another name"];
        BackupError::NotAlone { .. } => [Exit::BadData, "not_alone",
            "that is a database and no backup: make one of it with 'discordctl backup --to FILE \
             --db-url sqlite://PATH', which reads both", Cause::DatabaseLost];
        BackupError::Foreign(_) => [Exit::BadData, "foreign_objects",
            "find out how these came there; if they are yours, add --allow-foreign",
            Cause::DatabaseLost];
        BackupError::Almighty(_) => [Exit::NotPermitted, "superuser",
            "name a plain role that owns the database in 'db_url'; if you made the dump and \
             nobody else could change it, add --as-superuser", Cause::DatabaseLost];
        BackupError::NoSpace { .. } => [Exit::CannotCreate, "no_space",
            "make room, or choose another disk"];
        BackupError::NoTool { .. } => [Exit::Unavailable, "no_tool",
            "install PostgreSQL's client programs of that version, such as postgresql-client-17",
            Cause::DatabaseLost];
        BackupError::Tool { said, .. } if said.contains("No space left") =>
            [Exit::CannotCreate, "no_space",
            "make room, or choose another disk"];
        BackupError::Tool { .. } => [Exit::Unavailable, "tool_failed",
            "what it said tells more; the database is as it was", Cause::DatabaseLost];
        BackupError::Corrupt { .. } => [Exit::BadData, "corrupt",
            "use another backup, and find out what happened to this one", Cause::DatabaseLost];
        BackupError::NotEmpty(_) => [Exit::CannotCreate, "not_empty",
            match config.db_url.file() {
                Some(_) => "add --set-aside, and it gets another name, whole; nothing was changed",
                None => {
                    "restore into a new database, and name that in 'db_url'; nothing was changed"
                }
            }, Cause::DatabaseLost];
        BackupError::InUse(_) => [Exit::TryAgain, "in_use",
            "stop the instances of this database first, and try again 10 s later",
            Cause::DatabaseLost];
        BackupError::Differs(_) => [Exit::Critical, "differs",
            "do not rely on this backup; make another, and look for what is missing",
            Cause::DatabaseLost];
        BackupError::OtherKind { .. } => [Exit::Config, "db_url",
            "name a database of that kind with --db-url or DISCORDCTL_DB_URL"];
        BackupError::Io { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput =>
            [Exit::BadData, "no_file", "name a backup's file"];
        BackupError::Io { source, .. } => [Exit::from(source), "io", SEE_THE_PATH];
    )
}
