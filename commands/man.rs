//! `discordctl man`: manual pages.
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use discordctl::private;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

/// Print the manual page, or write those of all commands
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  discordctl man | man -l -
  discordctl man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, output: &Output) -> anyhow::Result<Exit> {
    match &args.dir {
        Some(dir) => {
            let write = || {
                std::fs::create_dir_all(dir)?;
                clap_mangen::generate_to(Cli::command(), dir)
            };
            private::for_all(write)
                .with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output.raw(&page)?;
        }
    }
    Ok(Exit::Done)
}
