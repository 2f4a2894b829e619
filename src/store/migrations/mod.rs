//! The schema, step by step: the files of `migrations/`, embedded and run by refinery.
//!
//! What refinery does not do is here: a lock, so that several may be started at once; a bound
//! on the time for which all others wait behind a migration; steps that cannot run in a
//! transaction, and their honest state when they stop half way; the way back; checksums that a
//! comment does not change; and which older programs a step tolerates.
mod database;
mod error;
mod normal;
mod ours;
mod run;
mod status;
mod step;

use std::time::Duration;

use self::database::{Database, Purpose};
use super::StoreError;

pub use error::MigrateError;
pub use ours::Ours;
pub use status::{State, Status, StepStatus};
pub use step::Step;

/// Where refinery keeps what was applied.
const HISTORY: &str = "schema_migrations";

/// The version that this program needs.
const NEEDED: i32 = 10;

/// What was applied: each version, and the oldest that a program may know to work with it.
pub(super) const APPLIED: &str = "SELECT m.version, s.floor
    FROM schema_migrations m JOIN schema_steps s ON s.version = m.version";

/// PostgreSQL hides tables from a role that may not use their schema, as if there were none. A row
/// of one text for each schema where ours is hidden so.
pub(super) const HIDDEN: &str = "SELECT format('the role %s may not use the schema %s, in which \
      the tables are', current_user, n.nspname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'schema_migrations' AND c.relkind = 'r'
      AND NOT has_schema_privilege(n.oid, 'USAGE')
    LIMIT 1";

/// How long to wait for others.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For another process that migrates.
    pub lock: Duration,
    /// For a lock on a table, while all that come later wait behind us.
    pub lock_timeout: Duration,
    /// How often to try for it.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(2),
            tries: 15,
        }
    }
}

/// Migrates one database.
#[derive(Debug, Clone)]
pub struct Migrator {
    url: String,
    steps: Vec<Step>,
    pub patience: Patience,
}

/// A step that was taken, one way or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub version: i32,
    pub name: String,
    pub what: &'static str,
}

impl Migrator {
    /// For the database that `url` names, with the steps that this program knows.
    pub fn new(url: &str) -> Self {
        let steps = if url.starts_with("sqlite:") {
            step::sqlite()
        } else {
            step::postgres()
        };
        Self::with_steps(url, steps)
    }

    pub fn with_steps(url: &str, steps: Vec<Step>) -> Self {
        Self {
            url: url.to_owned(),
            steps,
            patience: Patience::default(),
        }
    }

    pub fn known_steps(&self) -> &[Step] {
        &self.steps
    }

    pub async fn status(&self) -> Result<Status, MigrateError> {
        let Some(mut database) = Database::open(&self.url, Purpose::Look).await? else {
            return Ok(Status::new(&self.steps, &[], &[]));
        };
        let status = self.look(&mut database).await;
        database.close().await?;
        status
    }

    /// The steps that are to come, with their SQL.
    pub async fn plan(&self, to: Option<i32>) -> Result<Vec<Step>, MigrateError> {
        let status = self.status().await?;
        let mut steps = self.steps.clone();
        steps.retain(|s| {
            status.is(s.version, State::Pending) && s.version <= to.unwrap_or(i32::MAX)
        });
        Ok(steps)
    }

    /// Brings the database up to `to`, or to what this program knows.
    pub async fn up(&self, to: Option<i32>) -> Result<Vec<Taken>, MigrateError> {
        let mut database = self.open(Purpose::Make).await?;
        let taken = self.go_up(&mut database, to).await;
        database.close().await?;
        taken
    }

    async fn go_up(
        &self,
        database: &mut Database,
        to: Option<i32>,
    ) -> Result<Vec<Taken>, MigrateError> {
        let mut taken = Vec::new();
        let status = self.look(database).await?;
        status.sound()?;
        if status.pending(to).next().is_none() {
            return Ok(taken);
        }
        database.lock(self.patience.lock).await?;
        let status = self.look(database).await?;
        status.sound()?;
        let pending: Vec<i32> = status.pending(to).map(|s| s.version).collect();
        for step in self.steps.iter().filter(|s| pending.contains(&s.version)) {
            if run::up(database, &self.steps, step, &self.patience).await? {
                taken.push(Taken::new(step, "applied"));
            }
        }
        Ok(taken)
    }

    /// The versions that a rollback to `to` takes back, newest first.
    pub async fn back(&self, to: i32) -> Result<Vec<StepStatus>, MigrateError> {
        Ok(self.status().await?.above(to))
    }

    /// Takes back, newest first, what was applied after `to`.
    pub async fn rollback(&self, to: i32) -> Result<Vec<Taken>, MigrateError> {
        let mut database = self.open(Purpose::Change).await?;
        let taken = self.go_back(&mut database, to).await;
        database.close().await?;
        taken
    }

    async fn go_back(&self, database: &mut Database, to: i32) -> Result<Vec<Taken>, MigrateError> {
        database.lock(self.patience.lock).await?;
        let status = self.look(database).await?;
        status.sound()?;
        let mut taken = Vec::new();
        for applied in status.above(to) {
            let step = self.known(applied.version)?;
            run::down(database, step, &self.patience).await?;
            taken.push(Taken::new(step, "rolled back"));
        }
        Ok(taken)
    }

    /// Gets out of what went wrong. A step that stopped half way is undone and may run again;
    /// one whose file was changed is taken as it is now.
    pub async fn repair(&self, dry_run: bool) -> Result<Vec<Taken>, MigrateError> {
        let mut database = self.open(Purpose::Change).await?;
        let taken = self.mend(&mut database, dry_run).await;
        database.close().await?;
        taken
    }

    async fn mend(
        &self,
        database: &mut Database,
        dry_run: bool,
    ) -> Result<Vec<Taken>, MigrateError> {
        database.lock(self.patience.lock).await?;
        let status = self.look(database).await?;
        let mut taken = Vec::new();
        for wrong in status.steps {
            let what = match wrong.state {
                State::Dirty => "undone",
                State::Changed => "accepted as it is now",
                _ => continue,
            };
            let step = self.known(wrong.version)?;
            if !dry_run {
                mend(database, step, wrong.state).await?;
            }
            taken.push(Taken::new(step, what));
        }
        Ok(taken)
    }

    async fn open(&self, purpose: Purpose) -> Result<Database, MigrateError> {
        let database = Database::open(&self.url, purpose).await?;
        let missing = || {
            StoreError::Missing("there is no such file; 'discordctl migrate up' makes it".into())
        };
        Ok(database.ok_or_else(missing)?)
    }

    async fn look(&self, database: &mut Database) -> Result<Status, MigrateError> {
        let history = database.history().await?;
        let marks = database.marks().await?;
        Ok(Status::new(&self.steps, &history, &marks))
    }

    fn known(&self, version: i32) -> Result<&Step, MigrateError> {
        let step = self.steps.iter().find(|s| s.version == version);
        step.ok_or(MigrateError::NoWayBack { version })
    }
}

impl Taken {
    fn new(step: &Step, what: &'static str) -> Self {
        Self {
            version: step.version,
            name: step.name.clone(),
            what,
        }
    }
}

async fn mend(database: &mut Database, step: &Step, state: State) -> Result<(), MigrateError> {
    if state == State::Changed {
        let checksum = step.migration()?.checksum();
        let accept = format!(
            "UPDATE {HISTORY} SET name = '{}', checksum = '{checksum}' WHERE version = {}",
            step.name, step.version
        );
        return Ok(database.run(&accept).await?);
    }
    database.drop_invalid_indexes().await?;
    run::undo(database, step).await?;
    Ok(database.run(&run::forget(step.version)).await?)
}

/// The same where tables may be hidden: `hidden` asks for [`HIDDEN`].
pub(super) async fn fits_and_shows(
    applied: Result<Vec<(i32, i32)>, StoreError>,
    hidden: impl Future<Output = Result<Vec<(String,)>, StoreError>>,
) -> Result<(), StoreError> {
    let unfit = match fits(applied) {
        Err(unfit @ StoreError::Schema(_)) => unfit,
        other => return other,
    };
    match hidden.await?.pop() {
        Some((why,)) => Err(StoreError::NotAllowed(why)),
        None => Err(unfit),
    }
}

/// Whether this program can work with what was applied.
pub(super) fn fits(applied: Result<Vec<(i32, i32)>, StoreError>) -> Result<(), StoreError> {
    let applied = match applied {
        // No such table: nothing was applied.
        Err(StoreError::Refused(_)) => Vec::new(),
        applied => applied?,
    };
    let at = applied
        .iter()
        .map(|(version, _)| *version)
        .max()
        .unwrap_or(0);
    let floor = applied.iter().map(|(_, floor)| *floor).max().unwrap_or(0);
    if at < NEEDED {
        return Err(StoreError::Schema(format!(
            "the database is at version {at}, this program needs {NEEDED}: it has to be migrated"
        )));
    }
    if floor > NEEDED {
        return Err(StoreError::Schema(format!(
            "the database is at version {at}, for programs that know {floor} or newer, \
             and this one knows {NEEDED}: use a newer discordctl"
        )));
    }
    Ok(())
}

fn name(version: i32, name: &str) -> String {
    format!("V{version}__{name}")
}
