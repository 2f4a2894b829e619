//! `discordctl events`: every entry of every room, as JSON Lines.
use std::fs;
use std::os::unix::fs::MetadataExt;

use clap::Args;
use discordctl::ops::events::{BadPosition, Events, Next, Since, Until};

use crate::archive;
use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::unless_signalled;
use crate::output::{Output, reader_has_gone, write_out};
use crate::runtime::block_on;

/// Tell every entry of every room as JSON Lines, and follow those that come
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the database, whether or not an instance runs, and changes nothing. A line is what
Server-Sent Events carry, with 'event' and 'epoch': message, gap (these were deleted; the
archive may have them), reset (of what was told of the room, only what is up to last_seq is
still so; what is stored after that follows). In a room lines come in the order of seq;
between rooms there is none.

The position is one of each room. An id would not do: it is given before its row is
committed, and may become visible after greater ones. What was told before is a position by
itself, of which the newest messages are known again where the past has changed:

Examples:
  discordctl events > all.jsonl
  discordctl events --follow --after @all.jsonl >> all.jsonl     goes on where it ended
  discordctl events --follow --after end --room general | jq -r .content
  discordctl events --after general=41 --after random=7")]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    settings: DatabaseSettings,
    /// Go on as entries come, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Begin after ROOM=SEQ, after what @FILE holds of earlier lines, or at the 'end'; may be given
    /// several times; rooms that it does not name begin with their first
    #[arg(long, value_name = "POSITION")]
    after: Vec<String>,
    /// Only this room; may be given several times
    #[arg(long, value_name = "ROOM")]
    room: Vec<String>,
}

pub(crate) fn run(args: &EventsArgs, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Take, output)?;
    let rooms = archive::rooms(&args.room)?;
    let since = since(args, output)?;
    let until = if args.follow {
        Until::Stopped
    } else {
        Until::End
    };
    let application = format!("discordctl events, pid {}", std::process::id());
    let mends = since.torn.iter().any(|file| is_stdout(file));
    let told = block_on(unless_signalled(async {
        let explain = |error| database::explain(&error, &config);
        let events = Events::open(&config.db_url, &application, rooms, since, until);
        let mut events = events.map_err(explain)?;
        // A line that was cut off stands alone then, and is skipped the next time.
        if mends && !write_out(b"\n".to_vec()).await? {
            return Ok(Exit::Done);
        }
        let mut gone = std::pin::pin!(reader_has_gone());
        loop {
            let next = tokio::select! {
                next = events.next() => next.map_err(explain)?,
                () = &mut gone => break,
            };
            match next {
                Next::Lines(lines) => {
                    if !write_out(lines.into_bytes()).await? {
                        break;
                    }
                }
                Next::End => break,
                Next::Away(error) => output.note(&format!(
                    "the database does not answer: {error}; asking until it does"
                )),
                Next::Back => output.note("the database answers again"),
            }
        }
        events.close().await;
        Ok(Exit::Done)
    }))?;
    told.unwrap_or_else(Ok)
}

fn since(args: &EventsArgs, output: &Output) -> Result<Since, Failure> {
    let mut since = Since::default();
    for position in &args.after {
        since.add(position).map_err(|error| bad(&error))?;
    }
    if since.skipped > 0 {
        output.note(&format!(
            "{} lines are no entries, or were cut off; they are skipped",
            since.skipped
        ));
    }
    Ok(since)
}

fn bad(error: &BadPosition) -> Failure {
    let exit = match error {
        BadPosition::Unknown(_) => Exit::Usage,
        BadPosition::File { source, .. } => Exit::from(source),
    };
    Failure::new(exit, "bad_position", "cannot begin there")
        .why(error)
        .hint("--after ROOM=SEQ, --after @FILE with lines that were told before, or --after end")
}

/// Whether what is told is appended to that very file.
fn is_stdout(file: &std::path::Path) -> bool {
    let (Ok(named), Ok(stdout)) = (fs::metadata(file), fs::metadata("/dev/stdout")) else {
        return false;
    };
    (named.dev(), named.ino()) == (stdout.dev(), stdout.ino())
}
