//! The database, as seen from here, over a connection of its own: whether it answers, takes what
//! it is given, and has the schema of this program.
use std::time::Duration;

use tokio::time::Instant;

use super::super::deadline::{Deadline, Late};
use super::super::finding::{Finding, Verdict};
use crate::config::DbUrl;
use crate::model::Cause;
use crate::store::StoreError;
use crate::store::check::{Accounts, Facts, Inspector, OddNames, Replication, Role};
use crate::store::migrations::{MigrateError, Migrator, State, Status};

/// Why a part of it is not known.
#[derive(Debug, thiserror::Error)]
pub(in crate::ops) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Late(#[from] Late),
}

impl Failure {
    /// `late` is what it means where it takes too long.
    fn cause(&self, late: Cause) -> Cause {
        match self {
            Self::Store(error) | Self::Migrate(MigrateError::Store(error)) => error.cause(),
            Self::Migrate(_) => Cause::SchemaUnfit,
            Self::Late(_) => late,
        }
    }

    /// The same of a check, which failed by it.
    pub(in crate::ops) fn finding(&self, check: &'static str, on: &str, late: Cause) -> Finding {
        let finding = Finding::bad(check, on, Verdict::Critical, self.to_string());
        finding.because(self.cause(late))
    }
}

/// A database that answered.
pub(in crate::ops) struct Reached {
    inspector: Inspector,
    /// How long that took.
    pub(in crate::ops) took: Duration,
    deadline: Deadline,
}

impl Reached {
    pub(in crate::ops) async fn open(url: &DbUrl, deadline: Deadline) -> Result<Self, Failure> {
        let start = Instant::now();
        Ok(Self {
            inspector: deadline.bound(Inspector::open(url.expose())).await??,
            took: start.elapsed(),
            deadline,
        })
    }

    /// Writes a row and takes it back; how long that took.
    pub(in crate::ops) async fn canary(&mut self) -> Result<Duration, Failure> {
        let start = Instant::now();
        self.deadline.bound(self.inspector.canary()).await??;
        Ok(start.elapsed())
    }

    /// What it says of itself, and the names in it that could not be given any more.
    pub(in crate::ops) async fn facts(&mut self) -> Result<(Facts, OddNames), Failure> {
        let asked = async {
            let facts = self.inspector.facts().await?;
            // Without a schema there are no names, which is told elsewhere.
            let odd = self.inspector.odd_names().await.unwrap_or_default();
            Ok::<_, StoreError>((facts, odd))
        };
        Ok(self.deadline.bound(asked).await??)
    }

    /// The accounts in it, unless it has no place for them.
    pub(in crate::ops) async fn accounts(&mut self) -> Result<Option<Accounts>, Failure> {
        // What an older schema lacks is told elsewhere.
        Ok(self.deadline.bound(self.inspector.accounts()).await?.ok())
    }

    /// The role with which it is used; nothing of an embedded one.
    pub(in crate::ops) async fn role(&mut self) -> Result<Option<Role>, Failure> {
        Ok(self.deadline.bound(self.inspector.role()).await??)
    }

    /// How it is replicated; nothing of an embedded one.
    pub(in crate::ops) async fn replication(&mut self) -> Result<Option<Replication>, Failure> {
        Ok(self.deadline.bound(self.inspector.replication()).await??)
    }
}

/// How its schema fits this program.
pub(in crate::ops) async fn schema(url: &DbUrl, on: &str, deadline: Deadline) -> Finding {
    const CHECK: &str = "schema";
    let migrator = Migrator::new(url.expose());
    let asked = async { Ok::<_, Failure>(deadline.bound(migrator.status()).await??) };
    let (level, detail, fix) = match asked.await {
        Ok(status) => judge(&status, &migrator),
        Err(error) => return error.finding(CHECK, on, Cause::DatabaseBusy),
    };
    let finding = Finding::bad(CHECK, on, level, detail);
    match fix {
        Some(fix) => finding.fix(fix).because(Cause::SchemaUnfit),
        None => finding,
    }
}

fn judge(status: &Status, migrator: &Migrator) -> (Verdict, String, Option<&'static str>) {
    let at = status.current();
    let known = migrator.known_steps().last().map_or(0, |step| step.version);
    match status.verdict() {
        State::Applied => (Verdict::Ok, format!("at version {at}"), None),
        State::Pending if at == 0 => (
            Verdict::Critical,
            "it has no schema yet".into(),
            Some("discordctl migrate up"),
        ),
        State::Pending => (
            Verdict::Warning,
            format!("at version {at}, this program knows {known}"),
            Some("discordctl migrate up"),
        ),
        State::Newer => (
            Verdict::Warning,
            format!("at version {at}, newer than the {known} that this program knows"),
            Some("use the discordctl that the instances run"),
        ),
        State::Dirty => (
            Verdict::Critical,
            "a migration stopped half way".into(),
            Some("discordctl migrate repair, then discordctl migrate up"),
        ),
        State::Changed => (
            Verdict::Critical,
            "a migration is not what it was when it was applied".into(),
            Some("use the program that applied it, or discordctl migrate repair"),
        ),
    }
}
