//! `discordctl drill`: a fault on servers of its own or on the configured ones, and a verdict.
mod report;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use discordctl::config::HumanDuration;
use discordctl::model::plain;
use discordctl::ops::drill::{self, Commands, DrillError, Event, Fault, Live, Plan, Replication};
use discordctl::ops::instances::Place;
use discordctl::private;

use crate::confirm::confirm;
use crate::deployment::{At, Fleet, Twice};
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::interrupt::{Interrupt, Second};
use crate::output::{Format, Output};
use crate::restart;
use crate::runtime::{block_on, own_file};

/// Cause a fault, on private servers or the configured ones, and see that nothing is lost
#[derive(Debug, Args)]
#[command(after_help = "\
Starts PostgreSQL, Redis or Valkey and two instances of its own, in a
temporary folder, on free ports of 127.0.0.1; whatever runs on this machine is
not touched. Clients send over HTTP, each message under a nonce until it is
acknowledged; readers are at each instance over TCP and SSE. When message
--kill-at is due, this happens:

  redis-outage      Redis is killed, and started again after --recovery-wait
  database-restart  the same with PostgreSQL, which is stopped as in a crash
  kill-instance     the same with an instance (kill -9)
  rolling-restart   every instance is replaced, one at a time
  failover          a primary with a streaming standby is killed and stays so,
                    and after --recovery-wait the standby is promoted; with
                    --async it lacks the newest messages: what was lost is
                    said, and readers must be told
  slow-reader       a reader reads nothing for --recovery-wait; messages are
                    large, so that no buffer of the kernel holds them all

Each client keeps its last message until the fault is over. Written are
messages.csv (a line for each message and reader), events.log, results.json.

With --live it happens to the instances of --config-dir, which must run here
and be healthy, after a question: a new room is talked in, which stays, and
readers use SSE. kill-instance kills what is proved to be the instance, and
starts it again as it was; rolling-restart does what 'restart --rolling' does.
How Redis or PostgreSQL is stopped and started only you know: --stop-command
and --start-command say it, and the second is run whatever becomes of the
first. Whatever was running runs in the end, after Ctrl-C too; only kill -9 of
the drill itself leaves that to you.

Exits 0 if every message was acknowledged and everyone saw each once and in
order, 2 if not, 69 if PostgreSQL or Redis is not installed.

Examples:
  discordctl drill redis-outage
  discordctl drill kill-instance --messages 400 --kill-at 200 --interval 10ms
  discordctl drill database-restart --recovery-wait 10s -o json
  discordctl drill failover
  discordctl drill failover --async --messages 200
  discordctl drill slow-reader --messages 1000 --kill-at 100 --interval 5ms
  discordctl drill rolling-restart --live --config-dir config
  discordctl drill kill-instance --live --instance instance-2 --interval 500ms
  discordctl drill redis-outage --live --stop-command 'systemctl stop redis' \
    --start-command 'systemctl start redis'")]
pub(crate) struct DrillArgs {
    /// What is made to fail
    #[arg(value_parser = faults())]
    fault: Fault,
    /// Messages, of all clients together
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    messages: u16,
    /// Cause the fault when this message is due
    #[arg(long, value_name = "N", default_value_t = 50)]
    kill_at: u16,
    /// Clients that send, in turn
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=100))]
    clients: u16,
    /// Between two messages
    #[arg(long, value_name = "TIME", default_value = "50ms")]
    interval: HumanDuration,
    /// How long the fault lasts
    #[arg(long, value_name = "TIME", default_value = "3s")]
    recovery_wait: HumanDuration,
    /// failover: commits do not wait for the standby, which falls behind
    #[arg(long = "async")]
    asynchronous: bool,
    /// Where to write the files; those of an earlier drill are replaced
    #[arg(long, value_name = "FOLDER", default_value = "logs")]
    logs: PathBuf,
    #[command(flatten)]
    live: LiveArgs,
}

#[derive(Debug, Args)]
struct LiveArgs {
    /// Not on private servers, but on the configured ones; asks first
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    at: At,
    /// The one that is killed [default: the first]
    #[arg(long, value_name = "INSTANCE", requires = "live")]
    instance: Option<String>,
    /// Stops Redis or PostgreSQL, for redis-outage and database-restart
    #[arg(
        long,
        value_name = "SHELL",
        requires = "live",
        requires = "start_command"
    )]
    stop_command: Option<String>,
    /// Starts it again
    #[arg(
        long,
        value_name = "SHELL",
        requires = "live",
        requires = "stop_command"
    )]
    start_command: Option<String>,
}

/// By its name.
fn faults() -> impl TypedValueParser<Value = Fault> {
    let named = |name: String| Fault::ALL.into_iter().find(|fault| fault.as_str() == name);
    PossibleValuesParser::new(Fault::ALL.map(Fault::as_str))
        .map(move |name| named(name).expect("only these are taken"))
}

pub(crate) fn run(args: &DrillArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let plan = args.plan(output)?;
    match &plan.live {
        None => without_settings()?,
        Some(live) => {
            plan.check().map_err(|error| explain(&error))?;
            confirm(yes, &live.question(&plan))?;
        }
    }
    // Before a drill is held whose result cannot be kept.
    let logs = &args.logs;
    private::folder(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let (held, ended) = block_on(async {
        // Before any server is started or stopped. A second signal changes nothing: what the drill
        // started is being ended, and what it stopped is being started again.
        let words = "ending the drill, and leaving everything as it was";
        let interrupt = Interrupt::saying(words, Second::ChangesNothing)?;
        let held = drill::run(plan, &interrupt.stop, tell(output.format())).await;
        anyhow::Ok((held, interrupt.exit()))
    })??;
    let outcome = match (held, ended) {
        (Ok(outcome), _) => outcome,
        (Err(DrillError::Stopped), Some(exit)) => return Ok(exit),
        (Err(error), _) => return Err(explain(&error).into()),
    };
    let results = serde_json::to_string_pretty(&outcome.report)? + "\n";
    write(logs, "messages.csv", &outcome.messages)?;
    write(logs, "events.log", &outcome.events)?;
    write(logs, "results.json", &results)?;
    output.result("drill", &outcome.report, report::summary)?;
    Ok(if outcome.report.passed {
        Exit::Done
    } else {
        Exit::Critical
    })
}

impl DrillArgs {
    fn plan(&self, output: &Output) -> anyhow::Result<Plan> {
        let most = self.messages;
        for (flag, value) in [("--kill-at", self.kill_at), ("--clients", self.clients)] {
            if !(1..=most).contains(&value) {
                return Err(usage(format!(
                    "{flag} is {value}, and there are {most} --messages"
                )));
            }
        }
        if self.asynchronous && self.fault != Fault::Failover {
            return Err(usage("--async is for the drill 'failover'".to_owned()));
        }
        let replication = if self.asynchronous {
            Replication::Asynchronous
        } else {
            Replication::Synchronous
        };
        Ok(Plan {
            fault: self.fault,
            replication,
            messages: self.messages.into(),
            kill_at: self.kill_at.into(),
            clients: self.clients.into(),
            interval: self.interval.get(),
            recovery_wait: self.recovery_wait.get(),
            binary: own_file()?,
            keeper: restart::keeper()?,
            live: self.live.servers(output)?,
        })
    }
}

impl LiveArgs {
    /// The servers that people use, if they are meant.
    fn servers(&self, output: &Output) -> anyhow::Result<Option<Live>> {
        if !self.live {
            return Ok(None);
        }
        let fleet = Fleet {
            // Known, or this says so.
            instances: self.instance.iter().cloned().collect(),
            at: self.at.clone(),
        };
        fleet.something()?;
        let chosen = fleet.members(Twice::Refuse, output)?;
        let places = fleet.all(Twice::Refuse, &output.quietly())?;
        let chosen = self.instance.as_ref().and(chosen.first());
        let is_chosen = |place: &Place| chosen.is_some_and(|member| member.file == place.file);
        let commands = self.stop_command.clone().zip(self.start_command.clone());
        Ok(Some(Live {
            victim: places.iter().position(is_chosen).unwrap_or(0),
            places,
            commands: commands.map(|(stop, start)| Commands { stop, start }),
        }))
    }
}

fn usage(why: String) -> anyhow::Error {
    let failure = Failure::new(Exit::Usage, "usage", "such a drill cannot be held")
        .why(why)
        .hint("see 'discordctl drill --help'");
    failure.into()
}

/// Settings of the environment beat those of a file, and would have the instances of a drill
/// serve the operator's own database. So this becomes a process that has none.
fn without_settings() -> anyhow::Result<()> {
    let names = std::env::vars_os().map(|(name, _)| name);
    let foreign: Vec<_> = names
        .filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("DISCORDCTL_") || name.starts_with("PG")
        })
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let mut again = Command::new(own_file()?);
    again.args(std::env::args_os().skip(1));
    for name in foreign {
        again.env_remove(name);
    }
    Err(again.exec()).context("cannot run this program again")
}

/// For people; a program reads `events.log`, and of stderr only what went wrong.
fn tell(format: Format) -> impl Fn(&Event) + Send + Sync + 'static {
    move |event| {
        if format == Format::Table {
            let at = event.at.format("%H:%M:%S%.3f");
            crate::output::tell(&format!("{at} {}", plain(&event.what)));
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    private::write_whole(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn explain(error: &DrillError) -> Failure {
    explain!(error, "the drill could not be held", error;
        DrillError::Missing { install, .. } => [Exit::Unavailable, "not_installed", *install];
        DrillError::Refused(_) => [Exit::Usage, "refused",
            "see 'discordctl drill --help'; nothing was touched"];
        DrillError::Io { .. } => [Exit::Io, "io",
            "see that the temporary folder (TMPDIR) can be written and entered by others"];
        _ => [Exit::Unavailable, "no_drill",
            "see what the server said, and that this machine is not overloaded"];
    )
}
