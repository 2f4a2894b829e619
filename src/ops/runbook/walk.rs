//! Walking a runbook: check, finding, proposed command, ask, do, verify.
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::journal::Journal;
use super::parse::{Block, Book, Kind, Step};
use super::place::Place;
use super::shell::{self, Ended};
use crate::clock::{Clock, SystemClock};

/// A question takes no longer than this.
const CHECK: Duration = Duration::from_secs(30);
/// A restore or a rolling restart may take this long.
const ACTION: Duration = Duration::from_secs(30 * 60);
/// What was done may take so long to show.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_millis(500);

/// The person who walks along.
#[async_trait]
pub trait Person: Send {
    /// A line for them to read.
    fn told(&mut self, line: &str);
    /// Whether the command that they were just told may be run.
    async fn may(&mut self) -> bool;
}

/// How it stands at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Healthy,
    /// Something was not done that was proposed.
    Unfinished,
    Critical,
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub runbook: String,
    pub verdict: Verdict,
    pub seconds: f64,
    pub steps: Vec<Taken>,
    pub log: PathBuf,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    pub step: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    NothingToDo,
    /// With `dry_run`.
    Proposed,
    Declined,
    Helped,
    DidNotHelp,
}

/// Walks `book`. With `dry_run` it only checks, and says what it would do.
pub async fn walk(
    book: &Book,
    place: &Place,
    dry_run: bool,
    person: &mut dyn Person,
) -> io::Result<Report> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let begun = clock.now();
    let secrets = place.secrets.clone();
    let journal = Journal::create(&place.logs, &book.name, secrets, clock.clone())?;
    let mut walk = Walk {
        book,
        place,
        person,
        journal,
    };
    let (verdict, steps) = walk.whole(dry_run).await?;
    walk.say(&format!("verdict: {}", verdict.as_str()))?;
    Ok(Report {
        runbook: book.name.clone(),
        verdict,
        seconds: clock.now().duration_since(begun).as_secs_f64(),
        steps,
        log: walk.journal.path,
    })
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unfinished => "unfinished",
            Self::Critical => "still critical",
        }
    }
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingToDo => "nothing to do",
            Self::Proposed => "proposed",
            Self::Declined => "declined",
            Self::Helped => "helped",
            Self::DidNotHelp => "did not help",
        }
    }
}

struct Walk<'w> {
    book: &'w Book,
    place: &'w Place,
    person: &'w mut dyn Person,
    journal: Journal,
}

impl Walk<'_> {
    async fn whole(&mut self, dry_run: bool) -> io::Result<(Verdict, Vec<Taken>)> {
        self.say(&format!("{}: {}", self.book.name, self.book.title))?;
        let mut well = true;
        for block in &self.book.checks {
            let ended = self.run("check", block, CHECK).await?;
            well &= block.kind == Kind::Look || ended == Ended::Well;
        }
        if well {
            self.say("all checks are well: there is nothing here that this runbook mends")?;
            return Ok((Verdict::Healthy, Vec::new()));
        }
        let mut steps = Vec::new();
        for (i, step) in self.book.steps.iter().enumerate() {
            self.say("")?;
            self.say(&format!("step {}: {}", i + 1, step.title))?;
            let outcome = self.step(step, dry_run).await?;
            self.say(&format!("→ {}", outcome.as_str()))?;
            steps.push(Taken {
                step: step.title.clone(),
                outcome,
            });
            if outcome == Outcome::Declined {
                return Ok((Verdict::Unfinished, steps));
            }
        }
        if dry_run {
            return Ok((Verdict::Unfinished, steps));
        }
        self.say("")?;
        let mut well = true;
        for block in self
            .book
            .checks
            .iter()
            .filter(|block| block.kind == Kind::Check)
        {
            well &= self.becomes_well("check again", block).await?;
        }
        for block in &self.book.afterwards {
            self.run("look", block, CHECK).await?;
        }
        let verdict = if well {
            Verdict::Healthy
        } else {
            Verdict::Critical
        };
        Ok((verdict, steps))
    }

    async fn step(&mut self, step: &Step, dry_run: bool) -> io::Result<Outcome> {
        if self.run("check", &step.check, CHECK).await? == Ended::Well {
            return Ok(Outcome::NothingToDo);
        }
        for line in step.text.lines() {
            self.say(line)?;
        }
        if let Some(action) = &step.action {
            for line in action.script.lines() {
                self.say(&format!("  proposed: {line}"))?;
            }
            if dry_run {
                return Ok(Outcome::Proposed);
            }
            let may = self.person.may().await;
            self.journal
                .line(if may { "asked: yes" } else { "asked: no" })?;
            if !may {
                return Ok(Outcome::Declined);
            }
            self.run("do", action, ACTION).await?;
        } else if dry_run {
            return Ok(Outcome::Proposed);
        }
        Ok(if self.becomes_well("verify", &step.verify).await? {
            Outcome::Helped
        } else {
            Outcome::DidNotHelp
        })
    }

    /// Looks again and again, for some time; what it says is told once.
    async fn becomes_well(&mut self, what: &str, block: &Block) -> io::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut lines = Vec::new();
            let script = self.script(block);
            let ended = shell::run(&script, &self.place.variables, CHECK, |line| {
                lines.push(line.to_owned())
            })
            .await?;
            if ended == Ended::Well || Instant::now() >= deadline {
                self.show(what, block)?;
                for line in lines {
                    self.say(&format!("  {line}"))?;
                }
                self.end(ended)?;
                return Ok(ended == Ended::Well);
            }
            sleep(PAUSE).await;
        }
    }

    async fn run(&mut self, what: &str, block: &Block, within: Duration) -> io::Result<Ended> {
        self.show(what, block)?;
        let script = self.script(block);
        let (journal, person) = (&mut self.journal, &mut self.person);
        let mut written = Ok(());
        let ended = shell::run(&script, &self.place.variables, within, |line| match journal
            .line(&format!("  {line}"))
        {
            Ok(line) => person.told(&line),
            Err(error) => written = Err(error),
        })
        .await?;
        written?;
        self.end(ended)?;
        Ok(ended)
    }

    fn script(&self, block: &Block) -> String {
        format!("{}\n{}", self.book.setup, block.script)
    }

    fn show(&mut self, what: &str, block: &Block) -> io::Result<()> {
        for (i, line) in block.script.lines().enumerate() {
            let mark = if i == 0 {
                format!("{what} $")
            } else {
                "  >".to_owned()
            };
            self.say(&format!("{mark} {line}"))?;
        }
        Ok(())
    }

    fn end(&mut self, ended: Ended) -> io::Result<()> {
        self.say(&match ended {
            Ended::Well => "  ✓ well".to_owned(),
            Ended::Failed(code) => format!("  ✗ exit {code}"),
            Ended::Signalled => "  ✗ ended by a signal".to_owned(),
            Ended::Late => "  ✗ it took too long and was ended".to_owned(),
        })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let line = self.journal.line(line)?;
        self.person.told(&line);
        Ok(())
    }
}
