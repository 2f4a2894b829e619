//! Runs of jobs: who did what, when, and how it ended.
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqlitePool;

use super::{ago, ahead};
use crate::model::format_time;
use crate::store::upkeep::{AHEAD, KEEP_RUNS, LOST_AFTER, Run, RunId, RunRow};

pub(super) async fn claim(
    pool: &SqlitePool,
    job: &str,
    due: DateTime<Utc>,
    instance: &str,
) -> Result<Option<RunId>, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO job_runs (job, due_at, instance) VALUES (?1, ?2, ?3)
         ON CONFLICT (job, due_at) DO NOTHING RETURNING id",
    )
    .bind(job)
    .bind(format_time(due))
    .bind(instance)
    .fetch_optional(pool)
    .await
}

pub(super) async fn begin(
    pool: &SqlitePool,
    job: &str,
    instance: &str,
) -> Result<RunId, sqlx::Error> {
    sqlx::query_scalar("INSERT INTO job_runs (job, instance) VALUES (?1, ?2) RETURNING id")
        .bind(job)
        .bind(instance)
        .fetch_one(pool)
        .await
}

pub(super) async fn end(
    pool: &SqlitePool,
    run: RunId,
    result: &str,
    detail: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE job_runs SET finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
           result = ?2, detail = ?3
         WHERE id = ?1 AND finished_at IS NULL",
    )
    .bind(run)
    .bind(result)
    .bind(detail)
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn last(pool: &SqlitePool) -> Result<Vec<Run>, sqlx::Error> {
    let rows: Vec<RunRow> = sqlx::query_as(
        "SELECT id, job, due_at, instance, started_at, finished_at, result, detail
         FROM job_runs r
         WHERE id = (SELECT max(id) FROM job_runs newest WHERE newest.job = r.job)
         ORDER BY job",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Run::from).collect())
}

pub(super) async fn tidy(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "UPDATE job_runs SET finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), result = 'lost',
           detail = 'its process ended without a word'
         WHERE finished_at IS NULL
           AND (started_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
             OR started_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2))
           AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = 'job:' || job_runs.job
             AND l.until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
    )
    .bind(ago(LOST_AFTER))
    .bind(ahead(AHEAD))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM job_runs WHERE (started_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
             OR started_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2))
           AND id < (SELECT max(id) FROM job_runs newest WHERE newest.job = job_runs.job)",
    )
    .bind(ago(KEEP_RUNS))
    .bind(ahead(AHEAD))
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
