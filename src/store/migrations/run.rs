//! One step, run by refinery.
use std::time::Duration;

use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use refinery_core::{AsyncMigrate, Migration, Runner, Target};

use super::database::Database;
use super::error::MigrateError;
use super::normal::statements;
use super::step::Step;
use super::{HISTORY, Patience, name};
use crate::store::StoreError;

/// How long to let others go first when a lock was not to be had.
const LET_OTHERS: Duration = Duration::from_millis(500);

/// What refinery's own table has no column for: the floor, and whether a step that runs without
/// a transaction began and did not end.
const MARKS: &str = "CREATE TABLE IF NOT EXISTS schema_steps
    (version integer PRIMARY KEY, floor integer NOT NULL, dirty boolean NOT NULL)";

/// Brings the database up by `step`; false if another process just did.
pub(super) async fn up(
    database: &mut Database,
    steps: &[Step],
    step: &Step,
    patience: &Patience,
) -> Result<bool, MigrateError> {
    let runner = runner(steps, step)?;
    if !step.transaction {
        return Run::new(database, step).whole(&runner).await;
    }
    for tries in 1.. {
        database.begin(patience.lock_timeout).await?;
        let mut run = Run::new(database, step);
        let outcome = run.whole(&runner).await;
        let busy = run.lock_timed_out;
        match outcome {
            Ok(ran) => {
                database.run("COMMIT").await?;
                return Ok(ran);
            }
            Err(error) => {
                database.run("ROLLBACK").await?;
                again(busy, tries, step, patience, error).await?;
            }
        }
    }
    Ok(false)
}

/// Takes `step` back.
pub(super) async fn down(
    database: &mut Database,
    step: &Step,
    patience: &Patience,
) -> Result<(), MigrateError> {
    if !step.transaction {
        return down_detached(database, step).await;
    }
    for tries in 1.. {
        database.begin(patience.lock_timeout).await?;
        let forget = forget(step.version);
        let whole = async {
            database.run(&step.down).await?;
            database.run(&forget).await
        };
        match whole.await {
            Ok(()) => {
                database.run("COMMIT").await?;
                return Ok(());
            }
            Err(error) => {
                database.run("ROLLBACK").await?;
                let busy = lock_timed_out(&error);
                again(busy, tries, step, patience, failed(step, &error)).await?;
            }
        }
    }
    Ok(())
}

async fn down_detached(database: &mut Database, step: &Step) -> Result<(), MigrateError> {
    let failed = |error| failed(step, &error);
    database.run(&mark(step, true)).await.map_err(failed)?;
    undo(database, step).await.map_err(failed)?;
    Ok(database.run(&forget(step.version)).await?)
}

/// Runs the way back of a step that has no transaction, statement by statement. Each is to say
/// IF EXISTS: it is not known which part of the way there was done.
pub(super) async fn undo(database: &mut Database, step: &Step) -> Result<(), sqlx::Error> {
    for statement in statements(&step.down) {
        database.run(statement).await?;
    }
    Ok(())
}

/// SQL that makes a step one that never ran.
pub(super) fn forget(version: i32) -> String {
    format!(
        "DELETE FROM {HISTORY} WHERE version = {version};
         DELETE FROM schema_steps WHERE version = {version}"
    )
}

fn mark(step: &Step, dirty: bool) -> String {
    format!(
        "INSERT INTO schema_steps (version, floor, dirty) VALUES ({}, {}, {dirty})
         ON CONFLICT (version) DO UPDATE SET floor = excluded.floor, dirty = excluded.dirty",
        step.version, step.floor
    )
}

fn runner(steps: &[Step], step: &Step) -> Result<Runner, MigrateError> {
    let migrations: Result<Vec<Migration>, _> = steps.iter().map(Step::migration).collect();
    let mut runner = Runner::new(&migrations?)
        // A newer program may have been here; its floor says whether that is all right.
        .set_abort_missing(false)
        .set_target(Target::Version(step.version));
    runner.set_migration_table_name(HISTORY);
    Ok(runner)
}

/// Waits for another try, if it was only a lock that was not to be had.
async fn again(
    busy: bool,
    tries: u32,
    step: &Step,
    patience: &Patience,
    error: MigrateError,
) -> Result<(), MigrateError> {
    if !busy {
        return Err(error);
    }
    if tries >= patience.tries {
        return Err(MigrateError::Busy {
            step: name(step.version, &step.name),
            within: patience.lock_timeout,
            tries,
        });
    }
    tokio::time::sleep(LET_OTHERS).await;
    Ok(())
}

fn lock_timed_out(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if e.code().as_deref() == Some("55P03"))
}

fn failed(step: &Step, error: &sqlx::Error) -> MigrateError {
    if let sqlx::Error::Database(e) = error
        && e.code().is_some_and(|code| code == "42501")
    {
        let step = name(step.version, &step.name);
        let why = format!("the database does not allow step {step}: {}", e.message());
        return StoreError::NotAllowed(why).into();
    }
    let reason = match error {
        sqlx::Error::Database(e) => e.message().to_owned(),
        other => other.to_string(),
    };
    MigrateError::Failed {
        step: name(step.version, &step.name),
        reason,
    }
}

/// refinery's hands.
struct Run<'d> {
    database: &'d mut Database,
    step: &'d Step,
    lock_timed_out: bool,
    error: Option<MigrateError>,
}

impl<'d> Run<'d> {
    fn new(database: &'d mut Database, step: &'d Step) -> Self {
        Self {
            database,
            step,
            lock_timed_out: false,
            error: None,
        }
    }

    async fn whole(&mut self, runner: &Runner) -> Result<bool, MigrateError> {
        match runner.run_async(self).await {
            Ok(report) => Ok(!report.applied_migrations().is_empty()),
            Err(error) => Err(self.error.take().unwrap_or_else(|| MigrateError::Failed {
                step: name(self.step.version, &self.step.name),
                reason: error.to_string(),
            })),
        }
    }

    async fn all(&mut self, queries: &[&str]) -> Result<(), sqlx::Error> {
        let [sql, record] = queries else {
            for query in queries {
                self.database.run(query).await?;
            }
            return self.database.run(MARKS).await;
        };
        if self.step.transaction {
            self.database.run(sql).await?;
            self.database.run(record).await?;
            return self.database.run(&mark(self.step, false)).await;
        }
        // Written down first: one that comes after a crash is to know that this began.
        self.database.run(&mark(self.step, true)).await?;
        for statement in statements(sql) {
            self.database.run(statement).await?;
        }
        let done = format!("BEGIN; {record}; {}; COMMIT", mark(self.step, false));
        self.database.run(&done).await
    }
}

impl AsyncTransaction for Run<'_> {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, sqlx::Error> {
        let queries: Vec<&str> = queries.collect();
        if let Err(error) = self.all(&queries).await {
            self.lock_timed_out = lock_timed_out(&error);
            self.error = Some(failed(self.step, &error));
            return Err(error);
        }
        Ok(queries.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Run<'_> {
    async fn query<'a>(&'a mut self, _query: &'a str) -> Result<Vec<Migration>, sqlx::Error> {
        let history = self.database.history().await;
        history.map_err(|error| sqlx::Error::Protocol(error.to_string()))
    }
}

impl AsyncMigrate for Run<'_> {}
