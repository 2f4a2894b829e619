//! `discordctl backup`: the whole database in a file, and whether that can be relied on.
mod failure;
pub(crate) mod report;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use discordctl::config::Config;
use discordctl::ops::backup::{self, BackupError};

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::unless_signalled;
use crate::output::Output;
use crate::restore::Trust;
use crate::runtime::block_on;
use report::{List, Report};

/// Copy the whole database to a file while it is in use, or prove such a file
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
PostgreSQL is dumped by its own pg_dump (custom format), of the server's
version or newer; SQLite is copied whole. FILE appears when it is complete and
was looked into, and never in the place of another; FILE.json beside it says
what it holds, with its SHA-256. Give the database's own address, not a
pooler's.

With 'backup.schedule' they are made by the instances, into 'backup.url', each
read back before it counts; 'backup.keep' says which stay.

Examples:
  discordctl backup list
  discordctl backup fetch discordctl-20261129T020000000Z.dump --to chat.dump
  discordctl backup --to /backup/chat-$(date +%F).dump
  discordctl backup verify /backup/chat-2026-11-21.dump --restore-drill
  discordctl restore /backup/chat-2026-11-21.dump"
)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The file to write; it must not be there
    #[arg(long, value_name = "FILE", required = true)]
    to: Option<PathBuf>,
    /// Only see whether it could be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Read all of a backup, and compare it with what was written
    Verify {
        file: PathBuf,
        /// Restore it into a scratch database as well, count everything, and drop that again
        #[arg(long)]
        restore_drill: bool,
        #[command(flatten)]
        trust: Trust,
    },
    /// Show the backups that ran by themselves (backup.url)
    List,
    /// Bring one of them to a file, and prove it there
    Fetch {
        /// As 'backup list' shows it
        name: String,
        /// The file to write; it must not be there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// What goes into a pipe can neither be read back nor be taken away again.
fn to_a_pipe() -> Failure {
    Failure::new(Exit::Usage, "usage", "cannot back up to '-'")
        .why("a backup is read back before it counts as one, which takes a file")
        .hint("name a file, and copy that; one that is called so is './-'")
}

pub(crate) fn run(args: &BackupArgs, output: &Output) -> anyhow::Result<Exit> {
    if args.to.as_deref() == Some(Path::new("-")) {
        return Err(to_a_pipe().into());
    }
    // To read a file is not about any database.
    let doubt = match args.command {
        Some(
            BackupCommand::Verify {
                restore_drill: false,
                ..
            }
            | BackupCommand::List
            | BackupCommand::Fetch { .. },
        ) => Doubt::Take,
        _ => Doubt::Refuse,
    };
    let config = args.settings.load(doubt, output)?;
    if matches!(args.command, Some(BackupCommand::List)) {
        return list(&config, output);
    }
    let url = config.db_url.expose();
    let work = async {
        match (&args.command, &args.to) {
            (
                Some(BackupCommand::Verify {
                    file,
                    restore_drill: true,
                    trust,
                }),
                _,
            ) => {
                let (verified, contents) = backup::drill(url, file, trust.how()).await?;
                Ok(Report::verified(file, verified, Some(contents)))
            }
            (Some(BackupCommand::Verify { file, trust, .. }), _) => {
                let verified = backup::verify(file, trust.how().foreign).await?;
                Ok(Report::verified(file, verified, None))
            }
            (Some(BackupCommand::Fetch { name, to }), _) => {
                let verified = backup::fetch(&config.backup.url, name, to).await?;
                Ok(Report::verified(to, verified, None))
            }
            (None, Some(to)) if args.dry_run => Ok(Report::plan(to, &backup::plan(url, to).await?)),
            (None, Some(to)) => {
                let made = backup::make(url, to, &discordctl::ops::SystemClock).await?;
                for object in &made.foreign {
                    crate::output::tell(&format!(
                        "\x1b[1;33mwarning:\x1b[0m the database has what discordctl does not make, \
                         and 'restore' refuses unless it is allowed: {object}"
                    ));
                }
                Ok(Report::made(to, &made))
            }
            (Some(BackupCommand::List), _) | (None, None) => {
                Err(BackupError::Missing(PathBuf::new()))
            }
        }
    };
    let (what, path) = args.what();
    let (path, url) = (path.display(), &config.db_url);
    let untouched = format!("nothing was left at {path}, and {url} is as it was");
    let report = attempt(work, &what, &config, &untouched)?;
    output.result(report.name(), &report, Report::as_text)?;
    Ok(Exit::Done)
}

fn list(config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let url = &config.backup.url;
    let stored = block_on(backup::stored(url))?;
    let what = format!("list the backups in {url}");
    let backups = stored.map_err(|error| failure::explain(&error, &what, config))?;
    let list = List {
        url: url.to_string(),
        schedule: config.backup.schedule.to_string(),
        backups,
    };
    output.result("backup-list", &list, List::as_text)?;
    Ok(Exit::Done)
}

/// Runs `work`, which does `what` whole or not at all: a signal drops it, and then it is `untouched`
/// that is told.
pub(crate) fn attempt<T>(
    work: impl Future<Output = Result<T, BackupError>>,
    what: &str,
    config: &Config,
    untouched: &str,
) -> anyhow::Result<T> {
    match block_on(unless_signalled(work))? {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure::explain(&error, what, config).into()),
        Err(exit) => Err(
            Failure::new(exit, "interrupted", format!("cannot {what}: interrupted"))
                .why(untouched)
                .hint("run the same command again")
                .into(),
        ),
    }
}

impl BackupArgs {
    /// What is done, and with which file.
    fn what(&self) -> (String, &Path) {
        match (&self.command, &self.to) {
            (Some(BackupCommand::Verify { file, .. }), _) => {
                (format!("verify {}", file.display()), file)
            }
            (Some(BackupCommand::Fetch { name, to }), _) => {
                (format!("fetch {name} to {}", to.display()), to)
            }
            (None, Some(to)) => (format!("back up to {}", to.display()), to),
            (Some(BackupCommand::List), _) | (None, None) => ("back up".into(), Path::new("")),
        }
    }
}
