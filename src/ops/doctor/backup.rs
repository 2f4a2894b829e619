//! Backups: whether any run by themselves, and how old the last is that was verified.
use super::super::finding::{Finding, Verdict};
use super::super::probe::{Shared, backup};
use super::Deadline;
use crate::clock::{Clock, SystemClock};
use crate::config::ArchiveUrl;
use crate::model::{Cause, format_time};

const CHECK: &str = "backup";

pub(super) async fn look(of: &Shared<'_, ArchiveUrl>, deadline: Deadline) -> Finding {
    let is_on = |config: &&crate::config::Config| !config.backup.schedule.is_off();
    let Some(config) = of.configs.iter().copied().find(|config| is_on(config)) else {
        let why = "no backup runs by itself: 'backup.schedule' is off";
        let fix = "set 'backup.schedule' (such as \"0 2 * * *\") and 'backup.url', or see that \
                   something else makes backups";
        return Finding::bad(CHECK, &of.on, Verdict::Warning, why).fix(fix);
    };
    let newest = match backup::look(of.url, deadline).await {
        Ok(Some(newest)) => newest,
        Ok(None) => {
            let why = format!("there is no verified backup in {}", of.url);
            return Finding::bad(CHECK, &of.on, Verdict::Warning, why).because(Cause::BackupOld);
        }
        Err(why) => {
            let fix = format!(
                "see that 'backup.url' ({}) is right and can be reached",
                of.url
            );
            return Finding::bad(CHECK, &of.on, Verdict::Warning, why).fix(fix);
        }
    };
    let age = SystemClock.utc() - newest.made_at;
    let hours = age.num_seconds() as f64 / 3600.0;
    let limit = config.thresholds.backup_age;
    let level = Verdict::from(limit.map(|at| at.get().as_secs_f64() / 3600.0).above(hours));
    let made = format_time(newest.made_at);
    let detail = format!("the last verified one is {}, of {made}", newest.name);
    let finding = Finding::bad(CHECK, &of.on, level, detail);
    match level {
        Verdict::Ok => finding,
        _ => finding.because(Cause::BackupOld),
    }
}
