//! `discordctl start`: instances in the background, one after the other.
use clap::Args;
use discordctl::config::HumanDuration;
use discordctl::ops::instances::{Launch, Place, Start, Started, start};

use super::Report;
use super::row::{Row, millis};
use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Output, table, tell};
use crate::runtime::{block_on, own_file};

/// Start instances in the background
#[derive(Debug, Args)]
#[command(after_help = "\
One after the other, each when the one before is ready. What cannot start
stops the rest, and the end of its log is shown. One that runs already is left
alone. Logs are in <data_dir>/log/.

Examples:
  discordctl start
  discordctl start instance-2
  discordctl start --config-dir /etc/discordctl")]
pub(crate) struct StartArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// How long each may take to become ready [default: its 'db_wait' and 10 s]
    #[arg(long, value_name = "DURATION")]
    within: Option<HumanDuration>,
}

pub(crate) fn run(args: &StartArgs, output: &Output) -> anyhow::Result<Exit> {
    if let Some(nothing) = args.fleet.nothing()? {
        return Err(nothing_to_start(nothing).into());
    }
    let places = args.fleet.members(Twice::Refuse, output)?;
    let binary = own_file()?;
    let spinner = super::spinner();
    // A program that reads stderr expects a problem there, or nothing.
    let told: fn(&str, &str) = match output.format() {
        Format::Table => |name, waits| tell(&format!("{name} waits {waits}")),
        Format::Json => |_, _| {},
    };
    let (mut instances, mut failure) = (Vec::new(), None);
    for place in &places {
        if failure.is_some() {
            instances.push(Row::of(place, "not tried"));
            continue;
        }
        spinner.set_message(format!("starting {}", place.name()));
        let within = args.within.map(|within| within.get());
        let within = within.unwrap_or_else(|| place.start_within());
        let launch = Launch {
            told,
            ..Launch::of(binary.clone(), within)
        };
        match block_on(start(place, &launch))? {
            Ok(started) => instances.push(self::started(place, started)),
            Err(error) => {
                instances.push(Row::of(place, "failed"));
                failure = Some(super::explain("start", place, &error));
            }
        }
    }
    spinner.finish_and_clear();
    output.result("start", &Report { instances }, as_table)?;
    match failure {
        Some(failure) => Err(failure.into()),
        None => Ok(Exit::Done),
    }
}

fn nothing_to_start(nothing: Failure) -> Failure {
    Failure::new(Exit::NoInput, "no_instances", "there is nothing to start")
        .why(nothing.why)
        .hint(
            "'discordctl serve' serves at once, with no file; 'discordctl config init \
             config/instance1.json' writes one for 'start', and --config-dir names another folder",
        )
}

fn started(place: &Place, started: Started) -> Row {
    let (result, took, unit) = match started.start {
        Start::Already => ("already running", None, None),
        Start::Now(took) => ("started", Some(took), None),
        Start::ByUnit(unit) => ("started by systemd", None, Some(unit)),
    };
    Row {
        pid: Some(started.pid),
        took_ms: took.map(millis),
        unit,
        ..Row::of(place, result)
    }
}

fn as_table(report: &Report<Row>) -> String {
    let rows = report.instances.iter().map(Row::cells).collect();
    table(["INSTANCE", "RESULT", "PID", "TOOK"], rows)
}
