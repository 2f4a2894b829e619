//! `discordctl restore`: a backup in the place of an empty database.
use std::path::{Path, PathBuf};

use clap::Args;
use discordctl::config::Config;
use discordctl::ops::SystemClock;
use discordctl::ops::backup::{self, Existing, Foreign, How, Powers, Restored, Verified};
use discordctl::ops::erase;
use serde::Serialize;

use crate::backup::attempt;
use crate::backup::report::{counts, held, oddities};
use crate::confirm::confirm;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;
use crate::units::time;

/// Put a backup in the place of an empty database
#[derive(Debug, Args)]
#[command(after_help = "\
Refuses a database that has messages (73) or is in use (75), and a backup whose
schema has what discordctl does not make (65). The backup is copied, the copy
verified, and put in its place whole or not at all; what is there afterwards is
counted and compared. PostgreSQL is restored by its own pg_restore into an
existing database; a dump is a program, so the role in db_url should be a plain
one (77). SQLite's file is made; one that is there gets another name, with its
-wal, -shm and -journal: nothing is deleted.

Examples:
  createdb chat2
  discordctl restore chat.dump --db-url postgresql://localhost/chat2 --dry-run
  discordctl restore chat.dump --db-url postgresql://localhost/chat2
  discordctl restore chat.db --db-url sqlite://data/discord.db --yes
  discordctl restore chat.db --set-aside --yes")]
pub(crate) struct RestoreArgs {
    file: PathBuf,
    /// Only see whether it could be done
    #[arg(long)]
    dry_run: bool,
    /// Give a SQLite database that is there another name first, also if it has messages
    #[arg(long)]
    set_aside: bool,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    settings: DatabaseSettings,
}

/// How far what is in a backup is believed.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Restore also tables, triggers, views and functions that discordctl does not make
    #[arg(long)]
    allow_foreign: bool,
    /// Run a dump's code by a role that may do anything on the server: whoever could change the
    /// dump could then take the machine over
    #[arg(long)]
    as_superuser: bool,
}

impl Trust {
    pub(crate) fn how(&self) -> How {
        let mut how = How::default();
        if self.allow_foreign {
            how.foreign = Foreign::Allowed;
        }
        if self.as_superuser {
            how.powers = Powers::Superuser;
        }
        how
    }
}

#[derive(Serialize)]
struct Report {
    file: String,
    database: String,
    restored: bool,
    messages: Option<i64>,
    rooms: Option<usize>,
    /// Whether there was a manifest to compare with.
    manifest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_state: Option<&'static str>,
    /// What is in its schema and is not discordctl's.
    foreign: Vec<String>,
    /// Files of the database that was there, under their new names.
    set_aside: Vec<String>,
    /// Messages of it that were erased after it was made, and are erased again; none where the schema is not
    /// current, or nothing ever was.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    #[serde(skip)]
    of_live: bool,
}

pub(crate) fn run(args: &RestoreArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    let (url, file) = (config.db_url.expose(), &args.file);
    let what = format!("restore {} into {}", file.display(), config.db_url);
    let mut how = args.trust.how();
    if args.set_aside {
        how.existing = Existing::SetAside;
    }
    let untouched = "it goes in whole or not at all: nothing was changed";
    let checked = attempt(backup::check(url, file, how), &what, &config, untouched)?;
    if args.dry_run {
        let report = Report::planned(file, &checked, &config);
        output.result("restore", &report, Report::as_text)?;
        return Ok(Exit::Done);
    }
    confirm(yes, &question(file, &checked, &config))?;
    let work = backup::restore(url, file, checked, how, &SystemClock);
    let restored = attempt(work, &what, &config, untouched)?;
    let mut report = Report::done(file, &restored, &config);
    if report.schema_state == Some("applied") {
        report.erased = Some(erase_again(&config)?);
    }
    output.result("restore", &report, Report::as_text)?;
    Ok(Exit::Done)
}

/// What was erased after the backup was made does not come back with it.
fn erase_again(config: &Config) -> anyhow::Result<u64> {
    let erased = block_on(erase::restored(config))?;
    erased.map_err(|error| {
        let failure = crate::erase::told(&error, config);
        failure
            .hint("the backup is restored; before anything is started, run 'discordctl erase --again', so that \
                   what was erased since does not come back")
            .into()
    })
}

fn question(file: &Path, checked: &Verified, config: &Config) -> String {
    let made = match &checked.manifest {
        Some(manifest) => format!(", of {}", time(manifest.made_at)),
        None => String::new(),
    };
    let (file, url) = (file.display(), &config.db_url);
    format!("replace everything in the database {url} by {file}{made}")
}

impl Report {
    fn planned(file: &Path, checked: &Verified, config: &Config) -> Self {
        let contents = checked.manifest.as_ref().map(|manifest| &manifest.contents);
        let (messages, rooms) = counts(contents);
        Self {
            file: file.display().to_string(),
            database: config.db_url.to_string(),
            restored: false,
            messages,
            rooms,
            manifest: checked.manifest.is_some(),
            schema_state: None,
            foreign: checked.foreign.clone(),
            set_aside: Vec::new(),
            erased: None,
            of_live: checked.of_live,
        }
    }

    fn done(file: &Path, restored: &Restored, config: &Config) -> Self {
        let (messages, rooms) = counts(Some(&restored.contents));
        let aside = restored.aside.iter();
        Self {
            restored: true,
            messages,
            rooms,
            schema_state: Some(restored.schema.as_str()),
            set_aside: aside.map(|(_, to)| to.display().to_string()).collect(),
            ..Self::planned(file, &restored.backup, config)
        }
    }

    /// The log of a database that was not there any more.
    fn log_alone(&self) -> Option<&str> {
        let first = self.set_aside.first()?;
        first.ends_with("-wal").then_some(first)
    }

    fn as_text(&self) -> String {
        let Self { file, database, .. } = self;
        let held = held(self.messages, self.rooms);
        let mut lines = vec![if self.restored {
            format!("restored {file} into {database}: {held}")
        } else {
            format!("would restore {file} into {database}: {held}")
        }];
        lines.push(match (self.manifest, self.restored) {
            (true, true) => "every table and room is as it was backed up".into(),
            (true, false) => "the file is as it was written, and the database is free".into(),
            (false, _) => "there is no manifest to compare with".into(),
        });
        lines.extend(oddities(self.of_live, &self.foreign));
        let aside = self.set_aside.iter();
        lines.extend(aside.map(|file| format!("what was there is now {file}")));
        if let Some(log) = self.log_alone() {
            lines.push(format!(
                "{log} belongs to a database that was moved away without it, and may hold what was \
                 said last: give it that one's name and -wal, beside it, before that is opened"
            ));
        }
        if let Some(erased @ 1..) = self.erased {
            lines.push(format!(
                "{erased} messages were erased after it was made, and are erased again"
            ));
        }
        match self.schema_state {
            Some("applied") => lines.push("the schema is current: instances can be started".into()),
            Some(state) => lines.push(format!(
                "the schema is {state}: see 'discordctl migrate status' before starting instances, and run \
                 'discordctl erase --again' if anything was ever erased"
            )),
            None => {}
        }
        lines.join("\n")
    }
}
