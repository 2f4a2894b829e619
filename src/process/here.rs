//! The instances that were started from a folder, whichever data folder each of them has.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Files, Identity, Known, look};

/// An instance that left a record, and has not gone as it should.
#[derive(Debug, Clone)]
pub struct Found {
    pub files: Files,
    pub identity: Identity,
    /// False for one that ended without removing its record, and where another is in its place.
    pub runs: bool,
}

/// Those whose records are below one of `data_dirs`, and on Linux also those that keep their
/// records elsewhere and have `folder` as their working folder. In the order of their names.
pub async fn started_from(folder: &Path, data_dirs: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for run in run_folders(folder, data_dirs) {
        for name in names(&run) {
            let data_dir = run.parent().unwrap_or(Path::new("."));
            found.extend(recorded(Files::named(data_dir, &name)).await);
        }
    }
    found.sort_by(|one, other| one.identity.instance.cmp(&other.identity.instance));
    found
}

/// Processes that hold an instance's lock and have `folder` as their working folder, whether or
/// not there is a record of them. On Linux only.
pub fn lock_holders(folder: &Path) -> Vec<u32> {
    let mut pids: Vec<u32> = of_processes(folder)
        .into_iter()
        .map(|(pid, _)| pid)
        .collect();
    pids.dedup();
    pids
}

async fn recorded(files: Files) -> Option<Found> {
    // What cannot be read, or has no record yet, says nothing of itself.
    let known = look(&files).await.ok()?;
    let runs = known.itself().is_some();
    let identity = match known {
        Known::Running(proof) => proof.identity,
        Known::Dead { identity, .. } | Known::Foreign { identity, .. } => identity,
        Known::Stopped | Known::Starting => return None,
    };
    Some(Found {
        files,
        identity,
        runs,
    })
}

/// Each folder once, though several names lead to it.
fn run_folders(folder: &Path, data_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let configured = data_dirs.iter().map(|dir| dir.join("run"));
    let mut seen = BTreeSet::new();
    let mut first = |run: &PathBuf| {
        let real = std::fs::canonicalize(folder.join(run)).unwrap_or_else(|_| folder.join(run));
        seen.insert(real)
    };
    configured
        .chain(of_processes(folder).into_iter().map(|(_, run)| run))
        .filter(&mut first)
        .collect()
}

/// The names of those that have a record there.
fn names(run: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(run) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".json")?;
            // Other files of that ending belong to a roll, and name no instance.
            let record = Identity::read(&entry.path()).ok()??;
            (record.instance == name).then(|| name.to_owned())
        })
        .collect()
}

/// The folders of the locks that processes with this working folder hold. What a process has
/// open only says where to look: that it is an instance is proved by its lock and record.
#[cfg(target_os = "linux")]
fn of_processes(folder: &Path) -> Vec<(u32, PathBuf)> {
    let (Ok(folder), Ok(processes)) = (std::fs::canonicalize(folder), std::fs::read_dir("/proc"))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let path = process.path();
        let is_here = std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == folder);
        let pid = process
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok());
        let (true, Some(pid)) = (is_here, pid) else {
            continue;
        };
        let open = std::fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let targets = open.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        found.extend(targets.filter_map(|target| {
            let run = target.parent()?;
            // The name of a file that was removed ends otherwise.
            let name = target.file_name()?.to_string_lossy();
            let is_lock = name.trim_end_matches(" (deleted)").ends_with(".lock");
            (is_lock && run.ends_with("run")).then(|| (pid, run.to_owned()))
        }));
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn of_processes(_folder: &Path) -> Vec<(u32, PathBuf)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Config;
    use crate::process::{Claim, Origin};

    #[tokio::test]
    async fn one_is_found_by_its_record_and_by_its_working_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().join("far/away"),
            ..Config::default()
        };
        let claim = Claim::take(&config, Origin::default(), &SystemClock).await;
        let claim = claim.expect("free");
        let names = |found: &[Found]| -> Vec<(String, bool)> {
            let of = |one: &Found| (one.identity.instance.clone(), one.runs);
            found.iter().map(of).collect()
        };
        let one = [("instance-9001".to_owned(), true)];
        let recorded = std::slice::from_ref(&config.data_dir);
        assert_eq!(names(&started_from(folder.path(), recorded).await), one);
        let here = std::env::current_dir().expect("a working folder");
        if cfg!(target_os = "linux") {
            let found = started_from(&here, &[]).await;
            assert!(names(&found).contains(&one[0]), "{found:?}");
        }
        let nowhere = started_from(folder.path(), &["nowhere".into()]).await;
        assert!(nowhere.is_empty(), "{nowhere:?}");
        drop(claim);
        let gone = started_from(folder.path(), recorded).await;
        assert!(gone.is_empty(), "{gone:?}");
    }
}
