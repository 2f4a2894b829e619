//! `discordctl migrate`: the database's schema, step by step.
mod failure;
mod report;

use clap::{Args, Subcommand};
use discordctl::config::HumanDuration;
use discordctl::ops::migrate::{MigrateError, Migrator, State};

use crate::confirm::confirm;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;
use report::{Report, Row};

/// Bring the database's schema up to this program, or back
#[derive(Debug, Args)]
#[command(after_help = "\
PostgreSQL waits for 'migrate up'; the embedded database migrates itself when it is opened.
Give the database's own address, not a pooler's: the lock belongs to a session.

Examples:
  discordctl migrate status
  DISCORDCTL_DB_URL=postgresql://chat:PASSWORD@db/chat discordctl migrate up
  discordctl migrate up --dry-run --config config/instance1.json
  discordctl migrate rollback --to 3")]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    command: MigrateCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
    /// How long to wait for another process that migrates
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s")]
    lock_wait: HumanDuration,
    /// How long a step may wait for a table while everybody else waits behind it; then it lets
    /// them go first and tries again
    #[arg(long, global = true, value_name = "DURATION", default_value = "2s")]
    lock_timeout: HumanDuration,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Show what 'up' would do, with its SQL; exits 1 if there is anything
    Plan {
        /// Not beyond this version
        #[arg(long, value_name = "VERSION")]
        to: Option<i32>,
    },
    /// Apply what is pending; any number may be started at once
    Up {
        /// Not beyond this version
        #[arg(long, value_name = "VERSION")]
        to: Option<i32>,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Show how the database stands: exits 0 current, 1 pending, 2 dirty or changed, 3 newer
    Status,
    /// Take steps back, newest first; what they held is lost
    Rollback {
        /// The version to go back to [default: one step]
        #[arg(long, value_name = "VERSION")]
        to: Option<i32>,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare what was applied with what this program knows: exits 2 if they differ
    Verify,
    /// Undo a step that stopped half way, accept one whose file was changed
    Repair {
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) fn run(args: MigrateArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    let mut migrator = Migrator::new(config.db_url.expose());
    migrator.patience.lock = args.lock_wait.get();
    migrator.patience.lock_timeout = args.lock_timeout.get();
    let job = Job {
        migrator,
        yes,
        output,
    };
    block_on(job.run(args.command))?.map_err(|error| match error.downcast::<MigrateError>() {
        Ok(error) => failure::explain(&error, &config).into(),
        Err(other) => other,
    })
}

struct Job<'o> {
    migrator: Migrator,
    yes: bool,
    output: &'o Output,
}

impl Job<'_> {
    async fn run(&self, command: MigrateCommand) -> anyhow::Result<Exit> {
        match command {
            MigrateCommand::Plan { to } => self.plan("plan", to, Exit::Warning).await,
            MigrateCommand::Up { to, dry_run: true } => self.plan("up", to, Exit::Done).await,
            MigrateCommand::Up { to, .. } => {
                self.tell("up", self.migrator.up(to).await?, Exit::Done)
                    .await
            }
            MigrateCommand::Status => self.status("status").await,
            MigrateCommand::Verify => self.status("verify").await,
            MigrateCommand::Rollback { to, dry_run } => self.rollback(to, dry_run).await,
            MigrateCommand::Repair { dry_run } => {
                let taken = self.migrator.repair(dry_run).await?;
                self.tell("repair", taken, Exit::Done).await
            }
        }
    }

    async fn plan(&self, name: &str, to: Option<i32>, if_any: Exit) -> anyhow::Result<Exit> {
        let steps = self.migrator.plan(to).await?;
        let exit = if steps.is_empty() { Exit::Done } else { if_any };
        self.tell(name, steps, exit).await
    }

    async fn status(&self, name: &str) -> anyhow::Result<Exit> {
        let status = self.migrator.status().await?;
        let exit = match status.verdict() {
            State::Applied => Exit::Done,
            // What is still to come makes no difference to what was applied.
            State::Pending if name == "verify" => Exit::Done,
            State::Pending => Exit::Warning,
            State::Dirty | State::Changed => Exit::Critical,
            State::Newer => Exit::Unknown,
        };
        self.tell(name, status.steps, exit).await
    }

    async fn rollback(&self, to: Option<i32>, dry_run: bool) -> anyhow::Result<Exit> {
        let current = self.migrator.status().await?.current();
        let steps = match to {
            Some(to) => self.migrator.back(to).await?,
            None => self.migrator.back(0).await?.into_iter().take(1).collect(),
        };
        let to = match steps.last() {
            Some(last) if !dry_run => last.version - 1,
            _ => return self.tell("rollback", steps, Exit::Done).await,
        };
        let what = format!(
            "take the database back from version {current} to {to}, and delete what only the newer had"
        );
        confirm(self.yes, &what)?;
        let taken = self.migrator.rollback(to).await?;
        self.tell("rollback", taken, Exit::Done).await
    }

    async fn tell(
        &self,
        name: &str,
        migrations: Vec<impl Into<Row>>,
        exit: Exit,
    ) -> anyhow::Result<Exit> {
        let status = self.migrator.status().await?;
        let report = Report {
            current: status.current(),
            known: self.migrator.known_steps().last().map_or(0, |s| s.version),
            state: report::verdict(status.verdict()),
            migrations: migrations.into_iter().map(Into::into).collect(),
        };
        let name = format!("migrate-{name}");
        self.output.result(&name, &report, Report::as_text)?;
        Ok(exit)
    }
}
