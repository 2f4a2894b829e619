//! The database: whether it can be had, keeps what it is given, and fits this program.
use chrono::{DateTime, Utc};

use super::super::finding::{Finding, Verdict};
use super::super::probe::Shared;
use super::super::probe::database::{Failure, Reached, schema};
use super::{Deadline, accounts, replication, role};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DbUrl};
use crate::model::{AccessMode, Cause, plain_line};
use crate::store::StoreError;
use crate::store::check::{Facts, Kind, OddNames, PostgresFacts, SqliteFacts};

/// Clocks that differ by less agree.
const AGREES_MS: i64 = 2_000;
/// The oldest that is still looked after by its makers.
const OLDEST: i32 = 140_000;

pub(super) async fn look(of: &Shared<'_, DbUrl>, deadline: Deadline) -> Vec<Finding> {
    let Shared { url, on, configs } = of;
    let asked = async {
        let mut reached = Reached::open(url, deadline).await?;
        let facts = reached.facts().await?;
        let role = reached.role().await?;
        let accounts = reached.accounts().await?;
        Ok((facts, role, accounts, reached.replication().await))
    };
    let ((facts, odd), role, accounts, replicated) = match asked.await {
        Ok(found) => found,
        Err(error) => return vec![away(on, &error, url)],
    };
    let mut findings = vec![Finding::ok("database", on, "it answers").took(facts.took)];
    findings.push(clock(on, &facts, SystemClock.utc()));
    findings.push(schema(url, on, deadline).await);
    findings.push(names(on, &odd));
    findings.extend(accounts.map(|accounts| {
        let modes: Vec<AccessMode> = configs.iter().map(|c| c.access().mode).collect();
        accounts::judge(on, &accounts, &modes)
    }));
    findings.extend(role.map(|role| role::judge(on, &role)));
    match &facts.of {
        Kind::Postgres(of) => {
            findings.extend(settings(on, of));
            findings.push(connections(on, of, configs));
            findings.push(extensions(on, of));
            findings.extend(replication::judge(on, replicated));
        }
        Kind::Sqlite(of) => findings.extend(embedded(on, of, url)),
    }
    findings
}

fn away(on: &str, error: &Failure, url: &DbUrl) -> Finding {
    let finding = error.finding("database", on, Cause::DatabaseAway);
    match (error, url.file()) {
        (Failure::Store(StoreError::Locked(_)), _) => {
            finding.fix("try again when that process has let go of it")
        }
        (Failure::Store(StoreError::Unavailable(_)) | Failure::Late(_), Some(_)) => finding.fix(
            format!("see what the system's log says of the disk of {url}"),
        ),
        (Failure::Store(StoreError::Unavailable(_)) | Failure::Late(_), None) => finding.fix(
            format!("start it, or correct 'db_url' ({url}); psql must be able to connect so"),
        ),
        _ => finding,
    }
}

fn clock(on: &str, facts: &Facts, here: DateTime<Utc>) -> Finding {
    const CHECK: &str = "clock";
    // Its answer was made about half way of the question.
    let then = here - chrono::TimeDelta::from_std(facts.took / 2).unwrap_or_default();
    let apart = (then - facts.now).num_milliseconds();
    if apart.abs() <= AGREES_MS {
        return Finding::ok(
            CHECK,
            on,
            format!("it agrees with this machine's, {apart} ms apart"),
        );
    }
    let detail = format!(
        "this machine's is {} s {} the database's",
        (apart.abs() as f64 / 1e3).round(),
        if apart > 0 { "before" } else { "behind" }
    );
    Finding::bad(CHECK, on, Verdict::Warning, detail)
        .fix("set both by NTP (timedatectl set-ntp true); messages carry the database's time, logs this one's")
}

/// Old names that could not be given any more. They are reached all the same.
fn names(on: &str, odd: &OddNames) -> Finding {
    const CHECK: &str = "names";
    let listed = |what: &str, names: &[String]| {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("'{}'", plain_line(name)))
            .collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let found = [
        listed("the rooms", &odd.rooms),
        listed("the people", &odd.nicknames),
    ];
    let found: Vec<String> = found.into_iter().flatten().collect();
    if found.is_empty() {
        return Finding::ok(CHECK, on, "every name could be given today");
    }
    let detail = format!(
        "{} could not be called so any more; they are still reached, over HTTP percent-encoded",
        found.join(", and ")
    );
    Finding::bad(CHECK, on, Verdict::Warning, detail)
        .fix("UPDATE rooms SET name = 'another' WHERE name = '…', while no instance runs; users have nickname")
}

/// Settings under which a crash takes what was acknowledged, and others that stop chat.
fn settings(on: &str, of: &PostgresFacts) -> Vec<Finding> {
    const CHECK: &str = "settings";
    let wrong = [
        (
            "fsync",
            "off",
            "a crash of its machine may destroy it whole",
        ),
        (
            "full_page_writes",
            "off",
            "a crash of its machine may destroy pages",
        ),
        (
            "synchronous_commit",
            "off",
            "a crash loses messages that were acknowledged",
        ),
        (
            "default_transaction_read_only",
            "on",
            "nothing can be written",
        ),
    ];
    let mut found: Vec<Finding> = wrong
        .into_iter()
        .filter(|(name, value, _)| of.setting(name) == Some(value))
        .map(|(name, value, why)| {
            let right = if value == "off" { "on" } else { "off" };
            let fix = format!("ALTER SYSTEM SET {name} = {right}; SELECT pg_reload_conf();");
            let detail = format!("{name} is {value}: {why}");
            Finding::bad(CHECK, on, Verdict::Critical, detail).fix(fix)
        })
        .collect();
    if let Some(encoding) = of.setting("server_encoding").filter(|e| *e != "UTF8") {
        let detail = format!("its encoding is {encoding}: it cannot hold every character");
        let fix = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move there";
        found.push(Finding::bad(CHECK, on, Verdict::Critical, detail).fix(fix));
    }
    if of.standby {
        let detail = "it follows another server and cannot be written to";
        let fix = "let 'db_url' lead to the primary";
        found.push(Finding::bad(CHECK, on, Verdict::Critical, detail).fix(fix));
    }
    if of.version < OLDEST {
        let detail = format!(
            "version {} is not looked after any more",
            of.version / 10_000
        );
        found.push(
            Finding::bad(CHECK, on, Verdict::Warning, detail)
                .fix("upgrade PostgreSQL: https://www.postgresql.org/support/versioning/"),
        );
    }
    if found.is_empty() {
        let well = "what is committed survives a crash, and can be written";
        found.push(Finding::ok(CHECK, on, well));
    }
    found
}

/// Whether all instances can have all that they may open.
fn connections(on: &str, of: &PostgresFacts, configs: &[&Config]) -> Finding {
    const CHECK: &str = "connections";
    let wanted: i64 = configs.iter().map(|c| i64::from(c.db_pool.max)).sum();
    let most = of.most_clients();
    let detail = format!(
        "{} are open of {most}; these instances may open {wanted}",
        of.clients
    );
    // PostgreSQL keeps some for superusers.
    if wanted + 3 > most || of.clients * 10 > most * 9 {
        Finding::bad(CHECK, on, Verdict::Warning, detail)
            .fix("lower 'db_pool.max', raise max_connections, or put PgBouncer between")
            .because(Cause::DatabaseBusy)
    } else {
        Finding::ok(CHECK, on, detail)
    }
}

/// None is needed; one shows where time goes.
fn extensions(on: &str, of: &PostgresFacts) -> Finding {
    let has = of
        .extensions
        .iter()
        .any(|name| name == "pg_stat_statements");
    let detail = if has {
        "none is needed; pg_stat_statements is there for the monitor"
    } else {
        "none is needed; with pg_stat_statements the monitor shows slow queries"
    };
    Finding::ok("extensions", on, detail)
}

fn embedded(on: &str, of: &SqliteFacts, url: &DbUrl) -> Vec<Finding> {
    let mut findings = Vec::new();
    let journal = &of.journal;
    let detail = format!(
        "SQLite {}, journal {journal}, {} KiB",
        of.version,
        of.bytes >> 10
    );
    findings.push(match journal.as_str() {
        "wal" => Finding::ok("settings", on, detail),
        _ => Finding::bad("settings", on, Verdict::Warning, detail)
            .fix("start an instance once: it sets the journal to WAL"),
    });
    if url.file().is_some_and(|file| is_remote(&file)) {
        let detail = "the file is on a network file system, where its locks cannot be trusted";
        findings.push(
            Finding::bad("settings", on, Verdict::Critical, detail)
                .fix("move it to a local disk, or use PostgreSQL"),
        );
    }
    findings
}

/// NFS, CIFS and SMB (statfs(2)).
#[cfg(target_os = "linux")]
fn is_remote(file: &std::path::Path) -> bool {
    const REMOTE: [u64; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b];
    // The kernel's type for it differs between machines; these numbers are of 32 bits.
    rustix::fs::statfs(file).is_ok_and(|fs| REMOTE.contains(&(fs.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_file: &std::path::Path) -> bool {
    false
}
