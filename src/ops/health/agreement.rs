//! Where an instance says one thing and this program sees another: a network between them, or
//! an answer that is not true.
use super::super::finding::{Finding, Verdict};
use super::InstanceHealth;
use crate::config::Config;
use crate::model::Cause;

/// A dependency by its URL, and what was found of it; the first is whether it can be had.
pub(super) type Seen = (String, Vec<Finding>);

pub(super) fn check(
    configs: &[Config],
    instances: &[InstanceHealth],
    databases: &[Seen],
    buses: &[Seen],
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (config, instance) in configs.iter().zip(instances) {
        let on = &config.instance_id;
        let database = seen(databases, config.db_url.expose());
        found.extend(compare(
            on,
            "database",
            instance.db.as_deref(),
            database,
            Cause::DatabaseAway,
        ));
        if let Some(url) = &config.redis_url {
            let bus = seen(buses, url.expose());
            let says = instance.valkey.as_deref();
            found.extend(compare(on, "Redis", says, bus, Cause::BusAway));
        }
    }
    found
}

fn seen<'f>(all: &'f [Seen], url: &str) -> Option<&'f Finding> {
    let (_, findings) = all.iter().find(|(of, _)| of == url)?;
    findings.first()
}

fn compare(
    on: &str,
    what: &str,
    says: Option<&str>,
    seen: Option<&Finding>,
    cause: Cause,
) -> Option<Finding> {
    // Slow is not away: a reading beyond its threshold was still a reading.
    let seen = seen?;
    let reached = seen.took_ms.is_some();
    let detail = match (says?, reached) {
        ("connected", false) => format!(
            "it says that {what} is connected; from here it cannot be reached: {}",
            seen.detail
        ),
        ("disconnected", true) => {
            format!("it says that {what} is away; from here it answers")
        }
        ("disabled", true) => {
            format!("it runs without {what}, and the configuration names one: start it again")
        }
        _ => return None,
    };
    Some(Finding::bad("agreement", on, Verdict::Warning, detail).because(cause))
}
