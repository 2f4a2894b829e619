//! `discordctl log-level`: more or less in the log of running instances, for a while.
use clap::Args;
use discordctl::config::{HumanDuration, LogLevel};
use discordctl::process::control::{LevelSet, Request};

use super::{Whom, report};
use crate::exit::Exit;
use crate::output::Output;

/// Log more or less for a while, without a restart
#[derive(Debug, Args)]
#[command(after_help = "\
The level goes back by itself after --for, to what it was usually; without --for it holds
until the instance ends, whose settings ('log.level') decide the next time.

Examples:
  discordctl log-level debug --for 10m
  discordctl log-level warn instance-2
  discordctl log-level debug --for 1h -o json | jq '.instances[].was'")]
pub(crate) struct LogLevelArgs {
    /// error, warn, info, debug or trace
    #[arg(value_name = "LEVEL", value_parser = level)]
    level: LogLevel,
    #[command(flatten)]
    whom: Whom,
    /// How long, up to a day; then it goes back by itself
    #[arg(long = "for", value_name = "DURATION")]
    hold: Option<HumanDuration>,
}

pub(crate) fn run(args: &LogLevelArgs, output: &Output) -> anyhow::Result<Exit> {
    let request = Request::LogLevel {
        level: args.level,
        for_ms: args.hold.map(|hold| hold.get().as_millis() as u64),
    };
    let told = args.whom.ask::<LevelSet>(&request, output)?;
    report(output, "log-level", told, |set| {
        let (level, was) = (set.level.as_str(), set.was.as_str());
        match (set.then, &set.until) {
            (Some(then), Some(until)) => {
                format!("{level} until {until}, then {}; was {was}", then.as_str())
            }
            _ => format!("{level}; was {was}"),
        }
    })
}

fn level(text: &str) -> Result<LogLevel, String> {
    serde_json::from_value(text.to_ascii_lowercase().into())
        .map_err(|_| "a level is error, warn, info, debug or trace".into())
}
