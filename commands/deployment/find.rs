//! The rule itself.
use std::path::{Path, PathBuf};

use super::{At, Because, Deployment, Entry, files, running};

/// The deployment, before any of its settings is read.
pub(super) fn find(at: &At) -> anyhow::Result<Deployment> {
    let file = |file: &Path| vec![Entry::of_file(file.to_owned())];
    let folder = |folder: &Path| -> anyhow::Result<Vec<Entry>> {
        let files = files::of(folder)?;
        Ok(files.into_iter().map(Entry::of_file).collect())
    };
    let (entries, because) = if let Some(named) = &at.config {
        (file(named), Because::Flag("--config"))
    } else if let Some(named) = &at.config_dir {
        (folder(named)?, Because::Flag("--config-dir"))
    } else if let Some(named) = variable(CONFIG) {
        (file(&named), Because::Variable(CONFIG))
    } else if let Some(named) = variable(CONFIG_DIR) {
        (folder(&named)?, Because::Variable(CONFIG_DIR))
    } else {
        return here();
    };
    Ok(Deployment { entries, because })
}

const CONFIG: &str = "DISCORDCTL_CONFIG";
const CONFIG_DIR: &str = "DISCORDCTL_CONFIG_DIR";

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// What is to be found where nothing was named.
fn here() -> anyhow::Result<Deployment> {
    let found = running::found()?;
    if !found.is_empty() {
        return Ok(Deployment {
            entries: running::entries(found)?,
            because: Because::Running,
        });
    }
    let usual = files::usual()?;
    let (entries, because) = if usual.is_empty() {
        let alone = Entry {
            file: None,
            found: None,
        };
        (vec![alone], Because::Defaults)
    } else {
        let entries = usual.into_iter().map(Entry::of_file);
        (entries.collect(), Because::Folder)
    };
    Ok(Deployment { entries, because })
}
