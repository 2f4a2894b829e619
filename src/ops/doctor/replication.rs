//! The servers beside the database: whether another could take its place, with what would be lost,
//! and what fills its disk meanwhile.
use super::super::finding::{Finding, Verdict};
use super::super::probe::database::Failure;
use crate::model::{Cause, format_time, plain_line};
use crate::store::check::{Archiving, Replication, Slot, Standby};

const CHECK: &str = "replication";
/// A standby that is further behind would be late, or lose more, when it is needed.
const FAR_BYTES: i64 = 16 << 20;
const FAR_MS: i64 = 10_000;
/// WAL that a slot may hold before it is worth a word, while it is read.
const HELD_BYTES: i64 = 1 << 30;

pub(super) fn judge(on: &str, found: Result<Option<Replication>, Failure>) -> Vec<Finding> {
    let of = match found {
        Ok(Some(of)) => of,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![error.finding(CHECK, on, Cause::DatabaseBusy)],
    };
    let mut findings = Vec::new();
    // What follows another server has these from there, and says so under `settings`.
    if !of.standby {
        findings.push(standbys(on, &of));
    }
    findings.extend(of.standbys.iter().filter_map(|standby| late(on, standby)));
    findings.extend(of.slots.iter().filter_map(|slot| held(on, slot)));
    findings.extend(of.archiving.and_then(|of| archived(on, of)));
    findings
}

fn standbys(on: &str, of: &Replication) -> Finding {
    let names: Vec<String> = of.standbys.iter().map(|s| plain_line(&s.name)).collect();
    let names = names.join(", ");
    let hidden = of.standbys.iter().any(|standby| standby.state.is_empty());
    let synchronous = of.standbys.iter().any(|standby| standby.synchronous);
    match (of.standbys.is_empty(), of.synchronous_names.is_empty()) {
        _ if hidden => Finding::ok(
            CHECK,
            on,
            format!("{names} streams; GRANT pg_monitor TO this role, and how far is told"),
        ),
        (true, true) => Finding::ok(
            CHECK,
            on,
            "a primary, and no standby streams: what its disk loses, only a backup has",
        ),
        (_, false) if !synchronous => {
            let detail = "synchronous_standby_names is set, and no synchronous standby streams: \
                          every commit waits";
            Finding::bad(CHECK, on, Verdict::Critical, detail).fix(
                "start the standby; or, to go on without one: ALTER SYSTEM SET \
                 synchronous_standby_names = ''; SELECT pg_reload_conf();",
            )
        }
        (false, _) if !synchronous => {
            let detail = format!(
                "a primary; {names} streams, and no commit waits for it: a failover loses what was \
                 acknowledged last"
            );
            Finding::bad(CHECK, on, Verdict::Warning, detail).fix(
                "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'; SELECT pg_reload_conf(); \
                 with Patroni: synchronous_mode",
            )
        }
        _ => Finding::ok(
            CHECK,
            on,
            format!("a primary; {names} streams, and commits wait for a synchronous standby"),
        ),
    }
}

fn late(on: &str, standby: &Standby) -> Option<Finding> {
    let is_far = standby.behind_bytes > FAR_BYTES || standby.behind_ms > FAR_MS;
    is_far.then(|| {
        let detail = format!(
            "the standby {} is {} MiB and {:.1} s behind",
            plain_line(&standby.name),
            standby.behind_bytes >> 20,
            standby.behind_ms as f64 / 1e3
        );
        Finding::bad(CHECK, on, Verdict::Warning, detail)
            .fix("see its log, its disk and the network between; long queries there hold it up too")
    })
}

fn held(on: &str, slot: &Slot) -> Option<Finding> {
    const CHECK: &str = "replication slots";
    let name = plain_line(&slot.name);
    let bad = |detail, fix| Finding::bad(CHECK, on, Verdict::Warning, detail).fix(fix);
    let held = slot.held_bytes >> 20;
    let drop = format!("SELECT pg_drop_replication_slot('{name}');");
    if slot.lost {
        return Some(bad(
            format!("the slot {name} lost WAL that its reader needs"),
            format!("make that standby anew (pg_basebackup), or drop the slot: {drop}"),
        ));
    }
    if !slot.active {
        return Some(bad(
            format!(
                "nothing reads the slot {name}, which holds {held} MiB of WAL, and more each day"
            ),
            format!(
                "start its reader, or, if there is none any more: {drop} An end to it: max_slot_wal_keep_size"
            ),
        ));
    }
    (slot.held_bytes > HELD_BYTES).then(|| {
        bad(
            format!("the slot {name} holds {held} MiB of WAL"),
            "see why its reader is so slow; max_slot_wal_keep_size sets an end".to_owned(),
        )
    })
}

fn archived(on: &str, of: Archiving) -> Option<Finding> {
    const CHECK: &str = "WAL archive";
    if of.fails() {
        let since = of.last_done.map_or_else(
            || "none ever succeeded".to_owned(),
            |at| format!("the last that succeeded was at {}", format_time(at)),
        );
        let detail = format!(
            "archiving of WAL fails, {} times so far, and {since}: WAL piles up until the disk is full",
            of.failed
        );
        let fix = "see PostgreSQL's log, and what archive_command does (SHOW archive_command)";
        return Some(Finding::bad(CHECK, on, Verdict::Critical, detail).fix(fix));
    }
    let at = of.last_done?;
    let detail = format!("the last piece was archived at {}", format_time(at));
    Some(Finding::ok(CHECK, on, detail))
}
