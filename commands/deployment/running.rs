//! The instances that run from this folder, and the settings that they have.
use std::path::{Path, PathBuf};
use std::time::Duration;

use discordctl::config::{self, Config, Sources};
use discordctl::model::ListenerKind;
use discordctl::process::control::{self, Request};
use discordctl::process::{Files, Found, started_from};

use super::{Entry, files};
use crate::runtime::block_on;
use crate::settings;

/// One that is alive answers sooner, and one that is not must not hold up the command that looks at it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Those whose records are in the data folder that variables and defaults name, and those whose
/// working folder this is.
pub(super) fn found() -> anyhow::Result<Vec<Found>> {
    let (folder, data_dir) = (here(), settings::of(None)?.config.data_dir);
    let found = started_from(&folder, std::slice::from_ref(&data_dir));
    block_on(found)
}

/// The instances that they are, with all others of the folders that their files are in.
pub(super) fn entries(mut found: Vec<Found>) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for folder in folders(&found)? {
        for file in files::of(&folder)? {
            let its_own = |found: &Found| is_of(found, &file);
            let found = found.iter().position(its_own).map(|at| found.remove(at));
            entries.push(Entry {
                file: Some(file),
                found,
            });
        }
    }
    entries.extend(found.into_iter().map(|found| Entry {
        file: file_of(&found),
        found: Some(found),
    }));
    Ok(entries)
}

/// Those of the files with which they were started, and `config` if one of them is named there.
fn folders(found: &[Found]) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = found.iter().filter_map(folder_of).collect();
    let usual = files::usual()?;
    let named = |file: &PathBuf| found.iter().any(|found| is_of(found, file));
    if let Some(file) = usual.iter().find(|file| named(file)) {
        folders.extend(file.parent().map(Path::to_owned));
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

/// Whether that is its file: it was started with it, or the two have one name and one place.
fn is_of(found: &Found, file: &Path) -> bool {
    match &found.identity.config {
        Some(own) => **own == *absolute(file),
        None => settings::of(Some(file)).is_ok_and(|loaded| {
            let (said, own) = (Files::of(&loaded.config).identity, &found.files.identity);
            absolute(&said) == absolute(own)
        }),
    }
}

/// The file that it was started with, as it is called from here, if that is still there.
fn file_of(found: &Found) -> Option<PathBuf> {
    let file = found.identity.config.as_ref()?;
    let shown = file.strip_prefix(here()).unwrap_or(file);
    file.exists().then(|| shown.to_owned())
}

/// The folder of that file, if others in it are instances too.
fn folder_of(found: &Found) -> Option<PathBuf> {
    let file = file_of(found)?;
    let folder = file.parent()?;
    let is_one = files::is_name(&file.file_name()?.to_string_lossy());
    (is_one && !folder.as_os_str().is_empty()).then(|| folder.to_owned())
}

/// What it runs with. `None` where it does not tell, and its file has to.
pub(super) fn settings(found: &Found) -> Option<Config> {
    let record = &found.identity;
    let mut config = if record.hides_secrets {
        told(found).or_else(|| recorded(found).filter(|_| record.config.is_none()))
    } else {
        recorded(found)
    }?;
    if let Some(folder) = record.folder.as_ref().filter(|folder| **folder != here()) {
        config = config.anchored(folder);
    }
    // Where its record was found: a path through another folder may lead to the same.
    config.data_dir = found.files.run.parent().unwrap_or(Path::new("")).to_owned();
    let port = |kind| record.listeners.port(kind);
    for (port, said) in [
        (&mut config.tcp_port, port(ListenerKind::Lines)),
        (&mut config.http_port, port(ListenerKind::Http)),
        (&mut config.tls.tcp_port, port(ListenerKind::TlsLines)),
        (&mut config.tls.https_port, port(ListenerKind::Https)),
    ] {
        // 0 was any free one, and now it is this.
        if *port == Some(0) {
            *port = said.or(*port);
        }
    }
    Some(config)
}

/// By itself, with its passwords: only its user can ask.
fn told(found: &Found) -> Option<Config> {
    let asking = control::ask_within(&found.files, &Request::Settings {}, ANSWERS_WITHIN);
    let told: control::Settings = block_on(asking).ok()?.ok()?;
    let loaded = config::load(Sources {
        file: None,
        env: told.variables,
        overrides: Vec::new(),
    });
    Some(loaded.ok()?.config)
}

/// By its record, passwords hidden.
fn recorded(found: &Found) -> Option<Config> {
    let shown = found.identity.settings.as_ref()?;
    config::of_record(&found.files.identity, shown).ok()
}

pub(super) fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}
