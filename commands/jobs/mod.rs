//! `discordctl jobs`: the schedule, the last runs, and running one now.
mod report;
mod work;

use clap::{Args, Subcommand};
use discordctl::config::Config;
use discordctl::ops::jobs::{self, Job, RunResult};
use discordctl::ops::upkeep::RunId;
use discordctl::server::disregard_all;

use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::runtime::block_on;
use crate::settings;
use report::{ListReport, RunReport};

/// Show the scheduled jobs, or run one now
#[derive(Debug, Args)]
#[command(after_help = "\
'serve' runs them: 'archive' as archive.schedule says, 'backup' as
backup.schedule, 'cleanup' as retention.schedule, in UTC, once for all
instances of a database; \"off\" turns one off. A time at which no instance ran is made up for by one run.

Examples:
  discordctl jobs list
  discordctl jobs list -o json | jq '.jobs[] | {job, next, result}'
  discordctl jobs run cleanup")]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Show when each job runs, and how it went last
    List,
    /// Run one now, unless it is under way
    Run {
        /// archive, cleanup or backup
        #[arg(value_name = "JOB")]
        job: Job,
        /// A run that a scheduler entered already
        #[arg(long, value_name = "ID", hide = true)]
        run: Option<RunId>,
    },
}

pub(crate) fn run(args: JobsArgs, output: &Output) -> anyhow::Result<Exit> {
    match args.command {
        JobsCommand::List => {
            let config = args.settings.load(Doubt::Take, output)?;
            block_on(list(&config, output))?
        }
        JobsCommand::Run { job, run } => {
            let config = match run {
                None => args.settings.load(Doubt::Refuse, output)?,
                // The instance that runs it has given it all settings, as variables.
                Some(_) => settings::of(None)?.config,
            };
            block_on(async {
                if run.is_some() {
                    give_way();
                    // Its instance says when to end, and no terminal of that.
                    disregard_all();
                }
                run_now(&config, job, run, output).await
            })?
        }
    }
}

async fn list(config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let failed = |error| database::explain(&error, config);
    let upkeep = database::open(config, "jobs").await?;
    let states = jobs::list(config, upkeep.as_ref()).await.map_err(failed)?;
    upkeep.close().await;
    output.result("jobs", &ListReport::from(states), ListReport::as_text)?;
    Ok(Exit::Done)
}

async fn run_now(
    config: &Config,
    job: Job,
    run: Option<RunId>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let failed = |error| database::explain(&error, config);
    let interrupt = Interrupt::listen()?;
    let upkeep = database::open(config, "jobs").await?;
    let ended = jobs::run(&upkeep, job, run, &config.instance_id, || {
        work::work(config, job, &interrupt.stop)
    });
    let ended = ended.await.map_err(failed)?;
    upkeep.close().await;
    let exit = match ended.result {
        RunResult::Ok | RunResult::Skipped => Exit::Done,
        RunResult::Failed => Exit::Critical,
        RunResult::Interrupted => Exit::Interrupted,
    };
    let report = RunReport { job, ended };
    output.result("jobs-run", &report, RunReport::as_text)?;
    Ok(interrupt.ended().unwrap_or(exit))
}

/// Chat runs on the same machine, and goes first.
fn give_way() {
    const NICE: i32 = 10;
    // Where it is not allowed, the job is as important as chat.
    let _ = rustix::process::nice(NICE);
}
