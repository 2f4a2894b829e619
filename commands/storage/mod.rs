//! `discordctl storage`: how large everything is, and when that will be too much.
mod report;

use clap::Args;
use discordctl::ops::storage::{self, Level};

use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;

/// Show what tables, files and disks hold, and how fast that grows
#[derive(Debug, Args)]
#[command(after_help = "\
Exits 0 if all is within the thresholds, 1 beyond a warning, 2 beyond a
critical one; they are 'thresholds.*_table' in the configuration. Growth is
told since the last look that was written down, of an hour ago or more.
PostgreSQL's rows beyond 100,000 are its own estimate (~).

Examples:
  discordctl storage
  discordctl storage -o json | jq '.tables[] | select(.state != \"ok\")'")]
pub(crate) struct StorageArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
    /// Do not write this look down for the next
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &StorageArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Take, output)?;
    let found = block_on(async {
        let upkeep = database::look(&config, "storage").await?;
        let found = storage::look(&config, upkeep.as_ref(), args.dry_run).await;
        upkeep.close().await;
        found.map_err(|error| database::explain(&error, &config))
    })??;
    let exit = match found.state {
        Level::Ok => Exit::Done,
        Level::Warning => Exit::Warning,
        Level::Critical => Exit::Critical,
    };
    output.result("storage", &found, report::as_text)?;
    Ok(exit)
}
