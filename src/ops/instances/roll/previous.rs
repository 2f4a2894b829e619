//! The binary that runs, kept startable though the file on disk was replaced since.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::Place;
use crate::private;
use crate::process::{Executable, Identity};

fn kept(place: &Place) -> PathBuf {
    place.files.identity.with_extension("previous")
}

/// Where the binary that `identity` runs can be started from again: where it lies, or a copy of
/// it taken from the kernel, which holds it as long as it runs.
pub(super) fn keep(place: &Place, identity: &Identity) -> io::Result<PathBuf> {
    let Some(runs) = &identity.facts.executable else {
        // Without `/proc` there is only the path.
        return std::env::current_exe();
    };
    if is_at(runs, &runs.path) {
        return Ok(runs.path.clone());
    }
    let (path, new) = (
        kept(place),
        place.files.identity.with_extension("previous.new"),
    );
    let runs = format!("/proc/{}/exe", identity.pid);
    private::copy_program(Path::new(&runs), &new)?;
    fs::rename(&new, &path)?;
    Ok(path)
}

/// Where what an instance ran before the roll can be started from, if it is still anywhere.
pub(super) fn find(place: &Place, ran: Option<&Executable>) -> Option<PathBuf> {
    let on_disk = ran.filter(|ran| is_at(ran, &ran.path));
    let path = on_disk.map_or_else(|| kept(place), |ran| ran.path.clone());
    path.exists().then_some(path)
}

/// Removes the copy, unless it is what runs.
pub(super) fn discard(place: &Place) {
    let path = kept(place);
    let running = Identity::read(&place.files.identity).ok().flatten();
    let runs = running.and_then(|identity| identity.facts.executable);
    if !runs.is_some_and(|runs| is_at(&runs, &path)) {
        // One that stays costs only its space, and the next roll writes over it.
        let _ = fs::remove_file(path);
    }
}

fn is_at(executable: &Executable, path: &Path) -> bool {
    Executable::at(path).is_ok_and(|found| found == *executable)
}
