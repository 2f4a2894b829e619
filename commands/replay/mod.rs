//! `discordctl replay`: archived messages back into the database.
mod failure;

use clap::Args;
use discordctl::archive::Destination;
use discordctl::config::Config;
use discordctl::ops::archive::{Alone, Session};
use discordctl::ops::replay::{self, Plan, ReplayError, Report};
use tokio_util::sync::CancellationToken;

use crate::archive::rooms;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, table};
use crate::progress::Progress;
use crate::runtime::block_on;

/// Bring archived messages back into the database, exactly as they were
#[derive(Debug, Args)]
#[command(after_help = "\
A FILE is a document here (.json, .json.zst), a folder of them, or a path as 'discordctl archive
list' shows it. All of them are read and checked before the first row is written: a wrong byte
changes nothing. What is there already is left alone, so run it again after any interruption.

A document may hold only id, user, content and created_at: then its messages stand in order, the
oldest first, and must all be older or all be newer than what their room has. An id is a whole
number below 2^53 that no other message has; names are such as can be chosen here.

What an instance saved of messages that the database lost (lost-<time>.json) goes to the end of its
room, with new ids; run again, or with another instance's file, each message is put back once.

People who are online are not told of replayed messages as if they were new. 'cleanup' and
'archive' take old messages away again when they are due.

Examples:
  discordctl replay archive/rooms/1/2024/01/general_1-5000.json
  discordctl replay archive --room general --dry-run
  DISCORDCTL_ARCHIVE_URL=s3://chat-archive discordctl replay rooms/1/2024")]
pub(crate) struct ReplayArgs {
    /// Documents, or folders of them
    #[arg(value_name = "FILE", required_unless_present = "file")]
    files: Vec<String>,
    /// The same as FILE; may be given several times
    #[arg(long, value_name = "FILE")]
    file: Vec<String>,
    /// Only documents of this room
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Check everything, and only show what would be restored
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: DatabaseSettings,
}

pub(crate) fn run(args: ReplayArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    block_on(replay(args, &config, output))?
}

async fn replay(args: ReplayArgs, config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let failed = |error: ReplayError| -> Failure { failure::explain(&error, config) };
    let room: Vec<String> = args.room.into_iter().collect();
    let plan = Plan {
        room: rooms(&room)?.pop(),
        dry_run: args.dry_run,
    };
    let interrupt = Interrupt::listen()?;
    let archive = Destination::open(&config.archive.url).map_err(|e| failed(e.into()))?;
    let mut sources = Vec::new();
    for name in args.files.iter().chain(&args.file) {
        sources.extend(replay::find(name, &archive).await.map_err(failed)?);
    }
    let alone = Alone::Archive.unless(args.dry_run);
    let session = Session::open(&config.db_url, "discordctl replay", alone).await;
    let session = session.map_err(|e| failed(e.into()))?;
    let progress = Progress::new("replaying");
    let work = async |session: &mut Session, stop: &CancellationToken| {
        replay::run(
            &mut session.history,
            &archive,
            sources,
            &plan,
            &progress,
            stop,
        )
        .await
    };
    let done = session.during(&interrupt.stop, work).await;
    progress.finish();
    let report = done.map_err(failed)?;
    output.result("replay", &report, as_text)?;
    Ok(interrupt.ended().unwrap_or(Exit::Done))
}

fn as_text(report: &Report) -> String {
    let (did, nothing) = if report.dry_run {
        ("would be restored", "nothing was changed; ")
    } else {
        ("restored", "")
    };
    let sum = format!(
        "{nothing}{} of {} entries {did}; the others are there",
        report.restored, report.entries
    );
    let left_out = report.left_out.iter().map(|document| {
        let (path, by) = (&document.path, &document.superseded_by);
        format!("\n{path} is of another past and was left out: {by} holds its places")
    });
    let sum = sum + &left_out.collect::<String>();
    if report.files.is_empty() {
        return sum;
    }
    let rows = report.files.iter().map(|file| {
        [
            file.path.clone(),
            file.room.clone(),
            file.entries.to_string(),
            file.restored.to_string(),
        ]
    });
    let rows = table(["FILE", "ROOM", "ENTRIES", "RESTORED"], rows.collect());
    format!("{rows}\n\n{sum}")
}
