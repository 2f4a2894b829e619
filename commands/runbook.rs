//! `discordctl runbook`: what to do when something is wrong, to read or to be led through.
use std::io::{BufRead, IsTerminal, Write};

use anyhow::Context;
use async_trait::async_trait;
use clap::{Args, Subcommand};
use discordctl::model::plain;
use discordctl::ops::runbook::{self, Book, Person, Place, Report, Verdict};
use discordctl::server::signalled;
use serde::Serialize;

use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::runtime::block_on;

/// What to do when something is wrong: read it, or be led through it
#[derive(Debug, Args)]
#[command(after_help = "\
'run' checks, says what it found, proposes a command, asks, runs it, and
verifies that it helped; all of it is written to a log in 'data_dir'. It exits
0 if all is well at the end, 1 if something was declined, 2 if it is still bad.

Commands take what differs from variables: PGHOST and so on, REDIS_CLI and HTTP
come from the configuration; START_REDIS, START_POSTGRES, GOOD_BINARY and BACKUP
from you. 'runbook show' says which.

Examples:
  discordctl runbook list
  discordctl runbook show valkey-down
  discordctl runbook run valkey-down --dry-run
  START_REDIS='systemctl restart valkey' discordctl runbook run valkey-down
  BACKUP=/backup/chat.dump discordctl runbook run restore-backup --yes")]
pub(crate) struct RunbookArgs {
    #[command(subcommand)]
    command: RunbookCommand,
}

#[derive(Debug, Subcommand)]
enum RunbookCommand {
    /// Name all runbooks
    List,
    /// Print one, as Markdown
    Show {
        #[arg(value_parser = runbook::NAMES)]
        name: String,
    },
    /// Walk through one: check, propose, ask, do, verify
    Run {
        #[arg(value_parser = runbook::NAMES)]
        name: String,
        /// Check, and show what would be proposed; change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        fleet: Fleet,
    },
}

#[derive(Serialize)]
struct List {
    runbooks: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    title: String,
    steps: usize,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    text: String,
}

pub(crate) fn run(args: RunbookArgs, yes: bool, output: &Output) -> anyhow::Result<Exit> {
    match args.command {
        RunbookCommand::List => list(output),
        RunbookCommand::Show { name } => {
            let shown = Shown {
                text: text(&name)?,
                name,
            };
            output.result("runbook-show", &shown, |shown| shown.text.clone())?;
            Ok(Exit::Done)
        }
        RunbookCommand::Run {
            name,
            dry_run,
            fleet,
        } => {
            let place = place(&fleet, output)?;
            let mut person = Asked::new(yes, dry_run)?;
            walk(&book(&name)?, &place, dry_run, &mut person, output)
        }
    }
}

fn text(name: &str) -> anyhow::Result<String> {
    runbook::text(name).with_context(|| format!("runbooks/{name}.md is not in this program"))
}

fn book(name: &str) -> anyhow::Result<Book> {
    Ok(runbook::parse(name, &text(name)?)?)
}

fn list(output: &Output) -> anyhow::Result<Exit> {
    let entry = |name| {
        let book = book(name)?;
        anyhow::Ok(Entry {
            name,
            title: book.title,
            steps: book.steps.len(),
        })
    };
    let runbooks: Result<_, _> = runbook::NAMES.into_iter().map(entry).collect();
    output.result(
        "runbook-list",
        &List {
            runbooks: runbooks?,
        },
        |list| {
            let row = |entry: &Entry| [entry.name.to_owned(), entry.title.clone()];
            table(["NAME", "WHEN"], list.runbooks.iter().map(row).collect())
        },
    )?;
    Ok(Exit::Done)
}

/// Commands are told of the deployment's first instance.
fn place(fleet: &Fleet, output: &Output) -> anyhow::Result<Place> {
    let members = fleet.members(Twice::Warn, output)?;
    let first = members.first().context("a deployment without instances")?;
    let file = first.file.as_ref().map(std::path::absolute).transpose()?;
    Ok(Place::of(&first.config, file.as_deref()))
}

fn walk(
    book: &Book,
    place: &Place,
    dry_run: bool,
    person: &mut Asked,
    output: &Output,
) -> anyhow::Result<Exit> {
    let report = block_on(async {
        tokio::select! {
            report = runbook::walk(book, place, dry_run, person) => {
                report.map(Ok).context("the walk could not go on")
            }
            signal = signalled() => Ok(Err(signal.context("cannot listen for signals")?)),
        }
    })?;
    let report = match report? {
        Ok(report) => report,
        // What ran was ended; to begin again is to go on, since every step checks first.
        Err(signal) => return Ok(Exit::of_signal(signal)),
    };
    output.result("runbook-run", &report, as_text)?;
    Ok(match report.verdict {
        Verdict::Healthy => Exit::Done,
        Verdict::Unfinished => Exit::Warning,
        Verdict::Critical => Exit::Critical,
    })
}

fn as_text(report: &Report) -> String {
    let row = |taken: &runbook::Taken| [taken.step.clone(), taken.outcome.as_str().to_owned()];
    let steps = if report.steps.is_empty() {
        String::new()
    } else {
        table(["STEP", "OUTCOME"], report.steps.iter().map(row).collect()) + "\n\n"
    };
    format!(
        "{steps}{}: {}, after {:.1} s; all of it is in {}",
        report.runbook,
        report.verdict.as_str(),
        report.seconds,
        report.log.display()
    )
}

/// The user at the terminal.
struct Asked {
    yes: bool,
}

impl Asked {
    fn new(yes: bool, dry_run: bool) -> Result<Self, Failure> {
        if yes || dry_run || std::io::stdin().is_terminal() {
            return Ok(Self { yes });
        }
        Err(
            Failure::new(Exit::Usage, "confirmation-needed", "nothing was done")
                .why("this asks before every command, and there is no terminal to ask at")
                .hint("say --yes if all that it proposes may be done, or --dry-run to see it"),
        )
    }
}

#[async_trait]
impl Person for Asked {
    fn told(&mut self, line: &str) {
        // If it is not read any more, the log still has it.
        let _ = writeln!(anstream::stderr().lock(), "{}", plain(line));
    }

    async fn may(&mut self) -> bool {
        if self.yes {
            return true;
        }
        // On a thread of its own, so that Ctrl-C is heard while nothing is typed.
        let asked = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            let mut stderr = anstream::stderr().lock();
            write!(stderr, "Run this? Type 'yes' to go on: ")?;
            stderr.flush()?;
            std::io::stdin().lock().read_line(&mut answer)?;
            std::io::Result::Ok(answer.trim() == "yes")
        });
        matches!(asked.await, Ok(Ok(true)))
    }
}
