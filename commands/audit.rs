//! `discordctl audit`: the log of what operators and moderators did.
use clap::Args;
use discordctl::model::format_time;
use discordctl::ops::people::{Audited, People};
use serde::Serialize;

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::output::{Output, table};
use crate::runtime::block_on;
use crate::user::explain;

/// Show what was done to people and rooms, the newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Each line says who did what to whom, where and why. It is written with what is done, and never
changed. What operators do at a command line is done by 'operator'.

Examples:
  discordctl audit
  discordctl audit --limit 500 -o json | jq '.entries[] | select(.action == \"ban\")'
  discordctl audit --before 4711")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
    /// So many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Older than the line with this id
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
}

#[derive(Serialize)]
struct Report {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: i64,
    at: String,
    actor: String,
    action: String,
    target: Option<String>,
    room: Option<String>,
    why: Option<String>,
    detail: Option<String>,
}

impl From<Audited> for Entry {
    fn from(line: Audited) -> Self {
        let Audited {
            id,
            at,
            actor,
            action,
            target,
            room,
            why,
            detail,
        } = line;
        Self {
            id,
            at: format_time(at),
            actor,
            action,
            target,
            room,
            why,
            detail,
        }
    }
}

pub(crate) fn run(args: &AuditArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Take, output)?;
    let found = block_on(async {
        let people = People::open(&config, "audit").await?;
        let found = people.audited(args.before, args.limit.into()).await;
        people.close().await;
        found
    })?;
    let found = found.map_err(|error| explain(error, &config))?;
    let entries = found.into_iter().map(Entry::from).collect();
    output.result("audit", &Report { entries }, as_text)?;
    Ok(Exit::Done)
}

fn as_text(report: &Report) -> String {
    if report.entries.is_empty() {
        return "nothing was done yet".into();
    }
    let row = |entry: &Entry| {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let because = [of(&entry.detail), of(&entry.why)];
        let because = because.into_iter().filter(|text| !text.is_empty());
        [
            entry.id.to_string(),
            entry.at.clone(),
            entry.actor.clone(),
            entry.action.clone(),
            of(&entry.target),
            of(&entry.room),
            because.collect::<Vec<_>>().join(": "),
        ]
    };
    let rows = report.entries.iter().map(row).collect();
    table(["ID", "AT", "BY", "DID", "TO", "IN", "WHY"], rows)
}
