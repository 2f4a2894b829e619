//! `discordctl health`: what each instance says, and what can be seen from here, in one answer.
mod nagios;
mod prometheus;
pub(crate) mod text;

use anyhow::Context;
use clap::Args;
use discordctl::config::{Config, HumanDuration};
use discordctl::ops::finding::Verdict;
use discordctl::ops::health::{Depth, Plan, look};

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::output::{Asked, Output};
use crate::runtime::block_on;

/// Ask each instance how it is, and look for yourself
#[derive(Debug, Args)]
#[command(after_help = "\
Levels, each with those before it:
  1  the process: its file, its lock, its pid
  2  both listeners, and what the instance says of itself
  3  the database answers from here, and its schema is this program's
  4  a message is published and received over Redis, on a channel of its own
  5  a row is written and read, in a transaction that leaves nothing

All of it at once, and within --timeout. What an instance says is held against
what is seen from here; where they differ, that is a warning of its own.

Exits 0 healthy, 1 warning, 2 critical, 3 unknown: for a container's probe, and
as a Nagios plugin. -o nagios and -o prometheus (for the textfile collector)
are forms of this command only.

Examples:
  discordctl health
  discordctl health instance-1 --level 5
  discordctl health --config instance.json --level 2 --timeout 1s
  discordctl health -o json | jq '.checks[] | select(.level != \"ok\")'
  discordctl health -o nagios
  discordctl health -o prometheus > /var/lib/node_exporter/discordctl.prom")]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// How deep to look, 1 to 5
    #[arg(long, value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=5))]
    level: u8,
    /// For everything together
    #[arg(long, value_name = "DURATION", default_value = "3s")]
    timeout: HumanDuration,
}

pub(crate) fn run(args: &HealthArgs, asked: Asked, output: &Output) -> anyhow::Result<Exit> {
    args.fleet.something()?;
    let instances: Vec<Config> = args.fleet.configs(output)?;
    let plan = Plan {
        instances,
        depth: Depth::from_level(args.level).context("a level from 1 to 5")?,
        within: args.timeout.get(),
    };
    let mut report = block_on(look(&plan))?;
    args.fleet.at.complete(&mut report.checks);
    match asked {
        Asked::Nagios => output.text(&nagios::text(&report)).map(drop)?,
        Asked::Prometheus => output.text(&prometheus::text(&report)).map(drop)?,
        Asked::Table | Asked::Json => output.result("health", &report, text::text)?,
    }
    Ok(exit(report.status))
}

pub(crate) fn exit(worst: Verdict) -> Exit {
    match worst {
        Verdict::Ok => Exit::Done,
        Verdict::Warning => Exit::Warning,
        Verdict::Critical => Exit::Critical,
        Verdict::Unknown => Exit::Unknown,
    }
}
