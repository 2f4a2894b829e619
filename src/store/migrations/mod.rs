//! The schema, step by step: the files of `migrations/`, embedded and run by refinery.
use super::StoreError;

pub(super) mod sqlite;

/// Where refinery keeps what was applied.
const HISTORY: &str = "schema_migrations";

/// What was applied to a PostgreSQL database: each version, and the oldest that a program may
/// know to work with it.
pub(super) const APPLIED: &str = "SELECT m.version, coalesce(s.floor, m.version)
    FROM schema_migrations m LEFT JOIN schema_steps s ON s.version = m.version";

/// The version that this program needs.
const NEEDED: i32 = 1;

/// Whether this program can work with what was applied.
pub(super) fn fits(applied: Result<Vec<(i32, i32)>, StoreError>) -> Result<(), StoreError> {
    let applied = match applied {
        // No such table: nothing was applied.
        Err(StoreError::Refused(_)) => Vec::new(),
        applied => applied?,
    };
    let at = applied
        .iter()
        .map(|(version, _)| *version)
        .max()
        .unwrap_or(0);
    let floor = applied.iter().map(|(_, floor)| *floor).max().unwrap_or(0);
    if at < NEEDED {
        return Err(StoreError::Schema(format!(
            "the database is at version {at}, this program needs {NEEDED}: run `discordctl migrate up`"
        )));
    }
    if floor > NEEDED {
        return Err(StoreError::Schema(format!(
            "the database is at version {at}, for programs that know {floor} or newer; \
             this one knows {NEEDED}: use a newer discordctl"
        )));
    }
    Ok(())
}
