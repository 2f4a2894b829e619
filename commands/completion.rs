//! `discordctl completion`: scripts for shells.
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  discordctl completion bash > ~/.local/share/bash-completion/completions/discordctl
  discordctl completion fish > ~/.config/fish/completions/discordctl.fish")]
pub(crate) struct CompletionArgs {
    shell: Shell,
}

pub(crate) fn run(args: &CompletionArgs, output: &Output) -> anyhow::Result<Exit> {
    // Into memory first: on a closed pipe the generator would panic.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "discordctl", &mut script);
    output.raw(&script)?;
    Ok(Exit::Done)
}
