//! Runs of jobs: who did what, when, and how it ended.
use chrono::{DateTime, Utc};
use sqlx::postgres::PgPool;

use crate::store::upkeep::{AHEAD, KEEP_RUNS, LOST_AFTER, Run, RunId, RunRow};

pub(super) async fn claim(
    pool: &PgPool,
    job: &str,
    due: DateTime<Utc>,
    instance: &str,
) -> Result<Option<RunId>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let id = sqlx::query_scalar(
        "INSERT INTO job_runs (job, due_at, instance) VALUES ($1, $2, $3)
         ON CONFLICT (job, due_at) DO NOTHING RETURNING id",
    )
    .persistent(false)
    .bind(job)
    .bind(due)
    .bind(instance)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(id)
}

pub(super) async fn begin(pool: &PgPool, job: &str, instance: &str) -> Result<RunId, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let id =
        sqlx::query_scalar("INSERT INTO job_runs (job, instance) VALUES ($1, $2) RETURNING id")
            .persistent(false)
            .bind(job)
            .bind(instance)
            .fetch_one(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(id)
}

pub(super) async fn end(
    pool: &PgPool,
    run: RunId,
    result: &str,
    detail: &str,
) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "UPDATE job_runs SET finished_at = clock_timestamp(), result = $2, detail = $3
         WHERE id = $1 AND finished_at IS NULL",
    )
    .persistent(false)
    .bind(run)
    .bind(result)
    .bind(detail)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

pub(super) async fn last(pool: &PgPool) -> Result<Vec<Run>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let rows: Vec<RunRow> = sqlx::query_as(
        "SELECT DISTINCT ON (job) id, job, due_at, instance, started_at, finished_at, result, detail
         FROM job_runs ORDER BY job, id DESC",
    )
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(Run::from).collect())
}

pub(super) async fn tidy(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "UPDATE job_runs SET finished_at = clock_timestamp(), result = 'lost',
           detail = 'its process ended without a word'
         WHERE finished_at IS NULL
           AND (started_at < clock_timestamp() - make_interval(secs => $1)
             OR started_at > clock_timestamp() + make_interval(secs => $1))
           AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = 'job:' || job_runs.job
             AND l.until > clock_timestamp())",
    )
    .persistent(false)
    .bind(LOST_AFTER.as_secs_f64())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM job_runs r WHERE (started_at < clock_timestamp() - make_interval(secs => $1)
             OR started_at > clock_timestamp() + make_interval(secs => $2))
           AND id < (SELECT max(id) FROM job_runs newest WHERE newest.job = r.job)",
    )
    .persistent(false)
    .bind(KEEP_RUNS.as_secs_f64())
    .bind(AHEAD.as_secs_f64())
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
