//! One instance of a folder: its settings, and where it keeps its files.
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::InstanceError;
use crate::client::Target;
use crate::config::Config;
use crate::model::ListenerKind;
use crate::ops::probe::instance::{Site, target};
use crate::process::{Files, Identity};

/// Beyond what an instance allows itself, before we call it late.
const MARGIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct Place {
    /// `None` for one that was started without: it can be watched and stopped, and only the user who
    /// started it can start it again.
    pub file: Option<PathBuf>,
    pub config: Config,
    pub files: Files,
}

impl Place {
    pub fn new(file: Option<PathBuf>, config: Config) -> Self {
        Self {
            file,
            files: Files::of(&config),
            config,
        }
    }

    /// The file from which another process of it can be started.
    pub fn file(&self) -> Result<&Path, InstanceError> {
        self.file.as_deref().ok_or(InstanceError::NoFile)
    }

    pub fn name(&self) -> &str {
        &self.config.instance_id
    }

    /// Where it answers HTTP, by what it says of itself.
    pub(super) fn http(&self, identity: &Identity) -> Target {
        let open = identity.listeners.first_of(&ListenerKind::OF_HTTP);
        target(&self.config, open.as_ref()).unwrap_or_else(|| Site::of(&self.config).http)
    }

    /// How long it may take to become ready: it waits for its database so long.
    pub fn start_within(&self) -> Duration {
        self.config.db_wait.get() + MARGIN
    }

    /// How long a drain may take, by its settings.
    pub fn stop_within(&self) -> Duration {
        self.config.drain.delay.get() + self.config.drain.deadline.get() + MARGIN
    }
}
