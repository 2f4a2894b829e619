//! How large the embedded database's files are. It has no server that could be asked.
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

use crate::store::StoreError;
use crate::store::activity::SqliteActivity;

pub struct Observer {
    file: PathBuf,
}

impl Observer {
    pub(in crate::store) fn new(url: &str) -> Result<Self, StoreError> {
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|e: sqlx::Error| StoreError::Unsupported(format!("can't read db_url: {e}")))?;
        Ok(Self {
            file: options.get_filename().to_owned(),
        })
    }

    pub(in crate::store) fn look(&self) -> Result<SqliteActivity, StoreError> {
        let size = |path: &Path| std::fs::metadata(path).map(|file| file.len());
        let file_bytes = size(&self.file).map_err(|error| {
            StoreError::Unavailable(format!("{}: {error}", self.file.display()))
        })?;
        let mut wal = self.file.clone().into_os_string();
        wal.push("-wal");
        Ok(SqliteActivity {
            file_bytes,
            wal_bytes: size(Path::new(&wal)).unwrap_or(0),
        })
    }
}
