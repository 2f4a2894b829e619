//! What can go wrong with the database, by what the caller can do about it.

use super::pg_url::POOLED;

/// Why a call to the store failed. The texts hold no password and no content.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Too many wait already, or it and another waited for each other; try again shortly. Nothing happened.
    #[error("the database is busy")]
    Busy,
    /// Another process has the embedded one, and did not let go of it in time. Nothing happened.
    #[error("the database is in use: {0}")]
    Locked(String),
    /// It cannot be reached or did not answer in time. Nothing happened.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The connection broke while the commit was under way: it may or may not have happened.
    #[error("the database went away during a commit: {0}")]
    Unknown(String),
    /// No room to write. Nothing happened.
    #[error("the database has no space left to write: {0}")]
    Full(String),
    /// There is no file of that name.
    #[error("{0}")]
    Missing(String),
    /// What is there is no database, or a damaged one.
    #[error("{0}")]
    Damaged(String),
    /// This user may not do that with it, or its disk cannot be written to.
    #[error("{0}")]
    NotAllowed(String),
    /// Its files were taken away or replaced while they were open. Nothing is written any more.
    #[error("{0}; nothing is written until it is back in its place, or the instance is restarted")]
    Gone(String),
    /// The schema does not fit this program.
    #[error("{0}")]
    Schema(String),
    /// The URL names something this program cannot open.
    #[error("{0}")]
    Unsupported(String),
    /// The database refused what should have worked.
    #[error("the database refused: {0}")]
    Refused(String),
}

/// Why one draft of a batch was not stored, while its neighbours were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the room is gone")]
    NoSuchRoom,
    #[error("the user is gone")]
    NoSuchUser,
    #[error("the message is gone")]
    NoSuchMessage,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable("no connection came free in time".into())
            }
            sqlx::Error::Database(e) => database(e.as_ref()),
            sqlx::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => {
                Self::Full(e.to_string())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// Sorts a server's own error by its code: SQLite's extended result codes
/// (<https://www.sqlite.org/rescode.html>), PostgreSQL's SQLSTATE classes.
fn database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let text = error.message().to_owned();
    match code.as_ref() {
        // SQLITE_FULL; SQLITE_IOERR_SHMSIZE, of the memory that its users share.
        "13" | "4874" | "53100" => StoreError::Full(text),
        // SQLITE_BUSY and SQLITE_LOCKED.
        sqlite if is_sqlite_kind(sqlite, &[5, 6]) => StoreError::Locked(text),
        // SQLITE_IOERR and SQLITE_CANTOPEN in all their kinds.
        sqlite if is_sqlite_kind(sqlite, &[10, 14]) => StoreError::Unavailable(text),
        // SQLITE_CORRUPT and SQLITE_NOTADB.
        sqlite if is_sqlite_kind(sqlite, &[11, 26]) => {
            StoreError::Damaged(format!("the database is damaged: {text}"))
        }
        // SQLITE_PERM, SQLITE_READONLY and SQLITE_AUTH.
        sqlite if is_sqlite_kind(sqlite, &[3, 8, 23]) => {
            StoreError::NotAllowed(format!("the database cannot be written to: {text}"))
        }
        // A prepared statement that is not there, or was there before.
        "26000" | "42P05" => {
            StoreError::Unsupported(format!("cannot use db_url: {POOLED} ({text})"))
        }
        // Two transactions waited for each other, and this one was ended.
        "40001" | "40P01" => StoreError::Busy,
        "25006" => StoreError::Unavailable(format!("it takes no writes: {text}")),
        // The role may not do it, or not even log in.
        state if state == "42501" || state.len() == 5 && state.starts_with("28") => {
            StoreError::NotAllowed(format!("the database does not allow it: {text}"))
        }
        // Damaged data or indexes.
        state if state.len() == 5 && state.starts_with("XX") => {
            StoreError::Damaged(format!("the database is damaged: {text}"))
        }
        state
            if ["08", "53", "57"]
                .iter()
                .any(|class| state.len() == 5 && state.starts_with(class)) =>
        {
            StoreError::Unavailable(text)
        }
        _ => StoreError::Refused(text),
    }
}

fn is_sqlite_kind(code: &str, kinds: &[u32]) -> bool {
    code.len() < 5
        && code
            .parse::<u32>()
            .is_ok_and(|n| kinds.contains(&(n & 0xff)))
}
