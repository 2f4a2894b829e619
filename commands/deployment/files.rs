//! The files of a folder's instances.
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// Where instances are looked for if nothing else says it.
const USUAL: &str = "config";
/// The files of a fresh checkout: examples, until something is changed in them.
const SAMPLES: [&str; 3] = [
    include_str!("../../config/instance1.json"),
    include_str!("../../config/instance2.json"),
    include_str!("../../config/instance3.json"),
];

/// Those of a folder that was named, in order.
pub(crate) fn of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = list(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    if files.is_empty() {
        return Err(Failure::new(
            Exit::NoInput,
            "no_instances",
            format!("there is no instance in {}", folder.display()),
        )
        .why("no file there is called instance*.json")
        .hint("name the folder that holds them, or one file with --config")
        .into());
    }
    Ok(files)
}

/// Those of `config`, which need not be there.
pub(super) fn usual() -> anyhow::Result<Vec<PathBuf>> {
    match list(Path::new(USUAL)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.with_context(|| format!("cannot read {USUAL}")),
    }
}

fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if is_name(&name.to_string_lossy()) {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file may be one of a folder's instances.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with("instance") && name.ends_with(".json")
}

/// Whether these are the samples as they were shipped: they say nothing.
pub(super) fn are_samples(files: &[PathBuf]) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let samples = [SAMPLES.map(parse), SAMPLES.map(parse).map(before)].concat();
    files.iter().all(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let found = parse(&text);
        found.is_some() && samples.contains(&found)
    })
}

/// A sample as it was while these were the defaults: a folder that was never touched since stays one of examples.
fn before(sample: Option<Value>) -> Option<Value> {
    let Some(Value::Object(mut keys)) = sample else {
        return sample;
    };
    keys.retain(|key, _| key != "retention" && key != "thresholds");
    Some(Value::Object(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_before_are_samples() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("instance1.json");
        let were = serde_json::json!({
            "tcp_port": 9001, "http_port": 3001, "instance_id": "instance-1",
            "db_url": "postgresql://localhost:5432/babydiscord", "redis_url": "redis://localhost:6379"
        });
        std::fs::write(&file, were.to_string()).expect("written");
        assert!(are_samples(std::slice::from_ref(&file)));
    }

    #[test]
    fn samples_are_known_until_something_is_changed_in_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("instance1.json");
        std::fs::write(&file, SAMPLES[1]).expect("written");
        assert!(are_samples(std::slice::from_ref(&file)));
        std::fs::write(&file, SAMPLES[1].replace("babydiscord", "chat")).expect("written");
        assert!(!are_samples(std::slice::from_ref(&file)));
        assert!(!are_samples(&[folder.path().join("absent.json")]));
    }
}
