//! Redis or Valkey: whether it can be had, and what would make it drop messages.
use super::super::finding::{Finding, Verdict};
use super::super::probe::{Shared, bus};
use super::Deadline;
use crate::bus::Info;
use crate::config::RedisUrl;
use crate::model::Cause;

const ON: &str = "redis";
/// The first that speaks RESP3.
const OLDEST: u32 = 6;
/// Less than this, and a burst in a room cuts the instance off.
const SMALL: u64 = 1 << 20;

pub(super) async fn look(of: &Shared<'_, RedisUrl>, deadline: Deadline) -> Vec<Finding> {
    let url = of.url;
    let (took, facts) = match bus::tells(url, deadline).await {
        Ok(found) => found,
        Err(why) => {
            let fix = format!("start it, or correct 'redis_url' ({url}); chat goes on without it");
            let away = Finding::bad("bus", ON, Verdict::Warning, why);
            return vec![away.fix(fix).because(Cause::BusAway)];
        }
    };
    let well = "a message was published and received";
    let mut findings = vec![Finding::ok("bus", ON, well).took(took)];
    for of in &facts {
        let on = match &facts[..] {
            [_] => ON.to_owned(),
            _ => format!("{ON} {}", of.at),
        };
        let on = &on;
        findings.extend([
            version(on, &of.info),
            memory(on, &of.info),
            subscribers(on, of.pubsub_limit),
            clients(on, &of.info),
        ]);
    }
    findings
}

fn warning(on: &str, check: &'static str, detail: String, fix: &str) -> Finding {
    Finding::bad(check, on, Verdict::Warning, detail)
        .fix(fix)
        .because(Cause::BusSlow)
}

fn version(on: &str, info: &Info) -> Finding {
    let major: Option<u32> = info.version.split('.').next().and_then(|n| n.parse().ok());
    let detail = format!("version {}", info.version);
    match major {
        Some(major) if major < OLDEST => {
            let detail = format!("{detail} is too old");
            warning(on, "version", detail, "use Redis 6 or newer, or Valkey")
        }
        _ if info.replica => warning(
            on,
            "version",
            format!("{detail}, a replica: what is published on others is not heard here alike"),
            "let 'redis_url' of every instance lead to the primary",
        ),
        _ => Finding::ok("version", on, detail),
    }
}

fn memory(on: &str, info: &Info) -> Finding {
    const CHECK: &str = "maxmemory";
    let used = info.used_memory_bytes >> 20;
    match info.max_memory_bytes {
        0 => Finding::ok(CHECK, on, format!("{used} MiB in use, no limit")),
        most => {
            let detail = format!("{used} MiB in use of {}", most >> 20);
            // Commands are refused at the limit; nothing of ours is stored, so others fill it.
            if info.used_memory_bytes * 10 > most * 9 {
                warning(
                    on,
                    CHECK,
                    detail,
                    "raise maxmemory, or give instances a Redis of their own",
                )
            } else {
                Finding::ok(CHECK, on, detail)
            }
        }
    }
}

/// A subscriber that falls behind is cut off at this limit, and then reads from the database.
fn subscribers(on: &str, limit: Option<[u64; 3]>) -> Finding {
    const CHECK: &str = "pub/sub buffer";
    match limit {
        None => Finding::ok(CHECK, on, "it does not tell its limit"),
        Some([0, 0, _]) => warning(
            on,
            CHECK,
            "there is no limit: an instance that hangs may fill its memory".into(),
            "CONFIG SET client-output-buffer-limit \"pubsub 32mb 8mb 60\"",
        ),
        Some([hard, _, _]) if hard != 0 && hard < SMALL => warning(
            on,
            CHECK,
            format!("{hard} bytes: a burst of messages cuts instances off"),
            "CONFIG SET client-output-buffer-limit \"pubsub 32mb 8mb 60\"",
        ),
        Some([hard, soft, seconds]) => {
            let detail = format!(
                "{} MiB at once, {} MiB for {seconds} s",
                hard >> 20,
                soft >> 20
            );
            Finding::ok(CHECK, on, detail)
        }
    }
}

fn clients(on: &str, info: &Info) -> Finding {
    const CHECK: &str = "clients";
    let detail = format!("{} of {}", info.clients, info.most_clients);
    if info.most_clients > 0 && info.clients * 10 > info.most_clients * 9 {
        warning(on, CHECK, detail, "raise maxclients")
    } else {
        Finding::ok(CHECK, on, detail)
    }
}
