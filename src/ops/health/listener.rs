//! The two listeners of an instance, as a client meets them.

use tokio::time::Instant;

use super::super::finding::{Finding, Verdict};
use super::super::probe::instance::{self, Ready};
use super::Deadline;
use crate::client::{ClientError, Lines, Target};
use crate::model::{Cause, plain_line};

/// All of `limits.connections` are taken.
const USED_UP: &str =
    "connections used up (limits.connections); 'discordctl connections' lists them";
/// What is said of both ports where another program has them.
const ANOTHER: &str = "something else than discordctl answers there";

/// Whether lines are answered with a greeting.
///
/// Where nothing answers, that is `because`.
pub(super) async fn tcp(on: &str, address: Target, because: Cause, deadline: Deadline) -> Finding {
    const CHECK: &str = "tcp";
    let start = Instant::now();
    let bad = |level, why: String, cause| {
        let detail = format!("{address}: {why}");
        Finding::bad(CHECK, on, level, detail).because(cause)
    };
    let greeting = match deadline.bound(greeting(address, deadline)).await {
        Ok(Ok(greeting)) => greeting,
        Ok(Err(ClientError::Foreign)) => String::new(),
        Ok(Err(error)) => return bad(Verdict::Critical, error.to_string(), because),
        Err(late) => return bad(Verdict::Critical, late.to_string(), because),
    };
    if greeting.starts_with("[system] welcome") {
        return Finding::ok(CHECK, on, format!("{address} greets")).took(start.elapsed());
    }
    if greeting.starts_with("[system] the server is full") {
        return bad(Verdict::Critical, USED_UP.into(), Cause::CrowdedOut);
    }
    match greeting.strip_prefix("[system] ") {
        Some(why) => {
            let detail = format!("{address}: it says \"{why}\"");
            Finding::bad(CHECK, on, Verdict::Warning, detail)
                .fix("it turned this client away; discordctl connections shows who is there")
        }
        None => bad(Verdict::Critical, ANOTHER.into(), Cause::Taken),
    }
}

async fn greeting(address: Target, deadline: Deadline) -> Result<String, ClientError> {
    let mut lines = Lines::connect(address, deadline.within).await?;
    Ok(plain_line(&lines.next().await?.unwrap_or_default()))
}

/// What `/readyz` says, and whether it is this instance that says it.
pub(super) async fn http(
    on: &str,
    address: Target,
    because: Cause,
    deadline: Deadline,
) -> (Finding, Option<Ready>) {
    const CHECK: &str = "http";
    let start = Instant::now();
    let bad = |level, why: String, cause| {
        let detail = format!("{address}: {why}");
        Finding::bad(CHECK, on, level, detail).because(cause)
    };
    let ready = match instance::ready(address, deadline.left()).await {
        Ok(ready) => ready,
        Err(error) => return (bad(Verdict::Critical, error.to_string(), because), None),
    };
    let finding = match ready.instance.as_deref() {
        None if ready.is_full() => bad(Verdict::Critical, USED_UP.into(), Cause::CrowdedOut),
        None => bad(Verdict::Critical, ANOTHER.into(), Cause::Taken),
        Some(name) if name != on => bad(
            Verdict::Critical,
            format!("the instance '{name}' answers there"),
            Cause::Taken,
        ),
        Some(_) if ready.ready => {
            Finding::ok(CHECK, on, format!("{address} is ready")).took(start.elapsed())
        }
        Some(_) => {
            let reason = ready.reason.as_deref().unwrap_or("not ready");
            // Beside that, only its database keeps it from being ready.
            let (level, cause) = match reason {
                "draining" => (Verdict::Warning, Cause::Leaving),
                _ => (Verdict::Critical, Cause::DatabaseAway),
            };
            bad(level, format!("not ready: {reason}"), cause)
        }
    };
    (finding, Some(ready))
}
