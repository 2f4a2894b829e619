//! `discordctl status`: how the instances of a folder stand.
use clap::Args;
use discordctl::model::ListenerKind;
use discordctl::ops::instances::{Condition, Standing, SystemClock};
use futures_util::future::join_all;

use super::Report;
use super::row::or_nothing;
use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::output::{Output, table};
use crate::runtime::block_on;
use crate::units::uptime;

/// Show how instances stand
#[derive(Debug, Args)]
#[command(after_help = "\
States: running, starting, draining, dead (it ended and left its file),
stopped, foreign (something is in its place that is not it), unknown.

Exits as init scripts do: 0 all run, 3 one does not run, 4 one is foreign or
cannot be seen, 1 one is dead. Of several, the last in this order counts.

With --can-stop it is another question: whether the clients of that instance could go on
elsewhere if it were stopped now. It exits 0 for yes and 1 for no, with a sentence why.

Examples:
  discordctl status
  discordctl status --can-stop instance-2 && discordctl stop instance-2
  discordctl status instance-1 && echo up
  discordctl status -o json | jq '.instances[] | {instance, state, lag}'")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// Say whether this instance can be stopped without a client being left out
    #[arg(long, value_name = "NAME", conflicts_with = "instances")]
    can_stop: Option<String>,
}

pub(crate) fn run(args: &StatusArgs, output: &Output) -> anyhow::Result<Exit> {
    if let Some(nothing) = args.fleet.nothing()? {
        let instances = Vec::<Standing>::new();
        output.result("status", &Report { instances }, |_| "nothing".into())?;
        return Err(nothing.into());
    }
    if let Some(name) = &args.can_stop {
        return super::can_stop::run(name, &args.fleet, output);
    }
    let places = args.fleet.members(Twice::Refuse, output)?;
    let looks = places.iter().map(|place| Standing::of(place, &SystemClock));
    let instances = block_on(join_all(looks))?;
    let exit = exit(&instances);
    output.result("status", &Report { instances }, as_table)?;
    Ok(exit)
}

fn exit(instances: &[Standing]) -> Exit {
    let badness = |standing: &Standing| match standing.state {
        Condition::Running | Condition::Starting | Condition::Draining => 0,
        Condition::Stopped => 1,
        Condition::Foreign | Condition::Unknown => 2,
        Condition::Dead => 3,
    };
    match instances.iter().map(badness).max() {
        None | Some(0) => Exit::Done,
        // 3 means "not running" here; everywhere else it is "unknown".
        Some(1) => Exit::Unknown,
        Some(2) => Exit::StatusUnknown,
        Some(_) => Exit::Warning,
    }
}

fn as_table(report: &Report<Standing>) -> String {
    let port = |row: &Standing, kinds: &[ListenerKind]| {
        let first = row.listeners.first_of(kinds)?;
        Some(first.address.port())
    };
    let row = |row: &Standing| {
        let state = serde_json::to_value(row.state).unwrap_or_default();
        [
            row.instance.clone(),
            state.as_str().unwrap_or_default().to_owned(),
            or_nothing(row.pid),
            or_nothing(row.uptime_seconds.map(uptime)),
            or_nothing(row.version.clone()),
            or_nothing(port(row, &ListenerKind::OF_LINES)),
            or_nothing(port(row, &ListenerKind::OF_HTTP)),
            or_nothing(row.clients),
            or_nothing(row.rooms),
            or_nothing(row.lag),
            or_nothing(row.note.clone()),
        ]
    };
    let rows = report.instances.iter().map(row).collect();
    table(
        [
            "INSTANCE", "STATE", "PID", "UPTIME", "VERSION", "TCP", "HTTP", "CLIENTS", "ROOMS",
            "LAG", "NOTE",
        ],
        rows,
    )
}
