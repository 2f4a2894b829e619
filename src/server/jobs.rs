//! Jobs that are due: each run once for the whole deployment, in a process of its own.
//!
//! All times are the database's, and the instance that enters a due time first runs it. A time that none
//! was there for is made up for by one run, however many were missed.
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reload::Settings;
use crate::config::{Config, Schedule};
use crate::model::format_time;
use crate::random;
use crate::store::StoreError;
use crate::store::upkeep::{self, RunId, Upkeep};

/// The longest time between two looks at the database's clock.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Instances ask up to so much apart, not all at once.
const SPREAD: Duration = Duration::from_millis(255);
/// After the database did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// What a job's process may take to save its work when the instance stops; it may be killed at
/// any point.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What is run with `jobs run NAME --run ID` behind its own arguments.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
}

pub(super) struct Jobs {
    settings: Settings,
    jobs: Vec<Job>,
    program: Program,
}

/// A job's name, and where its schedule is.
type Kind = (&'static str, fn(&Config) -> &Schedule);

const JOBS: [Kind; 3] = [
    ("archive", |config| &config.archive.schedule),
    ("backup", |config| &config.backup.schedule),
    ("cleanup", |config| &config.retention.schedule),
];

struct Job {
    name: &'static str,
    of: fn(&Config) -> &Schedule,
    schedule: Schedule,
    /// The last due time that needs no more thought here.
    settled: Option<DateTime<Utc>>,
}

impl Jobs {
    pub(super) fn new(settings: Settings, program: Program) -> Self {
        let config = settings.borrow().clone();
        let job = |(name, of): Kind| Job {
            name,
            of,
            schedule: of(&config).clone(),
            settled: None,
        };
        Self {
            settings,
            jobs: JOBS.map(job).into(),
            program,
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let runs = TaskTracker::new();
        let look = async {
            loop {
                self.until_any_is_on().await;
                let pause = match self.look(&runs, &stop).await {
                    Ok(pause) => pause,
                    Err(error) => {
                        tracing::warn!(%error, "cannot look which jobs are due");
                        TRY_AGAIN
                    }
                };
                sleep(pause).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = look => {}
        }
        runs.close();
        runs.wait().await;
    }

    /// Waits until there is a job that runs by itself.
    async fn until_any_is_on(&mut self) {
        let on = |config: &Arc<Config>| self.jobs.iter().any(|job| !(job.of)(config).is_off());
        if self.settings.wait_for(on).await.is_err() {
            // Nothing can change any more.
            std::future::pending::<()>().await;
        }
    }

    /// Watches the database's clock, and starts what is due. Returns on an error.
    async fn look(
        &mut self,
        runs: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let config = self.settings.borrow().clone();
        let application = format!("discordctl {} jobs", config.instance_id);
        let upkeep = upkeep::open(config.db_url.expose(), &application).await?;
        self.settle(&upkeep).await?;
        loop {
            let now = upkeep.now().await?;
            let config = self.settings.borrow_and_update().clone();
            for at in 0..self.jobs.len() {
                self.jobs[at].follow(&config, now);
                self.jobs[at].mend(now);
                if let Some(due) = self.jobs[at].due(now) {
                    let name = self.jobs[at].name;
                    if let Some(run) = upkeep.claim_run(name, due, &config.instance_id).await? {
                        let work = self.program.work(&config, name, run, upkeep.clone());
                        runs.spawn(work.until(stop.clone()));
                    }
                    self.jobs[at].settled = Some(due);
                }
            }
            let pause = self.pause(now);
            tokio::select! {
                () = sleep(pause) => {}
                Ok(()) = self.settings.changed() => {}
            }
        }
    }

    /// A job that never ran has nothing to make up for: it waits for its next time.
    async fn settle(&mut self, upkeep: &Arc<Upkeep>) -> Result<(), StoreError> {
        let (now, last) = (upkeep.now().await?, upkeep.last_runs().await?);
        for job in &mut self.jobs {
            if job.settled.is_none() && !last.iter().any(|run| run.job == job.name) {
                job.settled = job.schedule.latest(now);
            }
        }
        Ok(())
    }

    /// Until the next time, and a little more, different for each instance.
    fn pause(&self, now: DateTime<Utc>) -> Duration {
        let next = self.jobs.iter().filter_map(|job| job.schedule.after(now));
        let next = next.min().and_then(|next| (next - now).to_std().ok());
        let spread = random::between(Duration::ZERO, SPREAD);
        next.unwrap_or(LOOK_EVERY).min(LOOK_EVERY) + spread
    }
}

impl Job {
    /// Goes by the schedule of `config`. What was due by another one before is not made up for.
    fn follow(&mut self, config: &Config, now: DateTime<Utc>) {
        let schedule = (self.of)(config);
        if self.schedule != *schedule {
            self.schedule = schedule.clone();
            self.settled = schedule.latest(now);
        }
    }

    /// What was settled at a time that is still to come was settled by a clock that went back
    /// since: the job goes on with the next time of the clock as it is.
    fn mend(&mut self, now: DateTime<Utc>) {
        if self.settled.is_some_and(|settled| settled > now) {
            let next = self.schedule.after(now).map(format_time);
            tracing::warn!(job = self.name, next, "the database's clock went back");
            self.settled = self.schedule.latest(now);
        }
    }

    fn due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let due = self.schedule.latest(now)?;
        self.settled
            .is_none_or(|settled| settled < due)
            .then_some(due)
    }
}

impl Program {
    fn work(&self, config: &Config, job: &'static str, run: RunId, upkeep: Arc<Upkeep>) -> Work {
        Work {
            program: self.path.clone(),
            variables: config.variables(),
            job,
            run,
            upkeep,
        }
    }
}

/// One run of a job.
struct Work {
    program: PathBuf,
    variables: Vec<(String, String)>,
    job: &'static str,
    run: RunId,
    upkeep: Arc<Upkeep>,
}

impl Work {
    /// Runs to its end. Then the run has one too, also if its process could not write it down.
    async fn until(self, stop: CancellationToken) {
        tracing::info!(job = self.job, run = self.run.get(), "a job begins");
        let ended = match self.spawn() {
            Ok(child) => wait(child, &stop).await,
            Err(error) => Err(error),
        };
        let why = match ended {
            Ok(output) if output.status.success() => {
                tracing::info!(job = self.job, run = self.run.get(), "a job ended");
                "it ended without a word".to_owned()
            }
            Ok(output) => {
                let status = output.status;
                let said = String::from_utf8_lossy(&output.stderr);
                let said: String = said.chars().take(500).collect();
                tracing::warn!(job = self.job, run = self.run.get(), %status, said, "a job failed");
                format!("its process ended with {status}")
            }
            Err(error) => {
                tracing::warn!(job = self.job, run = self.run.get(), %error, "a job cannot be run");
                format!("its process cannot be run: {error}")
            }
        };
        if let Err(error) = self.upkeep.end_run(self.run, "failed", &why).await {
            tracing::warn!(job = self.job, run = self.run.get(), %error, "cannot write down its end");
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(["jobs", "run", self.job, "--run", &self.run.to_string()])
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
    }
}

async fn wait(child: Child, stop: &CancellationToken) -> std::io::Result<Output> {
    let id = child.id();
    let mut ended = std::pin::pin!(child.wait_with_output());
    tokio::select! {
        output = &mut ended => return output,
        () = stop.cancelled() => {}
    }
    // It was not waited for yet: the id is still its own.
    signal(id, rustix::process::Signal::TERM);
    if let Ok(output) = timeout(LAST_WORDS, &mut ended).await {
        return output;
    }
    signal(id, rustix::process::Signal::KILL);
    ended.await
}

fn signal(id: Option<u32>, signal: rustix::process::Signal) {
    let id = id.and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = id.and_then(rustix::process::Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn a_clock_that_went_back_mends_itself() {
        let mut job = Job {
            name: "cleanup",
            of: |config| &config.retention.schedule,
            schedule: "*/5 * * * *".parse().expect("five fields"),
            settled: None,
        };
        let ahead = at("2035-02-01T10:02:00Z");
        let due = job.due(ahead).expect("it never ran");
        assert_eq!(due, at("2035-02-01T10:00:00Z"));
        job.settled = Some(due);
        // Set right, nothing is made up for, and the next time counts.
        let right = at("2026-11-29T10:02:00Z");
        job.mend(right);
        assert_eq!(job.due(right), None);
        let next = at("2026-11-29T10:05:00Z");
        job.mend(next);
        assert_eq!(job.due(next), Some(next));
        job.settled = Some(next);
        job.mend(next);
        assert_eq!(job.due(next), None, "what was just done is no jump");
    }

    #[test]
    fn another_schedule_holds_from_its_next_time_on() {
        let mut config = Config::default();
        config.retention.schedule = "off".parse().expect("off");
        let mut job = Job {
            name: "cleanup",
            of: |config| &config.retention.schedule,
            schedule: config.retention.schedule.clone(),
            settled: None,
        };
        let now = at("2026-11-29T10:02:00Z");
        assert_eq!(job.due(now), None);
        config.retention.schedule = "*/5 * * * *".parse().expect("five fields");
        job.follow(&config, now);
        assert_eq!(job.due(now), None, "it was not due before it was set");
        let next = at("2026-11-29T10:05:00Z");
        job.follow(&config, next);
        assert_eq!(job.due(next), Some(next));
    }

    #[test]
    fn no_clock_is_too_strange() {
        let schedule: Schedule = "*/5 * * * *".parse().expect("five fields");
        for time in [
            DateTime::<Utc>::MIN_UTC,
            at("1601-01-01T00:00:00Z"),
            at("1969-12-31T23:59:59.999Z"),
            at("2400-01-01T00:00:00Z"),
            DateTime::<Utc>::MAX_UTC,
        ] {
            let mut job = Job {
                name: "cleanup",
                of: |config| &config.retention.schedule,
                schedule: schedule.clone(),
                settled: Some(at("2026-01-01T00:00:00Z")),
            };
            job.mend(time);
            job.due(time);
        }
    }
}
