//! `discordctl config`: look at settings before they are used.
mod check;
mod init;
mod show;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::output::Output;

/// Check, show or write settings
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Check(check::CheckArgs),
    Show(show::ShowArgs),
    Init(init::InitArgs),
}

pub(crate) fn run(args: ConfigArgs, output: &Output) -> anyhow::Result<Exit> {
    match args.command {
        ConfigCommand::Check(args) => check::run(&args, output),
        ConfigCommand::Show(args) => show::run(&args, output),
        ConfigCommand::Init(args) => init::run(&args, output),
    }
}
