//! Which users may read and write what.
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::super::finding::{Finding, Verdict};
use super::{Candidate, Plan};
use crate::config::{ArchiveUrl, Config};
use crate::process::Files;

const CHECK: &str = "permissions";
/// What users other than the owner and its group may do.
const OTHERS: u32 = 0o007;

pub(super) fn look(plan: &Plan) -> Vec<Finding> {
    let mut findings: Vec<Finding> = plan.candidates.iter().flat_map(of).collect();
    findings.dedup();
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            "files",
            "what should be private is, and what should be written can be",
        ));
    }
    findings
}

fn of(candidate: &Candidate) -> Vec<Finding> {
    let Ok(config) = &candidate.config else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if let Some(file) = &candidate.file {
        findings.extend(secret(file, config));
    }
    findings.extend(writable(&config.data_dir));
    findings.extend(run_folder(config));
    findings.extend(stored_in(&config.archive.url));
    findings.extend(stored_in(&config.backup.url));
    if let Some(file) = config.db_url.file() {
        findings.extend(database(&file));
        findings.extend(file.parent().and_then(writable));
    }
    findings
}

fn bad(on: &Path, level: Verdict, detail: &str, fix: String) -> Finding {
    Finding::bad(CHECK, on.display().to_string(), level, detail).fix(fix)
}

/// A file with a password in it that others may read.
fn secret(file: &Path, config: &Config) -> Option<Finding> {
    let mode = std::fs::metadata(file).ok()?.mode();
    (config.has_secrets() && mode & OTHERS != 0).then(|| {
        let fix = format!("chmod o= {}", file.display());
        bad(
            file,
            Verdict::Warning,
            "it holds a password, and every user of this machine may read it",
            fix,
        )
    })
}

fn writable(folder: &Path) -> Option<Finding> {
    // `chat.db` is in the folder ``, which is this one.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let there = folder.ancestors().find(|path| path.exists())?;
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .is_err()
        .then(|| {
            let fix = format!(
                "chown it to the user that runs the instances, or make {} writable for it",
                there.display()
            );
            bad(
                folder,
                Verdict::Critical,
                "it cannot be written to by this user",
                fix,
            )
        })
}

fn run_folder(config: &Config) -> Option<Finding> {
    let run = Files::of(config).run;
    let found = std::fs::metadata(&run).ok()?;
    (found.mode() & 0o077 != 0).then(|| {
        let fix = format!("chmod 700 {}", run.display());
        bad(
            &run,
            Verdict::Critical,
            "others may enter the folder through which instances are controlled",
            fix,
        )
    })
}

/// A user that may write there may change what was said, and one that may read there reads every
/// room.
fn database(file: &Path) -> Option<Finding> {
    let fix = format!("chmod o= {0} {0}-wal {0}-shm", file.display());
    open_to_others(file, fix)
}

fn stored_in(url: &ArchiveUrl) -> Option<Finding> {
    let folder = url.path()?;
    open_to_others(folder, format!("chmod -R o= {}", folder.display()))
}

/// What holds what people said, and was made by an older version or opened by hand.
fn open_to_others(path: &Path, fix: String) -> Option<Finding> {
    const WRITE: u32 = 0o002;
    let mode = std::fs::metadata(path).ok()?.mode();
    let (level, detail) = match (mode & WRITE != 0, mode & OTHERS != 0) {
        (true, _) => (
            Verdict::Critical,
            "every user of this machine may change what was said",
        ),
        (false, true) => (
            Verdict::Warning,
            "every user of this machine may read what was said",
        ),
        (false, false) => return None,
    };
    Some(bad(path, level, detail, fix))
}
