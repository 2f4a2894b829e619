//! What `discordctl jobs` prints.
use discordctl::model::format_time;
use discordctl::ops::jobs::{Ended, Job, JobState};
use serde::Serialize;

use crate::output::table;
use crate::units::{time, took};

#[derive(Serialize)]
pub(super) struct ListReport {
    jobs: Vec<JobRow>,
}

#[derive(Serialize)]
struct JobRow {
    job: &'static str,
    schedule: String,
    next: Option<String>,
    /// When the last run was due, if it was a scheduled one.
    due_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_ms: Option<i64>,
    instance: Option<String>,
    /// `running`, `ok`, `failed`, `skipped`, `interrupted` or `lost`.
    result: Option<String>,
    detail: Option<String>,
    /// True where the last run is dated later than now.
    clock_went_back: bool,
    #[serde(skip)]
    shown: [String; 6],
}

impl From<Vec<JobState>> for ListReport {
    fn from(states: Vec<JobState>) -> Self {
        Self {
            jobs: states.into_iter().map(JobRow::from).collect(),
        }
    }
}

impl From<JobState> for JobRow {
    fn from(state: JobState) -> Self {
        let last = state.last;
        let run = last.as_ref();
        let duration = run.and_then(|run| Some(run.finished_at? - run.started_at));
        let result = run.map(|run| run.result.clone().unwrap_or("running".into()));
        let none = || "-".to_owned();
        let shown = [
            state.job.as_str().to_owned(),
            state.schedule.to_string(),
            state.next.map_or_else(none, time),
            run.map_or_else(none, |run| time(run.started_at)),
            duration.map_or_else(none, took),
            result.clone().unwrap_or_else(none),
        ];
        Self {
            job: state.job.as_str(),
            schedule: state.schedule.to_string(),
            next: state.next.map(format_time),
            due_at: run.and_then(|run| run.due_at).map(format_time),
            started_at: run.map(|run| format_time(run.started_at)),
            finished_at: run.and_then(|run| run.finished_at).map(format_time),
            duration_ms: duration.map(|time| time.num_milliseconds()),
            instance: run.map(|run| run.instance.clone()),
            result,
            clock_went_back: state.went_back,
            detail: last.and_then(|run| run.detail),
            shown,
        }
    }
}

impl ListReport {
    pub(super) fn as_text(&self) -> String {
        let heading = ["JOB", "SCHEDULE", "NEXT", "LAST", "TOOK", "RESULT"];
        let rows = self.jobs.iter().map(|job| job.shown.clone()).collect();
        let mut text = table(heading, rows);
        for job in &self.jobs {
            if job.clock_went_back {
                let next = job.next.as_deref().unwrap_or("never: it is off");
                text += &format!(
                    "\n{}: the clock went back since its last run; next: {next}",
                    job.job
                );
            }
            if let Some(detail) = job.detail.as_ref().filter(|detail| !detail.is_empty()) {
                text += &format!("\n{}: {detail}", job.job);
            }
        }
        text
    }
}

#[derive(Serialize)]
pub(super) struct RunReport {
    pub(super) job: Job,
    #[serde(flatten)]
    pub(super) ended: Ended,
}

impl RunReport {
    pub(super) fn as_text(&self) -> String {
        let Ended { result, detail } = &self.ended;
        format!("{}: {}: {detail}", self.job.as_str(), result.as_str())
    }
}
