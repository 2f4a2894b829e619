//! The database, as seen from outside an instance.
use super::super::finding::Finding;
use super::super::probe::Shared;
use super::super::probe::database::{Reached, schema};
use super::agreement::Seen;
use super::{Deadline, Depth};
use crate::config::DbUrl;
use crate::model::Cause;

pub(super) async fn look(of: &Shared<'_, DbUrl>, depth: Depth, deadline: Deadline) -> Seen {
    let (mut findings, schema) =
        tokio::join!(reach(of, depth, deadline), schema(of.url, &of.on, deadline));
    // The reason why there is no connection is told once.
    if findings.iter().all(Finding::is_ok) || !schema.is_ok() && findings.len() > 1 {
        findings.insert(1, schema);
    }
    (of.url.expose().to_owned(), findings)
}

async fn reach(of: &Shared<'_, DbUrl>, depth: Depth, deadline: Deadline) -> Vec<Finding> {
    const CHECK: &str = "database";
    let mut database = match Reached::open(of.url, deadline).await {
        Ok(database) => database,
        Err(error) => return vec![error.finding(CHECK, &of.on, Cause::DatabaseAway)],
    };
    let mut findings = vec![Finding::ok(CHECK, &of.on, "it answers").took(database.took)];
    if depth >= Depth::Canary {
        const CHECK: &str = "canary";
        findings.push(match database.canary().await {
            Ok(took) => {
                let well = "a row was written, read, and taken back";
                Finding::ok(CHECK, &of.on, well).took(took)
            }
            // It was reached, and is slow.
            Err(error) => error.finding(CHECK, &of.on, Cause::DatabaseBusy),
        });
    }
    findings
}
