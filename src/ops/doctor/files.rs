//! Which users may read and write what.
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::super::finding::{Finding, Verdict};
use super::{Candidate, Plan};
use crate::config::{ArchiveUrl, Config};
use crate::private;
use crate::process::{Files, kept};
use crate::store::embedded::Embedded;

const CHECK: &str = "permissions";
/// What users other than the owner and its group may do.
const OTHERS: u32 = 0o007;
/// To write, for a group and for others.
const WRITE: u32 = 0o022;

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
    let run = Files::of(config).run;
    let kept = kept(config).into_iter().filter(|path| *path != run);
    findings.extend(kept.filter_map(|path| open_to_others(&path)));
    findings.extend(anyone_may_put_in(&config.archive.url));
    findings.extend(anyone_may_put_in(&config.backup.url));
    if let Some(file) = config.db_url.file() {
        let files = Embedded::at(&file).files();
        findings.extend(files.iter().filter_map(|file| open_to_others(file)));
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

/// What holds what people said, and was made by an older version or opened by hand. A user that may
/// write there may change it, and one that may read there reads every room.
fn open_to_others(path: &Path) -> Option<Finding> {
    let open = private::open_to_others(path)?;
    let (level, detail) = if open & WRITE != 0 {
        (
            Verdict::Critical,
            "other users of this machine may change what was said",
        )
    } else {
        (
            Verdict::Warning,
            "other users of this machine may read what was said",
        )
    };
    let chmod = if path.is_dir() { "chmod -R" } else { "chmod" };
    let fix = format!("{chmod} go= {}", path.display());
    Some(bad(path, level, detail, fix))
}

/// What is put in a folder can be read as ours.
fn anyone_may_put_in(url: &ArchiveUrl) -> Option<Finding> {
    let folder = url.path()?;
    let mode = std::fs::metadata(folder).ok()?.mode();
    (mode & OTHERS & WRITE != 0).then(|| {
        let fix = format!("chmod o-w {}", folder.display());
        let detail = "every user of this machine may put files there, or take some away";
        bad(folder, Verdict::Critical, detail, fix)
    })
}
