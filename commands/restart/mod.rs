//! `discordctl restart`: instances replaced one after the other.
mod failure;
mod report;
mod step;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use discordctl::config::HumanDuration;
use discordctl::ops::instances::roll::{self, Keeper, Plan, Refusal, Report, RollError};
use discordctl::ops::instances::{Place, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::interrupt::{Interrupt, Second};
use crate::output::Output;
use crate::runtime::{block_on, own_file, this_program};
use report::Told;

pub(crate) use step::{StepArgs, run as step};

/// Replace instances with a new process each, one after the other
#[derive(Debug, Args)]
#[command(after_help = "\
Where it can, the new process takes listeners and netcat sessions over, and
the old one serves until it has; otherwise, and with --no-handover, the old
one drains and ends first. The next instance is touched only when that very
process is ready. Where a new one dies or is not ready in time the old one
goes on, or the old binary is started again though its file may be gone; that
is the end of it: exit 2, the others are untouched.

With --rolling it also looks first (the new binary accepts every configuration
and the database, two instances are ready), watches each new process for
--soak, and sees that somebody else serves.

Ctrl-C finishes the instance it is at; a second one leaves that to the
background. Killed at any moment, every instance serves; --resume goes on,
--abort puts the old binary back.

With -o json: a line of JSON for each event (discordctl.restart-event/1), and
the result as the last one (discordctl.restart/1).

Examples:
  discordctl restart instance-2
  discordctl restart --rolling
  discordctl restart --rolling --canary --binary ./discordctl-next
  discordctl restart --resume")]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// So that somebody always serves
    #[arg(long)]
    rolling: bool,
    /// What to start [default: this program's own file]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Watch the first one for --canary-for beside the others before going on
    #[arg(long, requires = "rolling")]
    canary: bool,
    /// How long to watch the first one
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        requires = "canary"
    )]
    canary_for: HumanDuration,
    /// How long each must stay well
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        requires = "rolling"
    )]
    soak: HumanDuration,
    /// Though nobody may serve for a moment
    #[arg(long, requires = "rolling")]
    allow_downtime: bool,
    /// How long each may take to become ready [default: its 'db_wait' and 10 s]
    #[arg(long, value_name = "DURATION")]
    within: Option<HumanDuration>,
    /// Drain, even where connections could be handed over
    #[arg(long)]
    no_handover: bool,
    /// Go on with a roll that was interrupted or failed
    #[arg(long, conflicts_with_all = ["abort", "rolling", "instances", "binary"])]
    resume: bool,
    /// Give up a roll that was interrupted or failed: the old binary for what was replaced
    #[arg(long, conflicts_with_all = ["rolling", "instances", "binary"])]
    abort: bool,
}

pub(crate) fn run(args: &RestartArgs, output: &Output) -> anyhow::Result<Exit> {
    args.fleet.something()?;
    // Those named are known to the deployment, or this says so.
    let members = args.fleet.members(Twice::Refuse, output)?;
    if let Some(plain) = members.iter().find(|member| member.file.is_none()) {
        let instance = plain.config.instance_id.clone();
        return Err(failure::explain(&RollError::Refused(Refusal::NoFile { instance })).into());
    }
    let places = args.fleet.all(Twice::Refuse, &output.quietly())?;
    let keeper = keeper()?;
    let told = Told::new(output);
    let rolled = block_on(async {
        let words = "stopping after this instance; again to leave it to the background";
        let interrupt = Interrupt::saying(words, Second::Ends)?;
        rolled(args, &places, &keeper, &interrupt.stop, &told).await
    })?;
    told.close();
    match rolled? {
        Ok(report) => report::show(&report, output),
        Err(error) => Err(failure::explain(&error).into()),
    }
}

async fn rolled(
    args: &RestartArgs,
    places: &[Place],
    keeper: &Keeper,
    stop: &CancellationToken,
    told: &Told<'_>,
) -> anyhow::Result<Result<Report, RollError>> {
    let mut tell = |event| told.event(&event);
    Ok(if args.resume {
        roll::resume(places, keeper, stop, &mut tell).await
    } else if args.abort {
        roll::abort(places, keeper, &mut tell).await
    } else {
        let plan = plan(args)?;
        roll::roll(places, &plan, keeper, &SystemClock, stop, &mut tell).await
    })
}

fn plan(args: &RestartArgs) -> anyhow::Result<Plan> {
    let binary = args.binary.clone().map_or_else(own_file, Ok)?;
    let binary = std::path::absolute(&binary)
        .with_context(|| format!("cannot find {}", binary.display()))?;
    Ok(Plan {
        binary,
        binary_named: args.binary.is_some(),
        chosen: args.fleet.instances.clone(),
        start_stopped: !args.rolling,
        hand_over: !args.no_handover,
        allow_downtime: args.allow_downtime || !args.rolling,
        within: args.within.map(|within| within.get()),
        soak: if args.rolling {
            args.soak.get()
        } else {
            std::time::Duration::ZERO
        },
        canary: args.canary.then(|| args.canary_for.get()),
    })
}

pub(crate) fn keeper() -> anyhow::Result<Keeper> {
    Ok(Keeper {
        program: this_program()?,
        arguments: vec!["restart-step".to_owned()],
    })
}
