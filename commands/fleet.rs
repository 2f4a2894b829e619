//! The instances of a folder: every `instance*.json` in it, or those named.
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use discordctl::config::Config;
use discordctl::ops::doctor::Candidate;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings;

/// Where instances are looked for.
const USUAL: &str = "config";

/// Which instances a command is about.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// Only these, by instance id [default: all of the folder]
    #[arg(value_name = "INSTANCE")]
    pub(crate) instances: Vec<String>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// Where the instances are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Folder {
    /// Folder whose instance*.json are the instances
    #[arg(
        long,
        value_name = "FOLDER",
        env = "DISCORDCTL_CONFIG_DIR",
        default_value = USUAL
    )]
    pub(crate) config_dir: PathBuf,
}

/// An instance of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) file: PathBuf,
    pub(crate) config: Config,
}

impl Folder {
    /// All instances of the folder, in the order of their files.
    pub(crate) fn members(&self) -> anyhow::Result<Vec<Member>> {
        let mut members = Vec::new();
        for file in files(&self.config_dir)? {
            let config = settings::of_file(&file)?.config;
            members.push(Member { file, config });
        }
        Ok(members)
    }
}

impl Fleet {
    /// Nothing was named, and what is looked at then is not there.
    fn is_nowhere(&self) -> bool {
        let folder = &self.folder.config_dir;
        folder == Path::new(USUAL) && self.instances.is_empty() && !folder.exists()
    }

    /// Those asked for, in the order of their files.
    pub(crate) fn members(&self) -> anyhow::Result<Vec<Member>> {
        let mut members = self.folder.members()?;
        let unknown = self
            .instances
            .iter()
            .find(|name| members.iter().all(|m| m.config.instance_id != **name));
        if let Some(name) = unknown {
            let known: Vec<_> = members
                .iter()
                .map(|m| m.config.instance_id.as_str())
                .collect();
            return Err(Failure {
                exit: Exit::NoInput,
                code: "no_such_instance",
                what: format!("there is no instance '{name}'"),
                why: format!(
                    "{} has {}",
                    self.folder.config_dir.display(),
                    known.join(", ")
                ),
                hint: "name one of those, or none for all".into(),
                runbook: None,
            }
            .into());
        }
        if !self.instances.is_empty() {
            members.retain(|m| self.instances.contains(&m.config.instance_id));
        }
        Ok(members)
    }
}

/// One instance by its file, for commands that also serve where there is no folder.
#[derive(Debug, Default, Args)]
pub(crate) struct Alone {
    /// One instance by its file, in place of a folder
    #[arg(
        long,
        value_name = "FILE",
        env = "DISCORDCTL_CONFIG",
        hide_env_values = true,
        conflicts_with = "instances"
    )]
    config: Option<PathBuf>,
}

impl Alone {
    /// Those of the file or the folder. Where neither was named and no folder is there, the one
    /// that `discordctl serve` would be.
    pub(crate) fn configs(&self, fleet: &Fleet) -> anyhow::Result<Vec<Config>> {
        if let Some(file) = &self.config {
            return Ok(vec![settings::of_file(file)?.config]);
        }
        if fleet.is_nowhere() {
            return Ok(vec![settings::of(None)?.config]);
        }
        let members = fleet.members()?.into_iter();
        Ok(members.map(|member| member.config).collect())
    }

    /// The same, for whoever looks at wrong ones too.
    pub(crate) fn candidates(&self, fleet: &Fleet) -> anyhow::Result<Vec<Candidate>> {
        let found = match &self.config {
            Some(file) => vec![Some(file.clone())],
            None if fleet.is_nowhere() => vec![None],
            None => files(&fleet.folder.config_dir)?
                .into_iter()
                .map(Some)
                .collect(),
        };
        let mut candidates: Vec<Candidate> = found.into_iter().map(candidate).collect();
        if !fleet.instances.is_empty() {
            // One that can't be read may be any of those that were named.
            candidates.retain(|candidate| match &candidate.config {
                Ok(config) => fleet.instances.contains(&config.instance_id),
                Err(_) => true,
            });
        }
        Ok(candidates)
    }
}

fn candidate(file: Option<PathBuf>) -> Candidate {
    let loaded = match &file {
        Some(file) => settings::of_file(file),
        None => settings::of(None),
    };
    let (config, warnings) = match loaded {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            (Ok(loaded.config), warnings)
        }
        Err(failure) => (Err(failure.why), Vec::new()),
    };
    Candidate {
        file,
        config,
        warnings,
    }
}

/// The files of a folder's instances, in order.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let name = entry.with_context(context)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("instance") && name.ends_with(".json") {
            files.push(folder.join(name));
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure {
            exit: Exit::NoInput,
            code: "no_instances",
            what: format!("there is no instance in {}", folder.display()),
            why: "no file there is called instance*.json".into(),
            hint: "name the folder that holds them, or one file with --config".into(),
            runbook: None,
        }
        .into());
    }
    Ok(files)
}
