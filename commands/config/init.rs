//! `discordctl config init`: a file with every setting at its default.
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use discordctl::config::Config;
use discordctl::private;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Write a file with every setting at its default
#[derive(Debug, Args)]
#[command(after_help = "\
Never overwrites a file. Settings can be left out of it: they are then at their defaults.

Example:
  discordctl config init instance.json && discordctl serve --config instance.json")]
pub(crate) struct InitArgs {
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Written {
    file: String,
}

pub(crate) fn run(args: &InitArgs, output: &Output) -> anyhow::Result<Exit> {
    let file = args.file.display().to_string();
    let text = serde_json::to_string_pretty(&Config::default())? + "\n";
    // It is where passwords will be.
    let mut new = match private::create_new(&args.file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::would_overwrite(&file).into());
        }
        opened => opened.with_context(|| format!("cannot create {file}"))?,
    };
    new.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {file}"))?;
    output.result("config-init", &Written { file }, |written| {
        format!("wrote {}", written.file)
    })?;
    Ok(Exit::Done)
}
