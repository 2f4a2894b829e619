//! `discordctl reload`: running instances read their configuration again.
use clap::Args;
use discordctl::process::control::{ControlError, Reloaded, Request};

use super::{Told, Whom, report};
use crate::exit::Exit;
use crate::output::Output;

/// Have instances read their configuration again, without a restart
#[derive(Debug, Args)]
#[command(after_help = "\
Each instance reads the file, variables and flags that it was started with. What can change
while it serves does, all at once; the rest that differs is named and needs a restart, which
'discordctl restart' does without a client noticing. A configuration that is wrong changes
nothing, and the command exits 78. SIGHUP does the same, and says so in the log.

Examples:
  discordctl reload
  discordctl reload instance-2
  discordctl reload -o json | jq '.instances[].waiting'")]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    whom: Whom,
}

pub(crate) fn run(args: &ReloadArgs, output: &Output) -> anyhow::Result<Exit> {
    let told = args.whom.ask::<Reloaded>(&Request::Reload {}, output)?;
    let wrong = told.iter().any(is_wrong);
    let exit = report(output, "reload", told, words)?;
    Ok(if wrong { Exit::Config } else { exit })
}

/// One of them has a configuration that is wrong.
fn is_wrong(told: &Told<Reloaded>) -> bool {
    matches!(&told.outcome, Err(ControlError::Refused(refusal)) if refusal.code == "config-invalid")
}

fn words(reloaded: &Reloaded) -> String {
    let mut words = match &reloaded.changed[..] {
        [] => "nothing changed".to_owned(),
        changed => format!("changed: {}", changed.join(", ")),
    };
    if !reloaded.waiting.is_empty() {
        words += &format!("; needs a restart: {}", reloaded.waiting.join(", "));
    }
    for warning in &reloaded.warnings {
        words += &format!("; warning: {warning}");
    }
    words
}
