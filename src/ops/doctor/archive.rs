//! The archive: whether it can be looked at from here.
use super::super::finding::{Finding, Verdict};
use super::super::probe::{Shared, archive};
use super::Deadline;
use crate::config::ArchiveUrl;

const CHECK: &str = "archive";

/// A warning and no more: without it jobs fail, and nothing is deleted.
pub(super) async fn look(of: &Shared<'_, ArchiveUrl>, deadline: Deadline) -> Finding {
    match archive::look(of.url, deadline).await {
        Ok(holds) => {
            let detail = format!("{} bytes in {} files", holds.bytes, holds.files);
            Finding::ok(CHECK, &of.on, detail)
        }
        Err(why) => {
            let fix = format!(
                "see that 'archive.url' ({}) is right and can be reached; a bucket's keys come from \
                 the variables AWS_*, which this command and the instances both need",
                of.url
            );
            Finding::bad(CHECK, &of.on, Verdict::Warning, why).fix(fix)
        }
    }
}
