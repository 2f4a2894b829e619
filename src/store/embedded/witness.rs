//! Which files a process has open, by what no name tells: so it notices that they were taken away
//! or replaced, instead of writing on into files that have no name any more.
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::{BESIDE, Embedded};
use crate::store::StoreError;

type Id = (u64, u64);

/// What was there when the database was opened.
#[derive(Debug, Clone)]
pub(in crate::store) struct Witness {
    main: (PathBuf, Id),
    beside: Vec<(PathBuf, Id)>,
}

impl Witness {
    /// Looks at the files of a database that this process has open.
    pub(in crate::store) fn of(database: &Embedded) -> Result<Self, StoreError> {
        let main = database.main().to_owned();
        let id = id(&main).map_err(|error| gone(&main, &error))?;
        let beside = BESIDE.into_iter().map(|suffix| database.beside(suffix));
        let there = beside.filter_map(|file| Some((file.clone(), self::id(&file).ok()?)));
        Ok(Self {
            main: (main, id),
            beside: there.collect(),
        })
    }

    /// Fails where the main file is not where it was.
    pub(in crate::store) fn main(&self) -> Result<(), StoreError> {
        same(&self.main)
    }

    /// Fails where any of them is not.
    pub(in crate::store) fn all(&self) -> Result<(), StoreError> {
        self.main()?;
        self.beside.iter().try_for_each(same)
    }
}

fn same((path, was): &(PathBuf, Id)) -> Result<(), StoreError> {
    match id(path) {
        Ok(is) if is == *was => Ok(()),
        Ok(_) => Err(StoreError::Gone(format!(
            "another file was put in the place of {} while it was open",
            path.display()
        ))),
        Err(error) => Err(gone(path, &error)),
    }
}

fn id(path: &PathBuf) -> io::Result<Id> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn gone(path: &std::path::Path, error: &io::Error) -> StoreError {
    let path = path.display();
    StoreError::Gone(match error.kind() {
        io::ErrorKind::NotFound => format!("{path} was taken away while it was open"),
        _ => format!("{path} cannot be looked at any more: {error}"),
    })
}
