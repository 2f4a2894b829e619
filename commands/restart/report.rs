//! What is told while a restart goes on, and at its end.
use discordctl::model::plain;
use discordctl::ops::instances::roll::{
    Event, How, Outcome, Progress, Report, Row, Verdict, Way, What,
};
use indicatif::ProgressBar;

use crate::exit::Exit;
use crate::instances::spinner;
use crate::output::{Format, Output, table};

/// Where events go: a line each, of JSON on stdout or for people on stderr.
pub(super) struct Told<'o> {
    output: &'o Output,
    spinner: Option<ProgressBar>,
}

impl<'o> Told<'o> {
    pub(super) fn new(output: &'o Output) -> Self {
        let spinner = (output.format() == Format::Table).then(spinner);
        Self { output, spinner }
    }

    pub(super) fn event(&self, event: &Event) {
        match &self.spinner {
            // A reader that went away changes nothing.
            None => drop(self.output.json_line("restart-event", event)),
            Some(spinner) => {
                let line = plain(&sentence(event)).into_owned();
                spinner.suspend(|| crate::output::tell(&line));
                spinner.set_message(line.lines().next().unwrap_or_default().to_owned());
            }
        }
    }

    pub(super) fn close(self) {
        if let Some(spinner) = self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn sentence(event: &Event) -> String {
    let happened = happened(&event.what);
    match &event.instance {
        Some(instance) => format!("{instance}: {happened}"),
        None => happened,
    }
}

fn happened(what: &What) -> String {
    match what {
        What::Preflight { instances, binary } => {
            format!("{instances} to replace, with {}", binary.display())
        }
        What::Skipped { why } => format!("left alone, {why}"),
        What::Began { pid, way } => {
            let way = match way {
                Way::TakeOver => "a successor takes its connections over",
                Way::StopStart => "stop and start",
                Way::Systemd => "systemctl restart",
            };
            let pid = pid.map_or_else(|| "not running".to_owned(), |pid| format!("pid {pid}"));
            format!("{pid}; {way}")
        }
        What::Draining { pid } => format!("pid {pid} drains"),
        What::Stopped { pid, forced: true } => {
            format!("pid {pid} was killed after its deadline")
        }
        What::Stopped { pid, .. } => format!("pid {pid} ended"),
        What::Started { pid } => format!("pid {pid} started"),
        What::Ready { pid, took_ms } => format!("pid {pid} is ready, after {took_ms} ms"),
        What::NotTakenOver { why } => format!("not taken over ({why}); stop and start instead"),
        What::Failed(fault) => format!("{}: {}", named(fault.how), fault.why),
        What::Restoring { binary } => format!("back to the old binary, {}", binary.display()),
        What::Canary { watch_ms } => {
            format!("watched beside the others for {} s", watch_ms / 1_000)
        }
        What::Finished { outcome } => became(outcome),
    }
}

fn named(how: How) -> &'static str {
    match how {
        How::Dead => "dead",
        How::Declined => "not able to take over",
        How::Slow => "alive but slow",
        How::Worse => "worse than before",
        How::Refused => "not tried",
    }
}

fn became(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Replaced { pid } => format!("replaced, pid {pid}"),
        Outcome::Restored { pid, fault } => format!(
            "the new one was {}; the old binary serves as pid {pid}",
            named(fault.how)
        ),
        Outcome::Kept { fault, .. } => {
            let why = fault.why.lines().next().unwrap_or_default();
            format!("not replaced ({}): {why}", named(fault.how))
        }
        Outcome::Lost(fault) => format!("NOT SERVING: the new one was {}", named(fault.how)),
    }
}

/// The result, and what to do if it is not the end.
pub(super) fn show(report: &Report, output: &Output) -> anyhow::Result<Exit> {
    match output.format() {
        Format::Table => output.result("restart", report, as_table)?,
        Format::Json => output.json_line("restart", report)?,
    }
    let exit = match report.result {
        Verdict::Finished | Verdict::Aborted => return Ok(Exit::Done),
        Verdict::Failed => Exit::Critical,
        Verdict::Interrupted => Exit::Interrupted,
    };
    let advice = match (report.result, report.to_resume) {
        (Verdict::Interrupted, _) => {
            "go on with 'discordctl restart --resume', or take it back with '--abort'"
        }
        (_, true) => {
            "the roll stopped here: 'discordctl restart --resume' tries again, '--abort' puts the \
             old binary back (runbooks/bad-deploy.md)"
        }
        (_, false) => "the roll stopped here; every other instance is as it was",
    };
    crate::output::tell(&plain(advice));
    Ok(exit)
}

fn as_table(report: &Report) -> String {
    let row = |row: &Row| {
        let state = match row.state {
            Progress::Waiting if report.result == Verdict::Aborted => "as before",
            Progress::Waiting | Progress::Rolling => "untouched",
            Progress::Done => "done",
            Progress::Failed => "failed",
            Progress::Skipped => "not running",
        };
        let outcome = row.outcome.as_ref().map(became);
        [
            row.instance.clone(),
            state.to_owned(),
            outcome.unwrap_or_default(),
        ]
    };
    let rows = report.instances.iter().map(row).collect();
    table(["INSTANCE", "STATE", "OUTCOME"], rows)
}
