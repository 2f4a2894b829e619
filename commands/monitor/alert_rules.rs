//! `discordctl monitor --alert-rules`: the same thresholds, for Prometheus.
use discordctl::ops::alerts;
use serde::Serialize;

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::output::Output;

#[derive(Serialize)]
struct Rules {
    /// A whole file, as YAML.
    rules: String,
}

/// With the thresholds of the first instance; all of a deployment should have the same.
pub(super) fn run(fleet: &Fleet, output: &Output) -> anyhow::Result<Exit> {
    let configs = fleet.configs(output)?;
    let thresholds = configs.into_iter().next().unwrap_or_default().thresholds;
    let rules = alerts::rules(&thresholds);
    output.result("alert-rules", &Rules { rules }, |made| made.rules.clone())?;
    Ok(Exit::Done)
}
