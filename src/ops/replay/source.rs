//! Where documents come from: files here, or the archive.
use std::io;
use std::path::{Path, PathBuf};

use super::error::ReplayError;
use crate::archive::{Destination, Entry, LEDGER, Manifest, Stored};
use crate::regular;

/// A document that was named.
#[derive(Debug, Clone)]
pub enum Source {
    File(PathBuf),
    Archived(Destination, Box<Entry>),
}

impl Source {
    pub(super) fn path(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Archived(_, entry) => entry.path.clone(),
        }
    }

    /// Opens it, to be read where blocking is allowed.
    pub(super) async fn open(&self) -> Result<Stored, ReplayError> {
        let path = self.path();
        match self {
            Self::File(file) => match regular::open(file) {
                Ok(file) => Ok(Stored::new(&path, Box::new(file))),
                Err(source) => Err(ReplayError::Unreadable { path, source }),
            },
            Self::Archived(archive, entry) => {
                let stored = archive.read(&entry.path).await?;
                stored.ok_or(ReplayError::NotFound(path))
            }
        }
    }

    /// What a manifest says of it, where it has one.
    pub(super) fn expected(&self) -> Result<Option<Entry>, ReplayError> {
        match self {
            Self::Archived(_, entry) => Ok(Some((**entry).clone())),
            Self::File(file) => beside(file),
        }
    }
}

/// The entry for `file` in a manifest above it.
fn beside(file: &Path) -> Result<Option<Entry>, ReplayError> {
    let Ok(file) = std::path::absolute(file) else {
        return Ok(None);
    };
    for folder in file.ancestors().skip(1) {
        let (Ok(manifest), Ok(name)) = (
            regular::open(&folder.join("manifest.json")),
            file.strip_prefix(folder),
        ) else {
            continue;
        };
        let name = name.to_string_lossy();
        match Manifest::find(manifest, &name) {
            Ok(Some(entry)) => return Ok(Some(entry)),
            Ok(None) => {}
            // Other things are called so too; above an archive's own folder it must be good.
            Err(_) if !name.starts_with("rooms/") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The documents that `name` means: a file here, all in a folder here, or what the archive has
/// under that name.
pub async fn find(name: &str, archive: &Destination) -> Result<Vec<Source>, ReplayError> {
    let path = Path::new(name);
    let unreadable = |source| ReplayError::Unreadable {
        path: name.to_owned(),
        source,
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let mut files = Vec::new();
            collect(path, &mut files).map_err(unreadable)?;
            files.sort();
            if files.is_empty() {
                return Err(ReplayError::NotFound(format!("{name}/**.json")));
            }
            Ok(files.into_iter().map(Source::File).collect())
        }
        // What is no file is told when it is opened.
        Ok(_) => Ok(vec![Source::File(path.to_owned())]),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unreadable(error)),
        Err(_) => {
            let manifest = Manifest::load(archive).await?;
            let folder = format!("{}/", name.trim_end_matches('/'));
            let meant = |entry: &&Entry| entry.path == name || entry.path.starts_with(&folder);
            let found: Vec<_> = manifest.entries().iter().filter(meant).collect();
            if found.is_empty() {
                return Err(ReplayError::NotFound(name.to_owned()));
            }
            let source = |entry: &Entry| Source::Archived(archive.clone(), Box::new(entry.clone()));
            Ok(found.into_iter().map(source).collect())
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if name != "manifest.json"
            && name != LEDGER
            && (name.ends_with(".json") || name.ends_with(".json.zst"))
        {
            files.push(path);
        }
    }
    Ok(())
}
