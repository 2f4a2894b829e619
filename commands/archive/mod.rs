//! `discordctl archive`: messages older than … to JSON documents, and what is there.
pub(crate) mod failure;
mod report;

use clap::{Args, Subcommand};
use discordctl::archive::{ArchiveError, Destination, Manifest};
use discordctl::config::{Config, HumanDuration};
use discordctl::model::{NameError, RoomName};
use discordctl::ops::archive::{self, Options};

use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::runtime::block_on;

/// Move old messages to JSON documents in a folder or a bucket
#[derive(Debug, Args)]
#[command(after_help = "\
What is older goes to the archive (archive.url: file:FOLDER or s3://BUCKET/PREFIX) as JSON that
'jq' reads. Each document is read back and entered in manifest.json before any row is deleted;
the newest messages of each room (retention.keep_last) stay in the database too. Stopped or
killed at any moment, run it again: it goes on. 'discordctl replay' brings messages back.

A bucket's keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for MinIO
and others, AWS_ENDPOINT_URL.

Examples:
  discordctl archive --dry-run
  discordctl archive --older-than 90d --room general
  DISCORDCTL_ARCHIVE_URL=s3://chat-archive discordctl archive --zstd
  discordctl archive list
  discordctl archive verify")]
pub(crate) struct ArchiveArgs {
    #[command(subcommand)]
    command: Option<ArchiveCommand>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    settings: DatabaseSettings,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// Archive now; the same as without a word
    Run(RunArgs),
    /// Show the documents that the archive holds
    List {
        /// Only those of this room; may be given several times
        #[arg(long, value_name = "ROOM")]
        room: Vec<String>,
    },
    /// Read every document and compare it with the manifest: exits 1 or 2 if they differ
    Verify,
}

#[derive(Debug, Default, PartialEq, Args)]
struct RunArgs {
    /// Age from which messages are archived [default: archive.older_than, 30d]
    #[arg(long, value_name = "DURATION")]
    older_than: Option<HumanDuration>,
    /// Only this room; may be given several times
    #[arg(long, value_name = "ROOM")]
    room: Vec<String>,
    /// Write documents, and delete nothing
    #[arg(long)]
    keep_rows: bool,
    /// Compress the documents (.json.zst); 'zstd -d' and 'discordctl replay' read them
    #[arg(long)]
    zstd: bool,
    /// Only show what would be written and deleted
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: ArchiveArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    block_on(async {
        match args.command {
            Some(_) if args.run != RunArgs::default() => Err(misplaced().into()),
            None => archive(args.run, &config, output).await,
            Some(ArchiveCommand::Run(run)) => archive(run, &config, output).await,
            Some(ArchiveCommand::List { room }) => list(&room, &config, output).await,
            Some(ArchiveCommand::Verify) => verify(&config, output).await,
        }
    })?
}

fn misplaced() -> Failure {
    Failure::new(
        Exit::Usage,
        "usage",
        "options of 'archive run' stand before another word",
    )
    .why("they mean nothing there")
    .hint("put options behind the word they belong to: 'discordctl archive run --dry-run'")
}

/// A room that may be there: operators name also those whose names could not be given any more.
pub(crate) fn room_named(name: &str) -> Result<RoomName, NameError> {
    match RoomName::asked(name) {
        (Some(name), _) => Ok(name),
        (None, fits) => fits.map(|()| RoomName::stored(name)),
    }
}

/// The names of rooms as they were typed.
pub(crate) fn rooms(names: &[String]) -> Result<Vec<RoomName>, Failure> {
    let parse = |name: &String| {
        room_named(name).map_err(|error| {
            Failure::new(
                Exit::Usage,
                "usage",
                format!("'{}' is no room", name.escape_debug()),
            )
            .why(error)
            .hint("name a room as '/rooms' lists it")
        })
    };
    names.iter().map(parse).collect()
}

async fn archive(args: RunArgs, config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let options = Options {
        older_than: args.older_than,
        rooms: rooms(&args.room)?,
        keep_rows: args.keep_rows,
        compress: args.zstd,
        dry_run: args.dry_run,
    };
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new("archiving");
    let done = archive::perform(config, &options, &progress, &interrupt.stop).await;
    progress.finish();
    let report = done.map_err(|error| failure::explain(&error, config))?;
    output.result("archive", &report, report::of_run)?;
    Ok(interrupt.ended().unwrap_or(Exit::Done))
}

async fn list(names: &[String], config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let failed = |error: ArchiveError| failure::explain(&error, config);
    let wanted = rooms(names)?;
    let destination = Destination::open(&config.archive.url).map_err(failed)?;
    let manifest = Manifest::load(&destination).await.map_err(failed)?;
    let asked = |room: &str| {
        let room = RoomName::stored(room);
        wanted.is_empty() || wanted.contains(&room)
    };
    let files: Vec<_> = manifest
        .entries()
        .iter()
        .filter(|entry| asked(&entry.room))
        .cloned()
        .collect();
    let list = report::List::new(destination.shown(), files);
    output.result("archive-list", &list, report::List::as_text)?;
    Ok(Exit::Done)
}

async fn verify(config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let failed = |error: ArchiveError| failure::explain(&error, config);
    let interrupt = Interrupt::listen()?;
    let destination = Destination::open(&config.archive.url).map_err(failed)?;
    let progress = Progress::new("verifying");
    let findings = archive::verify(&destination, &progress, &interrupt.stop).await;
    progress.finish();
    let verdict = report::Verdict::new(destination.shown(), findings.map_err(failed)?);
    output.result("archive-verify", &verdict, report::Verdict::as_text)?;
    Ok(interrupt.ended().unwrap_or(verdict.exit()))
}
