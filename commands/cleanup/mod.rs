//! `discordctl cleanup`: rooms trimmed to their newest messages.
mod report;

use clap::Args;
use discordctl::config::{Config, HumanDuration};
use discordctl::model::RoomName;
use discordctl::ops::cleanup::{Options, perform};

use crate::archive;
use crate::confirm::confirm;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::runtime::block_on;

/// Trim rooms to their newest messages, archiving the others first
#[derive(Debug, Args)]
#[command(after_help = "\
The newest messages of each room stay (retention.keep_last), and all that is
younger than retention.min_age. What goes is archived first, unless
retention.archive_first is false or --no-archive is given: then it is gone for
good, and this asks. It makes way for chat, and can be stopped or killed at
any moment and run again. While another cleanup or archive is at work, this
does nothing and says so. 'serve' runs it by itself (retention.schedule).

Examples:
  discordctl cleanup --dry-run
  discordctl cleanup --keep 100
  discordctl cleanup --room general=1000 --room lobby --max-run 4m
  discordctl cleanup --no-archive --yes")]
pub(crate) struct CleanupArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
    /// The newest messages of each room that stay [default: retention.keep_last, 10000]
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Only this room, perhaps with a number of its own; may be given several times
    #[arg(long, value_name = "ROOM[=N]", value_parser = room)]
    room: Vec<(RoomName, Option<usize>)>,
    /// End after this long; the next run goes on
    #[arg(long, value_name = "DURATION")]
    max_run: Option<HumanDuration>,
    /// Delete without archiving
    #[arg(long)]
    no_archive: bool,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
}

fn room(text: &str) -> Result<(RoomName, Option<usize>), String> {
    let (name, keep) = match text.rsplit_once('=') {
        Some((name, keep)) => {
            let keep = keep.parse().map_err(|_| format!("'{keep}' is no number"))?;
            (name, Some(keep))
        }
        None => (text, None),
    };
    let name = archive::room_named(name).map_err(|error| error.to_string())?;
    Ok((name, keep))
}

pub(crate) fn run(args: CleanupArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    let archives = config.retention.archive_first && !args.no_archive;
    let options = Options {
        keep: args.keep,
        rooms: args.room,
        no_archive: args.no_archive,
        max_run: args.max_run.map(HumanDuration::get),
        dry_run: args.dry_run,
    };
    if !archives && !options.dry_run {
        confirm(yes, &question(&config, &options))?;
    }
    block_on(work(&config, &options, output))?
}

async fn work(config: &Config, options: &Options, output: &Output) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new("archiving");
    let done = perform(config, options, &progress, &interrupt.stop).await;
    progress.finish();
    let report = done.map_err(|error| -> Failure { archive::failure::explain(&error, config) })?;
    output.result("cleanup", &report, report::as_text)?;
    if let Some(exit) = interrupt.ended() {
        return Ok(exit);
    }
    // What the time did not suffice for is pending.
    Ok(if report.unfinished {
        Exit::Warning
    } else {
        Exit::Done
    })
}

fn question(config: &Config, options: &Options) -> String {
    let keep = options.keep.unwrap_or(config.retention.keep_last);
    let rooms: Vec<String> = options
        .rooms
        .iter()
        .map(|(name, own)| format!("'{name}' ({} stay)", own.unwrap_or(keep)))
        .collect();
    let of = if rooms.is_empty() {
        format!("all but the newest {keep} messages of each room")
    } else {
        format!("all but the newest messages of {}", rooms.join(", "))
    };
    let url = &config.db_url;
    format!("delete {of} from {url} for good, without archiving them")
}
