//! `discordctl epoch`: which past the database tells, and that it is known that it changed.
use clap::{Args, Subcommand};
use discordctl::model::format_time;
use discordctl::ops::upkeep::Era;
use serde::Serialize;

use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::Output;
use crate::runtime::block_on;

/// Show which past the database tells, or say that you know that it changed
#[derive(Debug, Args)]
#[command(after_help = "\
A restore, or a failover to a standby that lacked the newest messages, begins a new
epoch. Readers are told, and clients that come back with positions of the one before.
After a change that no operator asked for, /health is degraded until 'epoch ack'.

Examples:
  discordctl epoch
  discordctl epoch ack
  discordctl epoch begin 'recovered to 14:05'
  discordctl epoch -o json | jq .acknowledged_at")]
pub(crate) struct EpochArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Action {
    /// Say that it is known that the past changed
    Ack,
    /// Begin another, since you brought the database back by other means than 'restore'
    Begin {
        /// Why, as it is shown later
        reason: String,
    },
}

#[derive(Serialize)]
struct Report {
    epoch: String,
    since: String,
    reason: Option<String>,
    acknowledged_at: Option<String>,
}

impl From<Era> for Report {
    fn from(era: Era) -> Self {
        Self {
            epoch: era.epoch.to_string(),
            since: format_time(era.since),
            reason: era.reason,
            acknowledged_at: era.acknowledged_at.map(format_time),
        }
    }
}

pub(crate) fn run(args: &EpochArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    let era = block_on(async {
        let upkeep = database::open(&config, "epoch").await?;
        let era = match &args.action {
            Some(Action::Begin { reason }) => upkeep.change_epoch(reason).await,
            Some(Action::Ack) => upkeep.acknowledge_epoch().await,
            None => upkeep.era().await,
        };
        upkeep.close().await;
        era.map_err(|error| database::explain(&error, &config))
    })??;
    output.result("epoch", &Report::from(era), as_text)?;
    Ok(Exit::Done)
}

fn as_text(report: &Report) -> String {
    let begun = format!("epoch {} since {}", report.epoch, report.since);
    match (&report.reason, &report.acknowledged_at) {
        (None, _) => format!("{begun}: the past never changed"),
        (Some(reason), None) => format!(
            "{begun}: {reason}\nno operator has said that this is known: discordctl epoch ack"
        ),
        (Some(reason), Some(at)) => format!("{begun}: {reason}\nknown since {at}"),
    }
}
