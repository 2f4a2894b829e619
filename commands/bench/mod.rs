//! `discordctl bench`: load, and what the server made of it.
mod arguments;
mod table;
mod watch;

use std::path::Path;

use anyhow::Context;
use discordctl::ops::bench::{self, BenchError, Live, Outcome};

use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::output::Output;

pub(crate) use arguments::BenchArgs;

pub(crate) fn run(args: &BenchArgs, output: &Output) -> anyhow::Result<Exit> {
    let plan = args.plan(output)?;
    crate::serve::raise_open_files();
    let live = Live::default();
    let (outcome, ended) = watch::watched(&plan, &live, || bench::run(&plan, &live))
        .context("cannot watch for signals")?;
    let outcome = outcome.map_err(explain)?;
    write(args.csv.as_deref(), || bench::csv(&outcome))?;
    write(args.svg.as_deref(), || bench::svg(&outcome))?;
    output.result("bench", &outcome.report, table::of)?;
    Ok(match verdict(&outcome) {
        Exit::Done => ended.unwrap_or(Exit::Done),
        wrong => wrong,
    })
}

fn verdict(outcome: &Outcome) -> Exit {
    match &outcome.report {
        report if report.is_wrong() => Exit::Critical,
        report if report.has_errors() => Exit::Warning,
        _ => Exit::Done,
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).with_context(|| format!("cannot write {}", path.display()))
}

fn explain(error: BenchError) -> Failure {
    explain!(&error, "the load could not be run", &error;
        BenchError::Plan(_) => [Exit::Usage, "usage", "see 'discordctl bench --help'"];
        BenchError::Connect { .. } => [Exit::Unavailable, "cannot_connect",
            "start it with 'discordctl serve', or name another with --config or --tcp-port"];
        BenchError::Io(_) => [Exit::Io, "io",
            "see that so many connections are allowed (ulimit -n)"];
    )
}
