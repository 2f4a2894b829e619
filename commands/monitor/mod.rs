//! `discordctl monitor`: instances, database, Redis and alerts, live.
mod alert_rules;
mod draw;
mod live;
mod screen;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod theme;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use discordctl::config::{Config, HumanDuration, Level};
use discordctl::ops::monitor::{LOOKS, Monitor, MonitorError, View};
use discordctl::server::signalled;

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::runtime::block_on;
use theme::Theme;

/// Watch instances, database and Redis, live, with alerts
#[derive(Debug, Args)]
#[command(after_help = "\
Keys: q quit, ? help, s sort, / filter, p pause, Enter the runbook of an alert.

Where stdout is no terminal, or TERM says 'dumb', it looks once and prints a table, or JSON with
-o json. Rates need two looks, so that takes one interval. It then exits 1 if
there is a warning, 2 if something is critical. Figures that are not known are a
dash, and null in JSON.

An alert is raised when three looks one after another are beyond a threshold of
the configuration, and goes after three that are a fifth of the way back; with
--once by one look.

Examples:
  discordctl monitor
  discordctl monitor instance-1 instance-2 --interval 5s
  discordctl monitor --once -o json | jq '.alerts[].text'
  discordctl monitor --watch -o json >> monitor.jsonl
  discordctl monitor --alert-rules > /etc/prometheus/discordctl.rules.yml")]
pub(crate) struct MonitorArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// Between two looks
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    interval: HumanDuration,
    /// Print one look and end
    #[arg(long, conflicts_with = "watch")]
    once: bool,
    /// Print every look; with -o json a line of JSON each
    #[arg(long)]
    watch: bool,
    /// Print alert rules for Prometheus, made of the same thresholds
    #[arg(long, conflicts_with_all = ["once", "watch"])]
    alert_rules: bool,
}

/// Faster than this would be work for the instances and nothing for the eye.
const FASTEST: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &MonitorArgs, output: &Output) -> anyhow::Result<Exit> {
    if args.alert_rules {
        return alert_rules::run(&args.fleet, output);
    }
    let every = args.interval.get().max(FASTEST);
    let full = !args.once && !args.watch && output.format() == Format::Table && is_screen();
    args.fleet.something()?;
    let configs: Vec<Config> = args.fleet.configs(output)?;
    let looks = if full || args.watch { LOOKS } else { 1 };
    let monitor = Monitor::new(&configs, looks).map_err(explain)?;
    block_on(async {
        if full {
            let colours =
                anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
            live::run(monitor, every, Theme { colours }).await
        } else if args.watch {
            tokio::select! {
                exit = stream(monitor, every, output) => exit,
                signal = signalled() => {
                    Ok(Exit::of_signal(signal.context("cannot listen for signals")?))
                }
            }
        } else {
            once(monitor, every, output).await
        }
    })?
}

/// A terminal on which lines can be drawn over.
fn is_screen() -> bool {
    let term = std::env::var_os("TERM").unwrap_or_default();
    let draws = !term.is_empty() && term != "dumb";
    draws && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

async fn once(mut monitor: Monitor, every: Duration, output: &Output) -> anyhow::Result<Exit> {
    // The first look tells no rates.
    monitor.look().await;
    tokio::time::sleep(every).await;
    let view = monitor.look().await;
    output.result("monitor", &view, table::of)?;
    Ok(verdict(&view))
}

fn verdict(view: &View) -> Exit {
    match view.alerts.iter().map(|alert| alert.level).max() {
        Some(Level::Critical) => Exit::Critical,
        Some(Level::Warning) => Exit::Warning,
        _ => Exit::Done,
    }
}

/// Until the reader has gone.
async fn stream(mut monitor: Monitor, every: Duration, output: &Output) -> anyhow::Result<Exit> {
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let view = monitor.look().await;
        if !output.one_of_many("monitor", &view, table::of)? {
            return Ok(Exit::Done);
        }
    }
}

fn explain(error: MonitorError) -> Failure {
    let (code, key) = match error {
        MonitorError::Database(_) => ("db_url", "db_url"),
        MonitorError::Redis(_) => ("redis_url", "redis_url"),
    };
    Failure::new(Exit::Config, code, "there is nothing to watch")
        .why(error)
        .hint(format!(
            "check '{key}'; 'discordctl config show' says where it comes from"
        ))
}
