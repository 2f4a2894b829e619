//! `discordctl erase`: words out of the database, the archive, and what is put back later.
use clap::Args;
use discordctl::config::Config;
use discordctl::model::Seq;
use discordctl::ops::erase::{self, EraseError, Mode, Report, Verdict, What, WriteError};

use crate::archive::{failure, rooms};
use crate::confirm::confirm;
use crate::database;
use crate::deployment::{DatabaseSettings, Doubt};
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::interrupt::Interrupt;
use crate::output::{Output, table};
use crate::progress::Progress;
use crate::runtime::block_on;
use crate::secret;

/// Erase the words of messages: from the database, the archive, and what is restored later
#[derive(Debug, Args)]
#[command(after_help = "\
The words go, with their reactions and mentions; the place stays, and its readers are told that it was
deleted. --user erases all that a person said in any room, and who said it, and its reactions. Its
account stays as it is: 'user erase' takes that away, and leaves the words. Do both to forget a person,
this one first.

What is erased is written down, without words, in the database and beside the archive
(erasures.json), and no 'replay' and no 'restore' of an older backup brings it back. Killed at any
moment, run it again. Documents of the archive are made anew (….r1.json), and the manifest says so.

A SQLite database is rewritten (VACUUM), for which those who write wait. What stays elsewhere, as in
PostgreSQL's write-ahead log, older backups and other people's copies, is said at the end.

--verify exits 2 if something is left. With --words-stdin it also looks for lines of text that it
reads from standard input, in rows, documents and the bytes of a SQLite database's files.

Examples:
  discordctl erase --room general --seq 41 --why 'a telephone number'
  discordctl erase --room general --seq 41-57 --dry-run
  discordctl erase --user mallory --yes
  discordctl erase --again
  discordctl erase --verify
  echo 'the secret' | discordctl erase --verify --words-stdin")]
pub(crate) struct EraseArgs {
    /// All that this person said and reacted
    #[arg(long, value_name = "NAME", group = "what")]
    user: Option<String>,
    /// Messages of this room
    #[arg(long, value_name = "ROOM", group = "what", requires = "seq")]
    room: Option<String>,
    /// Which of them: one, or from one to another
    #[arg(long, value_name = "N[-M]", requires = "room", value_parser = part)]
    seq: Option<(Seq, Seq)>,
    /// All that ever was erased, once more
    #[arg(long, group = "what")]
    again: bool,
    /// Look for what is left of all that was erased
    #[arg(long, group = "what")]
    verify: bool,
    /// Look for these lines of text, too
    #[arg(long, requires = "verify")]
    words_stdin: bool,
    /// For the audit log
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["again", "verify"])]
    why: Option<String>,
    /// Only count what would be erased
    #[arg(long, conflicts_with = "verify")]
    dry_run: bool,
    #[command(flatten)]
    settings: DatabaseSettings,
}

fn part(text: &str) -> Result<(Seq, Seq), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse::<Seq>(), to.parse::<Seq>()) {
        (Ok(from), Ok(to)) if Seq::FIRST <= from && from <= to => Ok((from, to)),
        _ => Err("expected a seq, or two with a hyphen, the lower first".into()),
    }
}

pub(crate) fn run(args: &EraseArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    let config = args.settings.load(Doubt::Refuse, output)?;
    if args.verify {
        return block_on(verify(args, &config, output))?;
    }
    let what = what(args)?;
    if !args.dry_run {
        confirm(yes, &question(what.as_ref()))?;
    }
    block_on(erase(args, what, &config, output))?
}

/// What is named; `None` for all that ever was erased.
fn what(args: &EraseArgs) -> Result<Option<What>, Failure> {
    if let Some(name) = &args.user {
        return Ok(Some(What::Person(name.clone())));
    }
    if let (Some(room), Some((from, to))) = (&args.room, args.seq) {
        let room = rooms(std::slice::from_ref(room))?.pop();
        return Ok(room.map(|room| What::Part { room, from, to }));
    }
    if args.again {
        return Ok(None);
    }
    Err(
        Failure::new(Exit::Usage, "usage", "nothing is named to erase")
            .why("neither --user, --room with --seq, --again nor --verify is given")
            .hint("see 'discordctl erase --help'"),
    )
}

fn question(what: Option<&What>) -> String {
    match what {
        Some(What::Person(name)) => format!("erase all that '{name}' said, for good"),
        Some(What::Part { room, from, to }) if from == to => {
            format!("erase message {from} of room '{room}', for good")
        }
        Some(What::Part { room, from, to }) => {
            format!("erase messages {from} to {to} of room '{room}', for good")
        }
        None => "erase once more all that was erased".to_owned(),
    }
}

async fn erase(
    args: &EraseArgs,
    what: Option<What>,
    config: &Config,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Do };
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new("erasing");
    let done = match &what {
        Some(what) => {
            let asked = (what, args.why.as_deref());
            erase::perform(config, asked, mode, &progress, &interrupt.stop).await
        }
        None => erase::again(config, mode, &progress, &interrupt.stop).await,
    };
    progress.finish();
    let report = done.map_err(|error| told(&error, config))?;
    output.result("erase", &report, as_text)?;
    let left = !report.unread.is_empty() || report.not_cleaned.is_some();
    let exit = if left { Exit::Warning } else { Exit::Done };
    Ok(interrupt.ended().unwrap_or(exit))
}

async fn verify(args: &EraseArgs, config: &Config, output: &Output) -> anyhow::Result<Exit> {
    let words = if args.words_stdin {
        secret::lines_from_stdin()?
    } else {
        Vec::new()
    };
    let verdict = erase::verify(config, &words).await;
    let verdict = verdict.map_err(|error| told(&error, config))?;
    output.result("erase-verify", &verdict, of_verdict)?;
    Ok(if verdict.found.is_empty() {
        Exit::Done
    } else {
        Exit::Critical
    })
}

/// What went wrong, for the operator.
pub(crate) fn told(error: &EraseError, config: &Config) -> Failure {
    explain!(error, "nothing is named that is there", error;
        EraseError::Archive(error) => { failure::explain(error, config) };
        EraseError::Index(WriteError::Store(error)) => { database::explain(error, config) };
        EraseError::Index(WriteError::Damaged(_)) => [Exit::BadData, "search_index_damaged",
            "make it anew with 'discordctl search rebuild', then run 'discordctl erase --again'"];
        EraseError::Index(_) => [Exit::TryAgain, "search_index_in_use", "run 'discordctl erase --again'"];
        EraseError::NoPerson(_) => [Exit::NoInput, "no_such_person",
            "name a person as messages do; names that it had before are others'"];
        EraseError::NoRoom(_) => [Exit::NoInput, "no_such_room",
            "name rooms as they are listed by '/rooms'"];
        EraseError::Random(_) => [Exit::Io, "no_random_numbers", "nothing was erased: try again"];
    )
}

fn as_text(report: &Report) -> String {
    let (would, were) = if report.dry_run {
        ("would ", "would be ")
    } else {
        ("", "")
    };
    let mut lines = vec![
        format!(
            "{} messages {would}lose their words in the database",
            report.messages
        ),
        format!("{} reactions {were}removed", report.reactions),
        format!(
            "{} entries {were}erased in {} documents of the archive",
            report.archived, report.documents
        ),
    ];
    let unread = report.unread.iter();
    lines.extend(unread.map(|why| format!("cannot be read, and may hold some of it: {why}")));
    if let Some(why) = &report.not_cleaned {
        lines.push(format!(
            "the database's files may hold some of it: {why}; run 'discordctl erase --again'"
        ));
    }
    lines.push("this does not reach:".into());
    lines.extend(report.beyond.iter().map(|what| format!("- {what}")));
    lines.join("\n")
}

fn of_verdict(verdict: &Verdict) -> String {
    let mut lines = Vec::new();
    if !verdict.found.is_empty() {
        let row = |found: &erase::Found| [found.place.clone(), found.what.clone()];
        let rows = verdict.found.iter().map(row).collect();
        lines.push(format!("{}\n", table(["WHERE", "WHAT"], rows)));
    }
    lines.push(format!(
        "{} places have something that should be gone; looked for {} erasures in the database, {} documents and {} \
         database files",
        verdict.found.len(),
        verdict.erasures,
        verdict.documents,
        verdict.files
    ));
    lines.push("this does not see:".into());
    lines.extend(verdict.beyond.iter().map(|what| format!("- {what}")));
    lines.join("\n")
}
