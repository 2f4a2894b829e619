//! The database, as somebody sees it who is not an instance.
use tokio::time::Instant;

use super::super::finding::{Finding, Verdict};
use super::{Deadline, Depth, Plan, schema};
use crate::config::DbUrl;
use crate::model::Cause;
use crate::store::check::Inspector;
use crate::store::migrations::{MigrateError, Migrator};

/// A database that instances share, and what it is called in a finding.
pub(super) struct Database {
    url: DbUrl,
    on: String,
}

/// Each database once, however many instances have it.
pub(super) fn distinct(plan: &Plan) -> Vec<Database> {
    if plan.depth < Depth::Database {
        return Vec::new();
    }
    let mut urls: Vec<&DbUrl> = Vec::new();
    for config in &plan.instances {
        if !urls.contains(&&config.db_url) {
            urls.push(&config.db_url);
        }
    }
    let alone = urls.len() == 1;
    let named = |url: &DbUrl| Database {
        on: match (alone, url.file()) {
            (false, _) => url.to_string(),
            (true, Some(_)) => "sqlite".into(),
            (true, None) => "postgresql".into(),
        },
        url: url.clone(),
    };
    urls.into_iter().map(named).collect()
}

impl Database {
    /// The URL that was looked at comes back, for whoever compares.
    pub(super) async fn look(self, depth: Depth, deadline: Deadline) -> (String, Vec<Finding>) {
        let (mut findings, schema) =
            tokio::join!(self.reach(depth, deadline), self.schema(deadline));
        // The reason why there is no connection is told once.
        if findings.iter().all(Finding::is_ok) || !schema.is_ok() && findings.len() > 1 {
            findings.insert(1, schema);
        }
        (self.url.expose().to_owned(), findings)
    }

    async fn reach(&self, depth: Depth, deadline: Deadline) -> Vec<Finding> {
        const CHECK: &str = "database";
        let bad = |why: String, cause| vec![self.bad(CHECK, why, cause)];
        let start = Instant::now();
        let mut inspector = match deadline.bound(Inspector::open(self.url.expose())).await {
            Ok(Ok(inspector)) => inspector,
            Ok(Err(error)) => return bad(error.to_string(), error.cause()),
            Err(late) => return bad(late.to_string(), Cause::DatabaseAway),
        };
        let reached = Finding::ok(CHECK, &self.on, "it answers").took(start.elapsed());
        if depth < Depth::Canary {
            return vec![reached];
        }
        vec![reached, self.canary(&mut inspector, deadline).await]
    }

    async fn canary(&self, inspector: &mut Inspector, deadline: Deadline) -> Finding {
        const CHECK: &str = "canary";
        let start = Instant::now();
        match deadline.bound(inspector.canary()).await {
            Ok(Ok(())) => {
                let well = "a row was written, read, and taken back";
                Finding::ok(CHECK, &self.on, well).took(start.elapsed())
            }
            Ok(Err(error)) => self.bad(CHECK, error.to_string(), error.cause()),
            // It was reached, and is slow.
            Err(late) => self.bad(CHECK, late.to_string(), Cause::DatabaseBusy),
        }
    }

    async fn schema(&self, deadline: Deadline) -> Finding {
        const CHECK: &str = "schema";
        let migrator = Migrator::new(self.url.expose());
        match deadline.bound(migrator.status()).await {
            Ok(Ok(status)) => {
                let (level, detail, fix) = schema::judge(&status, &migrator);
                let finding = Finding::bad(CHECK, &self.on, level, detail);
                match fix {
                    Some(fix) => finding.fix(fix).because(Cause::SchemaUnfit),
                    None => finding,
                }
            }
            Ok(Err(MigrateError::Store(error))) => {
                self.bad(CHECK, error.to_string(), error.cause())
            }
            Ok(Err(error)) => self.bad(CHECK, error.to_string(), Cause::SchemaUnfit),
            Err(late) => self.bad(CHECK, late.to_string(), Cause::DatabaseBusy),
        }
    }

    fn bad(&self, check: &'static str, why: String, cause: Cause) -> Finding {
        Finding::bad(check, &self.on, Verdict::Critical, why).because(cause)
    }
}
