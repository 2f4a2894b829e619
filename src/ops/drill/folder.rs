//! A temporary folder that goes with the drill.
use std::fs;
use std::path::PathBuf;

use super::error::DrillError;
use crate::private;
use crate::random;

pub(super) struct Folder(PathBuf);

impl Folder {
    /// Others may pass through, because PostgreSQL is another user when root starts it.
    pub(super) fn make() -> Result<Self, DrillError> {
        let path = std::env::temp_dir().join(format!("discordctl-drill-{:08x}", random()?));
        private::new_passage(&path).map_err(DrillError::io("make", &path))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn random() -> Result<u32, DrillError> {
    let bytes = random::bytes().map_err(|source| DrillError::Io {
        what: "no random numbers".into(),
        source,
    })?;
    Ok(u32::from_be_bytes(bytes))
}
