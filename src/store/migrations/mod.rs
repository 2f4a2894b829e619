//! The schema, step by step: the files of `migrations/`, embedded and run by refinery.
pub(super) mod sqlite;

/// Where refinery keeps what was applied.
const HISTORY: &str = "schema_migrations";
