//! The database, as seen from outside an instance.
use super::super::finding::{Finding, Verdict};
use super::super::probe::database::{Failure, Reached, schema};
use super::super::probe::sharing;
use super::{Deadline, Depth, Plan};
use crate::config::DbUrl;
use crate::model::Cause;

/// A database that instances share, and what it is called in a finding.
pub(super) struct Database<'p> {
    url: &'p DbUrl,
    on: String,
}

/// Each database once, however many instances have it.
pub(super) fn distinct(plan: &Plan) -> Vec<Database<'_>> {
    if plan.depth < Depth::Database {
        return Vec::new();
    }
    let databases = sharing(&plan.instances, |config| Some(&config.db_url));
    let alone = databases.len() == 1;
    let databases = databases.into_iter().map(|(url, _)| Database {
        url,
        on: match (alone, url.file()) {
            (false, _) => url.to_string(),
            (true, Some(_)) => "sqlite".into(),
            (true, None) => "postgresql".into(),
        },
    });
    databases.collect()
}

impl Database<'_> {
    /// The URL that was looked at comes back, for the one who compares.
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
        let mut database = match Reached::open(self.url, deadline).await {
            Ok(database) => database,
            Err(error) => return vec![self.bad(CHECK, &error, Cause::DatabaseAway)],
        };
        let mut findings = vec![Finding::ok(CHECK, &self.on, "it answers").took(database.took)];
        if depth >= Depth::Canary {
            const CHECK: &str = "canary";
            findings.push(match database.canary().await {
                Ok(took) => {
                    let well = "a row was written, read, and taken back";
                    Finding::ok(CHECK, &self.on, well).took(took)
                }
                // It was reached, and is slow.
                Err(error) => self.bad(CHECK, &error, Cause::DatabaseBusy),
            });
        }
        findings
    }

    async fn schema(&self, deadline: Deadline) -> Finding {
        const CHECK: &str = "schema";
        match schema(self.url, deadline).await {
            Ok(schema) => {
                let finding = Finding::bad(CHECK, &self.on, schema.level, schema.detail);
                match schema.fix {
                    Some(fix) => finding.fix(fix).because(Cause::SchemaUnfit),
                    None => finding,
                }
            }
            Err(error) => self.bad(CHECK, &error, Cause::DatabaseBusy),
        }
    }

    /// `late` is what it means where it takes too long.
    fn bad(&self, check: &'static str, error: &Failure, late: Cause) -> Finding {
        Finding::bad(check, &self.on, Verdict::Critical, error.to_string())
            .because(error.cause(late))
    }
}
