//! `discordctl serve`: one instance in the foreground.
use anyhow::Context;
use clap::Args;
use discordctl::config::Config;

use crate::exit::Exit;
use crate::settings::Settings;

/// Run one instance in the foreground
#[derive(Debug, Args)]
#[command(after_help = "\
Flags beat DISCORDCTL_* variables, which beat the file, which beats the defaults.
'discordctl config show' says what wins.

Examples:
  discordctl serve
  discordctl serve --tcp-port 9002 --http-port 3002
  discordctl serve --config config/instance1.json
  DISCORDCTL_DB_URL=postgresql://chat:PASSWORD@db/chat discordctl serve")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        anstream::eprintln!("\x1b[1;33mwarning:\x1b[0m {warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(loaded.config))?;
    Ok(Exit::Done)
}

async fn serve(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("the server is not part of this build yet")
}
