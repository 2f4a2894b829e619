//! What went wrong with a backup or a restore, for the operator.
use discordctl::config::Config;
use discordctl::ops::backup::BackupError;

use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;

const RUNBOOK: Option<&str> = Some("restore-backup");

/// `what` could not be done, as in "back up to chat.dump".
pub(crate) fn explain(error: &BackupError, what: &str, config: &Config) -> Failure {
    let (exit, code, hint, runbook) = match error {
        BackupError::Store(store) => {
            return Failure {
                what: format!("cannot {what}, with the database {}", config.db_url),
                ..database::explain(store, config)
            };
        }
        BackupError::Exists(_) => (
            Exit::CannotCreate,
            "exists",
            "choose another name: a backup is never overwritten",
            None,
        ),
        BackupError::Missing(_) => (Exit::NoInput, "no_such_file", "check the path", None),
        BackupError::Busy(_) => (
            Exit::TryAgain,
            "busy",
            "wait until that has ended, or choose another name",
            None,
        ),
        BackupError::InTheWay(_) => (
            Exit::CannotCreate,
            "in_the_way",
            "see what it is and who made it; remove it, or choose another name",
            None,
        ),
        BackupError::NotAlone { .. } => (
            Exit::BadData,
            "not_alone",
            "that is a database and no backup: make one of it with 'discordctl backup --to FILE \
             --db-url sqlite://PATH', which reads both",
            RUNBOOK,
        ),
        BackupError::Foreign(_) => (
            Exit::BadData,
            "foreign_objects",
            "find out how these came there; if they are yours, add --allow-foreign",
            RUNBOOK,
        ),
        BackupError::Almighty(_) => (
            Exit::NotPermitted,
            "superuser",
            "name a plain role that owns the database in 'db_url'; if you made the dump and \
             nobody else could change it, add --as-superuser",
            RUNBOOK,
        ),
        BackupError::NoSpace { .. } => (
            Exit::CannotCreate,
            "no_space",
            "make room, or choose another disk",
            None,
        ),
        BackupError::NoTool { .. } => (
            Exit::Unavailable,
            "no_tool",
            "install PostgreSQL's client programs of that version, such as postgresql-client-17",
            RUNBOOK,
        ),
        BackupError::Tool { said, .. } if said.contains("No space left") => (
            Exit::CannotCreate,
            "no_space",
            "make room, or choose another disk",
            None,
        ),
        BackupError::Tool { .. } => (
            Exit::Unavailable,
            "tool_failed",
            "what it said tells more; the database is as it was",
            RUNBOOK,
        ),
        BackupError::Corrupt { .. } => (
            Exit::BadData,
            "corrupt",
            "use another backup, and find out what happened to this one",
            RUNBOOK,
        ),
        BackupError::NotEmpty(_) => (
            Exit::CannotCreate,
            "not_empty",
            match config.db_url.file() {
                Some(_) => "add --set-aside, and it gets another name, whole; nothing was changed",
                None => {
                    "restore into a new database, and name that in 'db_url'; nothing was changed"
                }
            },
            RUNBOOK,
        ),
        BackupError::InUse(_) => (
            Exit::TryAgain,
            "in_use",
            "stop the instances of this database first, and try again 10 s later",
            RUNBOOK,
        ),
        BackupError::Differs(_) => (
            Exit::Critical,
            "differs",
            "do not rely on this backup; make another, and look for what is missing",
            RUNBOOK,
        ),
        BackupError::OtherKind { .. } => (
            Exit::Config,
            "db_url",
            "name a database of that kind with --db-url or DISCORDCTL_DB_URL",
            None,
        ),
        BackupError::Io { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => {
            (Exit::BadData, "no_file", "name a backup's file", None)
        }
        BackupError::Io { source, .. } => (
            Exit::from(source),
            "io",
            "see that the path is right, allowed, and has space",
            None,
        ),
    };
    Failure {
        exit,
        code,
        what: format!("cannot {what}"),
        why: match error {
            BackupError::Io { what, source } => format!("{what}: {source}"),
            other => other.to_string(),
        },
        hint: hint.into(),
        runbook,
    }
}
