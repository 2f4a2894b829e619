//! How large the embedded database's files are. It has no server that could be asked.
use crate::store::StoreError;
use crate::store::activity::SqliteActivity;
use crate::store::embedded::Embedded;

pub struct Observer(Embedded);

impl Observer {
    pub(in crate::store) fn new(url: &str) -> Result<Self, StoreError> {
        Ok(Self(Embedded::of(url)?))
    }

    pub(in crate::store) fn look(&self) -> Result<SqliteActivity, StoreError> {
        let file = self.0.main();
        let found = std::fs::metadata(file)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", file.display())))?;
        Ok(SqliteActivity {
            file_bytes: found.len(),
            wal_bytes: self.0.log_bytes(),
        })
    }
}
