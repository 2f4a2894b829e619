//! `discordctl search`: what was said, found in the database.
use std::fmt::Write;

use clap::{Args, Subcommand};
use discordctl::config::Config;
use discordctl::model::{Entry, MessageId, format_time, plain_line};
use discordctl::ops::search::{self, Asked, FindError, Rebuilt, WriteError, find};
use serde::Serialize;

use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::interrupt::Interrupt;
use crate::output::{Output, table};
use crate::progress::Progress;
use crate::runtime::block_on;

/// Find what was said in all rooms, the newest first
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Words, \"phrases\", prefix*, -not, and the filters from:NAME in:ROOM before:2026-11-30 after:7d
has:link is:thread is:pinned: a message is found that has all of it. This looks at the database,
whether instances run or not, and into every room, private and direct ones too. What begins with
a hyphen follows '--'.

Examples:
  discordctl search tea from:alice
  discordctl search '\"four o'\\''clock\"' in:general --limit 100
  discordctl search -o json getUserById | jq '.hits[] | .message.seq'
  discordctl search -- tea -coffee")]
pub(crate) struct SearchArgs {
    /// What to look for
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    #[command(flatten)]
    settings: DatabaseSettings,
    /// So many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Go on before the message with this id: the 'next' of the page before
    #[arg(long, value_name = "ID")]
    cursor: Option<i64>,
    #[command(subcommand)]
    command: Option<SearchCommand>,
}

#[derive(Debug, Subcommand)]
enum SearchCommand {
    /// Make the index of words anew, while people talk
    #[command(after_help = "\
Until it is done, searches look at the newest messages alone and say that they are not complete. Nothing
that was said is touched. Interrupted, instances go on with it.

The word itself is looked for by 'discordctl search -- rebuild'.

Examples:
  discordctl search rebuild
  discordctl search rebuild --config config/instance1.json -o json")]
    Rebuild(RebuildArgs),
}

#[derive(Debug, Args)]
struct RebuildArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Serialize)]
struct Report {
    hits: Vec<Hit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    complete: bool,
}

#[derive(Serialize)]
struct Hit {
    message: Entry,
    room: String,
    /// In characters.
    ranges: Vec<[usize; 2]>,
}

pub(crate) fn run(args: &SearchArgs, output: &Output) -> anyhow::Result<Exit> {
    if let Some(SearchCommand::Rebuild(args)) = &args.command {
        let config = args.settings.load(Doubt::Refuse, output)?;
        return block_on(rebuild(&config, output))?;
    }
    let config = args.settings.load(Doubt::Take, output)?;
    let asked = Asked {
        typed: args.query.join(" "),
        before: args.cursor.map(MessageId::new),
        limit: args.limit.into(),
    };
    let found = block_on(find(&config, &asked))?.map_err(|error| told(&error, &config))?;
    let hits = found.hits.into_iter().map(|(message, ranges)| Hit {
        room: message.room.as_str().to_owned(),
        ranges: ranges
            .iter()
            .map(|range| [range.start, range.end].map(|at| chars(message.text(), at)))
            .collect(),
        message,
    });
    let report = Report {
        hits: hits.collect(),
        next: found.next.map(|next| next.to_string()),
        complete: found.complete,
    };
    output.result("search", &report, as_text)?;
    Ok(Exit::Done)
}

async fn rebuild(config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new("indexing");
    let done = search::rebuild(config, &progress, &interrupt.stop).await;
    progress.finish();
    let done = done.map_err(|error| not_rebuilt(&error, config))?;
    let text = |done: &Rebuilt| {
        let rest = if done.interrupted {
            "; it is not complete"
        } else {
            ""
        };
        format!("{} messages are in the new index{rest}", done.messages)
    };
    output.result("search-rebuild", &done, text)?;
    Ok(interrupt.ended().unwrap_or(Exit::Done))
}

fn not_rebuilt(error: &WriteError, config: &Config) -> Failure {
    explain!(error, "the search index was not made anew", error;
        WriteError::Store(error) => { database::explain(error, config) };
        WriteError::Lost => [Exit::TryAgain, "search_index_in_use",
            "another command took it over, as 'erase' does: run this again"];
        WriteError::Damaged(_) | WriteError::Inside(_) => [Exit::Bug, "search_index", "run this again"];
    )
}

/// How many characters are before that byte.
fn chars(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(0, |before| before.chars().count())
}

fn as_text(report: &Report) -> String {
    let row = |hit: &Hit| {
        let message = &hit.message;
        [
            hit.room.clone(),
            format!("#{}", message.seq),
            format_time(message.created_at),
            message.user.to_string(),
            plain_line(message.text()),
        ]
    };
    let mut text = match report.hits.as_slice() {
        [] => "nothing was found".to_owned(),
        hits => table(
            ["ROOM", "PLACE", "AT", "BY", "TEXT"],
            hits.iter().map(row).collect(),
        ),
    };
    // Writing into a string cannot fail.
    if let Some(next) = &report.next {
        let _ = write!(text, "\nthere may be older ones: --cursor {next}");
    }
    if !report.complete {
        text.push_str("\npart of the past could not be looked at");
    }
    text
}

fn told(error: &FindError, config: &Config) -> Failure {
    if let FindError::Store(why) = error {
        return database::explain(why, config);
    }
    explain!(error, "nothing was looked for", error;
        FindError::Query(_) => [Exit::Usage, "bad_query", "'discordctl help search' has examples"];
        FindError::NoRoom(_) => [Exit::Unavailable, "no_room",
            "'discordctl room list' lists them; a room of a workspace is called workspace/room"];
        FindError::Busy | FindError::Store(_) => [Exit::TryAgain, "busy", "try again in a moment"];
    )
}
