//! The instances of a deployment: all of them, or those that were named.
use clap::Args;
use discordctl::config::Config;
use discordctl::ops::doctor::Candidate;
use discordctl::ops::instances::Place;
use discordctl::process::{Files, Known, lock_holders, look, owner};

use super::{At, Because, Deployment, Entry, files, find, running};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::runtime::block_on;

/// Which instances a command is about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Fleet {
    /// Only these, by instance id [default: all of the deployment]
    #[arg(value_name = "INSTANCE", conflicts_with = "config")]
    pub(crate) instances: Vec<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do where two files are of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twice {
    /// To begin anything with that would be wrong.
    Refuse,
    /// Count it once, and say so.
    Warn,
}

impl Fleet {
    /// All instances of the deployment, whatever was named, in the order of their files.
    pub(crate) fn all(&self, twice: Twice, output: &Output) -> anyhow::Result<Vec<Place>> {
        let deployment = self.deployment(output)?;
        let mut members = Vec::new();
        for entry in deployment.entries {
            members.push(entry.place()?);
        }
        once(&mut members, twice, output)?;
        Ok(members)
    }

    /// Those asked for.
    pub(crate) fn members(&self, twice: Twice, output: &Output) -> anyhow::Result<Vec<Place>> {
        let mut members = self.all(twice, output)?;
        if !self.instances.is_empty() {
            self.know_all(&members)?;
            members.retain(|member| self.instances.contains(&member.config.instance_id));
        }
        Ok(members)
    }

    /// The settings of those asked for, one of which at least is or was there.
    pub(crate) fn configs(&self, output: &Output) -> anyhow::Result<Vec<Config>> {
        let members = self.members(Twice::Warn, output)?.into_iter();
        Ok(members.map(|member| member.config).collect())
    }

    /// The same for commands that look at wrong ones too.
    pub(crate) fn candidates(&self, output: &Output) -> anyhow::Result<Vec<Candidate>> {
        let entries = self.deployment(output)?.entries;
        let mut candidates: Vec<Candidate> = entries.into_iter().map(candidate).collect();
        if !self.instances.is_empty() {
            // One that cannot be read may be any of those that were named.
            candidates.retain(|candidate| match &candidate.config {
                Ok(config) => self.instances.contains(&config.instance_id),
                Err(_) => true,
            });
        }
        Ok(candidates)
    }

    /// What the rule finds, and instances of `config` beside it that were named.
    fn deployment(&self, output: &Output) -> anyhow::Result<Deployment> {
        let mut deployment = find::find(&self.at)?;
        if deployment.because == Because::Running && !self.instances.is_empty() {
            let known = |entry: &Entry| {
                let place = entry.clone().place();
                place.is_ok_and(|place| self.instances.contains(&place.config.instance_id))
            };
            let known = deployment.entries.iter().filter(|entry| known(entry));
            if known.count() < self.instances.len() {
                let beside = files::usual()?.into_iter().filter(|file| {
                    let is_it = |entry: &Entry| entry.file.as_ref() == Some(file);
                    !deployment.entries.iter().any(is_it)
                });
                let beside: Vec<Entry> = beside.map(Entry::of_file).collect();
                deployment.entries.extend(beside);
            }
        }
        output.note(&format!("deployment: {}", deployment.told()));
        Ok(deployment)
    }

    /// Whether no instance is or was here, and none is configured: then this says so, and the
    /// way on.
    pub(crate) fn nothing(&self) -> anyhow::Result<Option<Failure>> {
        let deployment = find::find(&self.at)?;
        let (Because::Defaults, [alone]) = (deployment.because, &deployment.entries[..]) else {
            return Ok(None);
        };
        let holders = lock_holders(&running::here());
        if let Some(pid) = holders.first() {
            return Err(unrecorded(*pid).into());
        }
        let config = alone.load()?.config;
        let known = block_on(look(&Files::of(&config)))?;
        Ok(matches!(known, Ok(Known::Stopped)).then(|| nothing(&config)))
    }

    /// Whether no instance is or was here, as an error.
    pub(crate) fn something(&self) -> anyhow::Result<()> {
        match self.nothing()? {
            Some(nothing) => Err(nothing.into()),
            None => Ok(()),
        }
    }

    fn know_all(&self, members: &[Place]) -> Result<(), Failure> {
        let is = |name: &&String| members.iter().all(|m| m.config.instance_id != **name);
        let Some(name) = self.instances.iter().find(is) else {
            return Ok(());
        };
        let known: Vec<_> = members
            .iter()
            .map(|m| m.config.instance_id.as_str())
            .collect();
        Err(Failure::new(
            Exit::NoInput,
            "no_such_instance",
            format!("there is no instance '{}'", name.escape_debug()),
        )
        .why(format!("there are {}", known.join(", ")))
        .hint("name one of those, or none for all; --config-dir names the folder of others"))
    }
}

/// A roll holds such a lock too, for a moment.
fn unrecorded(pid: u32) -> Failure {
    Failure::new(Exit::TryAgain, "no_record", "cannot tell what runs here")
        .why(format!(
            "pid {pid} was started from this folder and holds an instance's lock, and there is \
             no record of it"
        ))
        .hint(
            "it puts its record back within a second: try again; if it does not, its log says \
               why, and SIGTERM stops it",
        )
}

fn nothing(config: &Config) -> Failure {
    let mut why = format!(
        "{} has no record in {}/run, and there is no config/instance*.json",
        running::here().display(),
        config.data_dir.display()
    );
    let ports = config.listeners().into_iter().map(|at| at.address.port());
    let held = ports.filter_map(|port| Some((port, owner(port)?))).next();
    if let Some((port, owner)) = held {
        why += &format!("; port {port} is held by {owner}, which was started elsewhere");
    }
    Failure::new(Exit::Unknown, "nothing_runs", "nothing runs here")
        .why(why)
        .hint(
            "'discordctl serve' starts an instance; one that was started elsewhere is asked \
               from its own folder, or named with --config, --config-dir or DISCORDCTL_DATA_DIR",
        )
}

/// Takes out the second of two files with one name.
fn once(members: &mut Vec<Place>, twice: Twice, output: &Output) -> Result<(), Failure> {
    let mut at = 0;
    while at < members.len() {
        let (before, rest) = members.split_at(at);
        let second = &rest[0];
        let same = |first: &&Place| first.config.instance_id == second.config.instance_id;
        let Some(first) = before.iter().find(same) else {
            at += 1;
            continue;
        };
        let failure = given_twice(first, second);
        if twice == Twice::Refuse {
            return Err(failure);
        }
        output.note(&format!("warning: {}; it counts once", failure.why));
        members.remove(at);
    }
    Ok(())
}

fn given_twice(first: &Place, second: &Place) -> Failure {
    let file = |member: &Place| match &member.file {
        Some(file) => file.display().to_string(),
        None => "what runs from this folder".into(),
    };
    let name = &first.config.instance_id;
    Failure::new(
        Exit::Config,
        "instance_twice",
        "two files are of one instance",
    )
    .why(format!(
        "'instance_id' is {name} in {} and in {}",
        file(first),
        file(second)
    ))
    .hint("give each an 'instance_id' of its own, and ports; then try again")
}

fn candidate(entry: Entry) -> Candidate {
    let (config, warnings) = match entry.load() {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            (Ok(loaded.config), warnings)
        }
        Err(failure) => (Err(failure.why), Vec::new()),
    };
    Candidate {
        file: entry.file,
        config,
        warnings,
    }
}
