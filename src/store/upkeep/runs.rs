//! Runs of jobs: what was done when, and how it ended.
use chrono::{DateTime, Utc};

use super::{AHEAD, KEEP_RUNS, LOST_AFTER, Run, RunId, RunRow, Upkeep};
use crate::store::StoreError;
use crate::store::sql::Arg;

impl Upkeep {
    /// Enters the run of `job` that is due at `due`; none if it is entered already.
    pub async fn claim_run(
        &self,
        job: &str,
        due: DateTime<Utc>,
        instance: &str,
    ) -> Result<Option<RunId>, StoreError> {
        let sql = "INSERT INTO job_runs (job, due_at, instance) VALUES ($1, $2, $3)
             ON CONFLICT (job, due_at) DO NOTHING RETURNING id";
        let id: Option<(RunId,)> = {
            let args = [job.into(), due.into(), instance.into()];
            self.0.first(sql, &args).await?
        };
        Ok(id.map(|(id,)| id))
    }

    /// Enters a run of `job` that is not scheduled.
    pub async fn begin_run(&self, job: &str, instance: &str) -> Result<RunId, StoreError> {
        let sql = "INSERT INTO job_runs (job, instance) VALUES ($1, $2) RETURNING id";
        self.0.one(sql, &[job.into(), instance.into()]).await
    }

    /// Says how a run ended, unless that is said already.
    pub async fn end_run(&self, run: RunId, result: &str, detail: &str) -> Result<(), StoreError> {
        let sql = "UPDATE job_runs SET finished_at = @now, result = $2, detail = $3
             WHERE id = $1 AND finished_at IS NULL";
        let args = [run.into(), result.into(), detail.into()];
        self.0.run(sql, &args).await?;
        Ok(())
    }

    /// The run of each job that was entered last, whatever the clock said then.
    pub async fn last_runs(&self) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT id, job, due_at, instance, started_at, finished_at, result, detail
             FROM job_runs WHERE id IN (SELECT max(id) FROM job_runs GROUP BY job)
             ORDER BY job";
        let rows: Vec<RunRow> = self.0.all(sql, &[]).await?;
        Ok(rows.into_iter().map(Run::from).collect())
    }

    /// When the last run of `job` that ended well began, and the database's clock now.
    pub async fn last_well(
        &self,
        job: &str,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
        let sql = "SELECT started_at FROM job_runs WHERE job = $1 AND result = 'ok'
             ORDER BY id DESC LIMIT 1";
        let began: Option<(DateTime<Utc>,)> = self.0.first(sql, &[job.into()]).await?;
        let now = self.now().await?;
        Ok(began.map(|(began,)| (began, now)))
    }

    /// Ends runs whose process was killed as `lost`, and forgets old ones, and those of a time
    /// that is still to come; but for the last of each job, and the last that ended well.
    pub async fn tidy_runs(&self) -> Result<(), StoreError> {
        let lost = "UPDATE job_runs SET finished_at = @now, result = 'lost',
               detail = 'its process ended without a word'
             WHERE finished_at IS NULL AND (started_at < @now($1) OR started_at > @now($2))
               AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = 'job:' || job_runs.job
                 AND l.until > @now)";
        let old = "DELETE FROM job_runs
             WHERE (started_at < @now($1) OR started_at > @now($2))
               AND id < (SELECT max(id) FROM job_runs newest WHERE newest.job = job_runs.job)
               AND id <> coalesce((SELECT max(id) FROM job_runs well
                 WHERE well.job = job_runs.job AND well.result = 'ok'
                   AND well.started_at <= @now($2)), 0)";
        let tidied = async {
            let mut tx = self.0.begin_to_write().await?;
            tx.run(lost, &[Arg::Ago(LOST_AFTER), Arg::Ahead(AHEAD)])
                .await?;
            tx.run(old, &[Arg::Ago(KEEP_RUNS), Arg::Ahead(AHEAD)])
                .await?;
            Ok::<_, StoreError>(tx.commit().await?)
        };
        self.0.within(tidied).await
    }
}
