//! `discordctl restore`: a backup in the place of an empty database.
use std::path::{Path, PathBuf};

use clap::Args;
use discordctl::config::Config;
use discordctl::ops::backup::{self, Restored, Verified};
use serde::Serialize;

use crate::backup::explain;
use crate::confirm::confirm;
use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::unless_signalled;
use crate::output::Output;
use crate::units::time;

/// Put a backup in the place of an empty database
#[derive(Debug, Args)]
#[command(after_help = "\
Refuses a database that has messages (73) or is in use (75). The backup is
verified first, goes in whole or not at all, and what is there afterwards is
counted and compared. PostgreSQL is restored by its own pg_restore into an
existing database; SQLite's file is made.

Examples:
  createdb chat2
  discordctl restore chat.dump --db-url postgresql://localhost/chat2 --dry-run
  discordctl restore chat.dump --db-url postgresql://localhost/chat2
  discordctl restore chat.db --db-url sqlite://data/discord.db --yes")]
pub(crate) struct RestoreArgs {
    file: PathBuf,
    /// Only see whether it could be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: DatabaseSettings,
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
}

pub(crate) fn run(args: &RestoreArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    let (url, file) = (config.db_url.expose(), &args.file);
    let what = format!("restore {} into {}", file.display(), config.db_url);
    let checked = attempt(backup::check(url, file), &what, &config)?;
    if args.dry_run {
        let report = Report::planned(file, &checked, &config);
        output.result("restore", &report, Report::as_text)?;
        return Ok(Exit::Done);
    }
    confirm(yes, &question(file, &checked, &config))?;
    let restored = attempt(backup::restore(url, file), &what, &config)?;
    let report = Report::done(file, &restored, &config);
    output.result("restore", &report, Report::as_text)?;
    Ok(Exit::Done)
}

fn attempt<T>(
    work: impl Future<Output = Result<T, backup::BackupError>>,
    what: &str,
    config: &Config,
) -> anyhow::Result<T> {
    let done = database::block_on(async { Ok(unless_signalled(work).await) })?;
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(explain(&error, what, config).into()),
        Err(exit) => Err(Failure {
            exit,
            code: "interrupted",
            what: format!("cannot {what}: interrupted"),
            why: "it goes in whole or not at all: nothing was changed".into(),
            hint: "run the same command again".into(),
            runbook: None,
        }
        .into()),
    }
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
        Self {
            file: file.display().to_string(),
            database: config.db_url.to_string(),
            restored: false,
            messages: contents.and_then(|contents| contents.tables.get("messages").copied()),
            rooms: contents.map(|contents| contents.rooms.len()),
            manifest: checked.manifest.is_some(),
            schema_state: None,
        }
    }

    fn done(file: &Path, restored: &Restored, config: &Config) -> Self {
        Self {
            file: file.display().to_string(),
            database: config.db_url.to_string(),
            restored: true,
            messages: restored.contents.tables.get("messages").copied(),
            rooms: Some(restored.contents.rooms.len()),
            manifest: restored.backup.manifest.is_some(),
            schema_state: Some(restored.schema.as_str()),
        }
    }

    fn as_text(&self) -> String {
        let Self { file, database, .. } = self;
        let held = match (self.messages, self.rooms) {
            (Some(messages), Some(rooms)) => format!("{messages} messages in {rooms} rooms"),
            _ => "all there is".into(),
        };
        let mut lines = vec![match self.restored {
            true => format!("restored {file} into {database}: {held}"),
            false => format!("would restore {file} into {database}: {held}"),
        }];
        lines.push(match (self.manifest, self.restored) {
            (true, true) => "every table and room is as it was backed up".into(),
            (true, false) => "the file is as it was written, and the database is free".into(),
            (false, _) => "there is no manifest to compare with".into(),
        });
        match self.schema_state {
            Some("applied") => lines.push("the schema is current: instances can be started".into()),
            Some(state) => lines.push(format!(
                "the schema is {state}: see 'discordctl migrate status' before starting instances"
            )),
            None => {}
        }
        lines.join("\n")
    }
}
