//! What became of each instance that was started or stopped.
use std::time::Duration;

use discordctl::ops::instances::Place;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) instance: String,
    pub(super) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

impl Row {
    pub(super) fn of(place: &Place, result: &'static str) -> Self {
        Self {
            instance: place.name().to_owned(),
            result,
            pid: None,
            took_ms: None,
            unit: None,
            note: None,
        }
    }

    /// What every table of them begins with.
    pub(super) fn cells(&self) -> [String; 4] {
        [
            self.instance.clone(),
            self.result.to_owned(),
            or_nothing(self.pid),
            or_nothing(self.took_ms.map(|ms| format!("{ms} ms"))),
        ]
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn or_nothing<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
