//! What the machine gives: space, and where the files lie.
use std::path::Path;

use super::super::finding::{Finding, Verdict};
use crate::config::{Config, Level};
use crate::process::disk::{self, Disk};
use crate::process::{Files, Known, look as look_at};

pub(super) async fn look(configs: &[&Config]) -> Vec<Finding> {
    let mut folders: Vec<_> = configs
        .iter()
        .flat_map(|config| disk::folders(config))
        .collect();
    folders.sort();
    folders.dedup();
    let mut findings: Vec<Finding> = folders.iter().filter_map(|folder| space(folder)).collect();
    let mut data: Vec<&Path> = configs.iter().map(|c| c.data_dir.as_path()).collect();
    data.sort();
    data.dedup();
    for folder in data {
        findings.extend(strangers(folder, configs).await);
    }
    findings
}

fn space(folder: &Path) -> Option<Finding> {
    const CHECK: &str = "disk";
    let disk = Disk::of(folder)?;
    let detail = format!("{} MiB are free", disk.free_bytes >> 20);
    let on = folder.display().to_string();
    Some(match disk.state {
        Level::Ok => Finding::ok(CHECK, on, detail),
        level => Finding::bad(CHECK, on, Verdict::from(level), detail)
            .fix("make room, or move 'data_dir' and an embedded database to a larger disk"),
    })
}

/// Files in `run/` of instances that no configuration knows.
async fn strangers(data_dir: &Path, configs: &[&Config]) -> Vec<Finding> {
    let Ok(entries) = std::fs::read_dir(data_dir.join("run")) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(instance) = name.strip_suffix(".json") else {
            continue;
        };
        if configs.iter().any(|config| config.instance_id == instance) {
            continue;
        }
        let files = Files::named(data_dir, instance);
        if let Ok(Known::Dead { .. }) = look_at(&files).await {
            let detail = "a file of an instance that is gone, and in no configuration";
            let fix = format!("rm {}", files.identity.display());
            findings
                .push(Finding::bad("instance files", instance, Verdict::Warning, detail).fix(fix));
        }
    }
    findings
}
