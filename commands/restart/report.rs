//! What is told while a restart goes on, and at its end.
use discordctl::model::plain;
use discordctl::ops::instances::roll::{Event, How, Outcome, Progress, Report, Row, Verdict, Way};
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
    match event {
        Event::Preflight { instances, binary } => {
            format!("{instances} to replace, with {}", binary.display())
        }
        Event::Skipped { instance, why } => format!("{instance}: left alone, {why}"),
        Event::Began { instance, pid, way } => {
            let way = match way {
                Way::TakeOver => "a successor takes its connections over",
                Way::StopStart => "stop and start",
                Way::Systemd => "systemctl restart",
            };
            let pid = pid.map_or_else(|| "not running".to_owned(), |pid| format!("pid {pid}"));
            format!("{instance}: {pid}; {way}")
        }
        Event::Draining { instance, pid } => format!("{instance}: pid {pid} drains"),
        Event::Stopped {
            instance,
            pid,
            forced,
        } => {
            let how = if *forced {
                "was killed after its deadline"
            } else {
                "ended"
            };
            format!("{instance}: pid {pid} {how}")
        }
        Event::Started { instance, pid } => format!("{instance}: pid {pid} started"),
        Event::Ready {
            instance,
            pid,
            took_ms,
        } => {
            format!("{instance}: pid {pid} is ready, after {took_ms} ms")
        }
        Event::NotTakenOver { instance, why } => {
            format!("{instance}: not taken over ({why}); stop and start instead")
        }
        Event::Failed { instance, how, why } => format!("{instance}: {}: {why}", named(*how)),
        Event::Restoring { instance, binary } => {
            format!("{instance}: back to the old binary, {}", binary.display())
        }
        Event::Canary { instance, watch_ms } => {
            format!(
                "{instance}: watched beside the others for {} s",
                watch_ms / 1_000
            )
        }
        Event::Finished { instance, outcome } => format!("{instance}: {}", became(outcome)),
    }
}

fn named(how: How) -> &'static str {
    match how {
        How::Dead => "dead",
        How::Slow => "alive but slow",
        How::Worse => "worse than before",
        How::Refused => "not tried",
    }
}

fn became(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Replaced { pid } => format!("replaced, pid {pid}"),
        Outcome::Restored { pid, how, .. } => {
            format!(
                "the new one was {}; the old binary serves as pid {pid}",
                named(*how)
            )
        }
        Outcome::Kept { how, why, .. } => {
            let why = why.lines().next().unwrap_or_default();
            format!("not replaced ({}): {why}", named(*how))
        }
        Outcome::Lost { how, .. } => format!("NOT SERVING: the new one was {}", named(*how)),
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
