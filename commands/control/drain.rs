//! `discordctl drain` and `undrain`: out of the balancers' hands, and back.
use clap::Args;
use discordctl::process::control::{Drained, Request};

use super::{Whom, report};
use crate::exit::Exit;
use crate::output::Output;

/// Send new clients elsewhere, and go on serving those who are here
#[derive(Debug, Args)]
#[command(after_help = "\
The instance is not ready any more (/readyz says 503, /health 'draining'), so that balancers
send new clients to the others. It goes on serving whoever is connected, and whoever comes
to its ports all the same. 'discordctl undrain' takes that back; so does a restart.

Examples:
  discordctl drain instance-2
  discordctl connections instance-2      until there are few enough
  discordctl stop instance-2             … or 'discordctl undrain instance-2'")]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    whom: Whom,
}

/// Take a drain back: new clients are welcome again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  discordctl undrain instance-2
  discordctl undrain -o json")]
pub(crate) struct UndrainArgs {
    #[command(flatten)]
    whom: Whom,
}

pub(crate) fn drain(args: &DrainArgs, output: &Output) -> anyhow::Result<Exit> {
    let told = args.whom.ask(&Request::Drain {}, output)?;
    report(output, "drain", told, words)
}

pub(crate) fn undrain(args: &UndrainArgs, output: &Output) -> anyhow::Result<Exit> {
    let told = args.whom.ask(&Request::Undrain {}, output)?;
    report(output, "undrain", told, words)
}

fn words(drained: &Drained) -> String {
    let state = match (drained.draining, drained.was_draining) {
        (true, false) => "draining",
        (true, true) => "draining already",
        (false, true) => "ready again",
        (false, false) => "was not draining",
    };
    format!("{state}; connections: {}", drained.connections)
}
