//! Which deployment a command is about: one rule, in this order.
//!
//! 1. `--config` and `--config-dir`, and `--db-url` where a command has it;
//! 2. `DISCORDCTL_CONFIG`, `DISCORDCTL_CONFIG_DIR` and `DISCORDCTL_DB_URL`;
//! 3. the instances that run from this folder, as their own records say;
//! 4. `config/instance*.json`;
//! 5. the defaults.
//!
//! Every command says on stderr which it took, and why.
mod claims;
mod database;
mod files;
mod find;
mod fleet;
mod running;

use std::path::PathBuf;

use clap::Args;
use discordctl::config::Loaded;
use discordctl::ops::finding::Finding;
use discordctl::ops::instances::Place;
use discordctl::process::Found;

use crate::failure::Failure;
use crate::settings;

pub(crate) use database::{DatabaseSettings, Doubt};
pub(crate) use fleet::{Fleet, Twice};

/// What a command line can say of it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct At {
    /// One instance by its file of settings [env: DISCORDCTL_CONFIG]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "config_dir"
    )]
    pub(crate) config: Option<PathBuf>,
    /// The instances of a folder, its instance*.json [env: DISCORDCTL_CONFIG_DIR]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) config_dir: Option<PathBuf>,
}

impl At {
    /// Writes the commands that mend something as they are to be typed to mean the same instance.
    pub(crate) fn complete(&self, checks: &mut [Finding]) {
        let Some(file) = &self.config else {
            return;
        };
        for fix in checks.iter_mut().filter_map(|check| check.fix.as_mut()) {
            for command in ["discordctl migrate up", "discordctl migrate repair"] {
                *fix = fix.replace(command, &format!("{command} --config {}", file.display()));
            }
        }
    }
}

/// Why it is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    Flag(&'static str),
    Variable(&'static str),
    /// Instances run from this folder, or did and left their records.
    Running,
    Folder,
    Defaults,
}

impl Because {
    /// Whether the operator named it, or it was only found.
    fn is_named(self) -> bool {
        matches!(self, Self::Flag(_) | Self::Variable(_))
    }
}

/// One instance of it, before its settings are read.
#[derive(Debug, Clone)]
struct Entry {
    file: Option<PathBuf>,
    found: Option<Found>,
}

impl Entry {
    fn of_file(file: PathBuf) -> Self {
        Self {
            file: Some(file),
            found: None,
        }
    }

    fn runs(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.runs)
    }

    /// What a running instance says of itself beats its file, which may have changed since.
    fn load(&self) -> Result<Loaded, Failure> {
        let told = self.found.as_ref().and_then(running::settings);
        match told {
            Some(config) => Ok(Loaded::told(config)),
            None => settings::of(self.file.as_deref()),
        }
    }

    fn place(self) -> Result<Place, Failure> {
        let config = self.load()?.config;
        Ok(Place::new(self.file, config))
    }

    /// How it is called in a sentence.
    fn shown(&self) -> String {
        match (&self.file, &self.found) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(found)) => found.identity.instance.clone(),
            (None, None) => "the instance of 'discordctl serve' alone".into(),
        }
    }
}

#[derive(Debug)]
struct Deployment {
    entries: Vec<Entry>,
    because: Because,
}

impl Deployment {
    /// What it is and why, as the end of a sentence.
    fn told(&self) -> String {
        let shown: Vec<String> = self.entries.iter().map(Entry::shown).collect();
        let what = shown.join(", ");
        let names = self.entries.iter().filter(|entry| entry.runs());
        let names = names.filter_map(|entry| Some(&*entry.found.as_ref()?.identity.instance));
        let running: Vec<&str> = names.collect();
        match self.because {
            Because::Flag(name) | Because::Variable(name) => format!("{what}, named by {name}"),
            Because::Running if running.is_empty() => {
                format!("{what}: it ran from this folder, and left its record")
            }
            Because::Running if running.len() == shown.len() => {
                let verb = if shown.len() == 1 { "runs" } else { "run" };
                format!("{what}, which {verb} from this folder")
            }
            Because::Running => {
                format!("{what}, of which from this folder: {}", running.join(", "))
            }
            Because::Folder => format!("{what}; nothing runs from this folder"),
            Because::Defaults => "the defaults: nothing runs from this folder, and there is no \
                 config/instance*.json"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use discordctl::ops::finding::Verdict;

    #[test]
    fn what_mends_a_schema_is_said_for_the_file_that_was_given() {
        let fix = "discordctl migrate repair, then discordctl migrate up";
        let mut checks = [Finding::bad("schema", "a", Verdict::Critical, "dirty").fix(fix)];
        At::default().complete(&mut checks);
        assert_eq!(checks[0].fix.as_deref(), Some(fix));
        let at = At {
            config: Some("one.json".into()),
            config_dir: None,
        };
        at.complete(&mut checks);
        let typed = "discordctl migrate repair --config one.json, then \
                     discordctl migrate up --config one.json";
        assert_eq!(checks[0].fix.as_deref(), Some(typed));
    }
}
