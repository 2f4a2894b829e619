//! Instances that systemd runs are started and stopped by it.
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::error::{InstanceError, Said};
use super::launch::is_ready;
use super::place::Place;
use crate::process::look;

/// Beyond what the unit itself is given.
const MARGIN: Duration = Duration::from_secs(30);
/// It answers questions at once.
const ASK_WITHIN: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(50);

/// Has systemd do that with a unit, if it agrees that process `pid` is the unit's.
pub(super) async fn systemctl_its_own(
    verb: &str,
    unit: &str,
    pid: u32,
    within: Duration,
) -> Result<(), InstanceError> {
    let said = show(unit, "MainPID").await.unwrap_or_default();
    if !said.lines().any(|line| line == format!("MainPID={pid}")) {
        let why = format!("not asked for: systemd does not say that pid {pid} is it");
        return Err(failed(verb, unit, why));
    }
    systemctl(verb, unit, within).await
}

fn failed(verb: &str, unit: &str, why: String) -> InstanceError {
    InstanceError::Systemd {
        verb: verb.to_owned(),
        unit: unit.to_owned(),
        why,
    }
}

/// What systemd knows of a unit, a line for each of `properties`.
async fn show(unit: &str, properties: &str) -> Option<String> {
    let mut command = Command::new("systemctl");
    let property = format!("--property={properties}");
    command
        .args(["show", &property, "--", unit])
        .stdin(Stdio::null());
    let asked = timeout(ASK_WITHIN, command.kill_on_drop(true).output()).await;
    let output = asked.ok()?.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `systemctl VERB UNIT`, which returns when it is done.
pub(super) async fn systemctl(
    verb: &str,
    unit: &str,
    within: Duration,
) -> Result<(), InstanceError> {
    let failed = |why| failed(verb, unit, why);
    let within = within + MARGIN;
    let mut command = Command::new("systemctl");
    command.args([verb, "--", unit]).stdin(Stdio::null());
    let ran = timeout(within, command.kill_on_drop(true).output()).await;
    match ran {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(failed(format!("{} {}", output.status, said.trim())))
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("not done after {} s", within.as_secs()))),
    }
}

/// The unit that is enabled for an instance: `discordctl@1` for `instance1.json`, if that is the
/// very file it is run with.
pub(super) async fn enabled_unit(place: &Place) -> Option<String> {
    let file = place.file.as_ref()?;
    let name = file.file_stem()?.to_str()?.strip_prefix("instance")?;
    let unit = format!("discordctl@{name}.service");
    let said = show(&unit, "UnitFileState,ExecStart").await?;
    let file = std::path::absolute(file).ok()?;
    let enabled = said.lines().any(|line| line == "UnitFileState=enabled");
    let runs_it = said
        .lines()
        .filter(|line| line.starts_with("ExecStart="))
        .any(|line| {
            line.split([' ', ';'])
                .any(|word| file.to_str() == Some(word))
        });
    (enabled && runs_it).then_some(unit)
}

/// The pid that runs now and is ready, other than `before`.
pub(super) async fn running(
    place: &Place,
    before: Option<u32>,
    within: Duration,
) -> Result<u32, InstanceError> {
    let start = Instant::now();
    loop {
        let mut seen = (0, "it does not run".to_owned());
        if let Some((identity, _)) = look(&place.files).await?.in_unit() {
            let pid = identity.pid;
            match is_ready(place, pid).await {
                Ok(()) if Some(pid) != before => return Ok(pid),
                Ok(()) => seen = (pid, "the process from before runs".to_owned()),
                Err(why) => seen = (pid, why),
            }
        }
        if start.elapsed() >= within {
            return Err(InstanceError::Slow {
                pid: seen.0,
                after: start.elapsed(),
                why: seen.1,
                said: Said {
                    log: place.files.log.clone(),
                    tail: "(journalctl has its log)".to_owned(),
                },
            });
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
