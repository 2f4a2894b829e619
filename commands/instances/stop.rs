//! `discordctl stop`: drained, and gone; never anything that is not proved to be the instance.
use clap::Args;
use discordctl::ops::instances::{InstanceError, Place, Stopped, stop};
use futures_util::future::join_all;

use super::Report;
use super::row::{Row, millis, or_nothing};
use crate::confirm::confirm;
use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::runtime::block_on;

/// Stop instances: tell their clients, finish what was accepted, end
#[derive(Debug, Args)]
#[command(after_help = "\
A signal goes only to a process that is proved to be the instance: its lock is
held, and pid, start time, boot, program and user are those of its file.
Whatever else is in its place is named and left alone. One that does not run
is no error.

Examples:
  discordctl stop
  discordctl stop instance-2
  discordctl stop --force --yes      kill what is still there after drain.deadline")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// Kill what has not ended in time, if it still proves to be the instance; asks first
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &StopArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    if let Some(nothing) = args.fleet.nothing()? {
        let instances = Vec::<Row>::new();
        output.note(&format!("{}: {}", nothing.what, nothing.why));
        output.result("stop", &Report { instances }, |_| "nothing".into())?;
        return Ok(Exit::Done);
    }
    let places = args.fleet.members(Twice::Warn, output)?;
    if args.force {
        let names: Vec<_> = places.iter().map(Place::name).collect();
        let names = names.join(", ");
        confirm(
            yes,
            &format!("kill {names} if they do not end by themselves"),
        )?;
    }
    let spinner = super::spinner();
    spinner.set_message("stopping");
    // At once: each has its clients to tell, and none waits for another's.
    let stops = places.iter().map(|place| stop(place, args.force));
    let stopped = block_on(join_all(stops))?;
    spinner.finish_and_clear();
    let (mut exit, mut failures) = (Exit::Done, Vec::new());
    let mut instances = Vec::new();
    for (place, result) in places.iter().zip(stopped) {
        match result {
            Ok(stopped) => {
                let row = self::stopped(place, stopped);
                if row.result == "foreign" {
                    exit = Exit::Warning;
                }
                instances.push(row);
            }
            Err(error) => {
                instances.push(failed(place, &error));
                failures.push(super::explain("stop", place, &error));
            }
        }
    }
    output.result("stop", &Report { instances }, as_table)?;
    match together(failures) {
        Some(failure) => Err(failure.into()),
        None => Ok(exit),
    }
}

/// The first of them, with what became of the others.
fn together(mut failures: Vec<Failure>) -> Option<Failure> {
    if failures.is_empty() {
        return None;
    }
    let mut first = failures.remove(0);
    for other in failures {
        first.why = format!("{}\n{}: {}", first.why, other.what, other.why);
    }
    Some(first)
}

fn failed(place: &Place, error: &InstanceError) -> Row {
    let result = match error {
        InstanceError::Foreign { .. } => "foreign",
        _ => "failed",
    };
    Row {
        note: error.to_string().lines().next().map(str::to_owned),
        ..Row::of(place, result)
    }
}

fn stopped(place: &Place, stopped: Stopped) -> Row {
    match stopped {
        Stopped::NotRunning { held } if held.is_empty() => Row::of(place, "not running"),
        Stopped::NotRunning { held } => {
            let held = held.iter();
            let held = held.map(|(port, owner)| format!("port {port} is held by {owner}"));
            Row {
                note: Some(held.collect::<Vec<_>>().join(", ")),
                ..Row::of(place, "foreign")
            }
        }
        Stopped::Cleared { pid } => Row {
            pid: Some(pid),
            note: Some("it had died; its file was removed".to_owned()),
            ..Row::of(place, "not running")
        },
        Stopped::Ended { pid, took, forced } => Row {
            pid: Some(pid),
            took_ms: Some(millis(took)),
            ..Row::of(place, if forced { "killed" } else { "stopped" })
        },
        Stopped::ByUnit { unit } => Row {
            unit: Some(unit),
            ..Row::of(place, "stopped by systemd")
        },
    }
}

fn as_table(report: &Report<Row>) -> String {
    let row = |row: &Row| {
        let [instance, result, pid, took] = row.cells();
        [instance, result, pid, took, or_nothing(row.note.clone())]
    };
    let rows = report.instances.iter().map(row).collect();
    table(["INSTANCE", "RESULT", "PID", "TOOK", "NOTE"], rows)
}
