//! What a run found.
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::latency::Quantiles;
use super::plan::Plan;

/// The result, as `-o json` shows it. Numbers are of what was due after the warm-up; loss,
/// repetition and order are checked from the first message on.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was asked.
    #[serde(flatten)]
    pub plan: Plan,
    /// How long opening all connections took.
    pub connect_seconds: f64,
    /// From the end of the warm-up to the last delivery, or to the end if that is later.
    pub seconds: f64,
    pub sent: u64,
    pub committed: u64,
    pub delivered: u64,
    pub sent_per_second: f64,
    pub committed_per_second: f64,
    pub delivered_per_second: f64,
    pub lost: u64,
    pub repeated: u64,
    pub out_of_order: u64,
    pub errors: BTreeMap<&'static str, u64>,
    pub ack_ms: Quantiles,
    pub delivery_ms: Quantiles,
    /// What of these numbers was done to messages, where some of it was.
    #[serde(rename = "of_events", skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// Of readers that reconnect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnects: Option<Reconnects>,
    /// Slow readers, and silent clients.
    #[serde(rename = "burden", skip_serializing_if = "Option::is_none")]
    pub background: Option<BackgroundReport>,
    /// Of the instances on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Usage>,
    /// CPU seconds of the thread that sends and of those that read: near `seconds`, the load
    /// itself was the limit.
    pub load_cpu_seconds: Vec<f64>,
    /// What to do about what went wrong.
    pub hints: Vec<String>,
}

/// Edits, reactions and deletions.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Events {
    pub sent: u64,
    pub committed: u64,
    pub delivered: u64,
}

/// How readers that reconnect did.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Reconnects {
    /// Cut by themselves.
    pub cut: u64,
    /// Ended by a server, as in a restart.
    pub ended: u64,
    /// Gone on with, at the next message or the next instance.
    pub resumed: u64,
}

/// The background load, and how many of its connections were still open at the end.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct BackgroundReport {
    pub slow: usize,
    pub slow_held: usize,
    /// How often a slow reader was closed and came back.
    pub slow_returned: usize,
    pub silent: usize,
    pub silent_held: usize,
}

/// What the servers used.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    /// After the warm-up, while there was something to send.
    pub cpu_seconds: f64,
    pub resident_before_kib: u64,
    pub resident_connected_kib: u64,
    pub resident_after_kib: u64,
    /// What one connection added, at the end of an idle run and otherwise before the first
    /// message.
    pub kib_per_connection: f64,
}

/// One step of the run, for plots.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Seconds since the end of the warm-up.
    pub begins: f64,
    pub committed: u64,
    pub delivered: u64,
    pub ack: Quantiles,
    pub delivery: Quantiles,
}

/// A report and the course of the run.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub report: Report,
    pub steps: Vec<Step>,
    pub step: Duration,
}

impl Report {
    /// Something was lost, repeated or out of order.
    pub fn is_wrong(&self) -> bool {
        self.lost + self.repeated + self.out_of_order > 0
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Says what to do about the errors that have an answer.
    pub(super) fn advise(&mut self, refused: Option<&String>) {
        const ADVICE: [(&str, &str); 6] = [
            (
                "rate_limited",
                "the server limits how much one session may say: start it with \
                 DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE=0, and for --events with \
                 DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE=0",
            ),
            (
                "busy",
                "more was on its way than the server lets wait: fewer senders, or a smaller window",
            ),
            (
                "unsent",
                "the server took less than the rate asks for; what was not sent in time is left out",
            ),
            (
                "unanswered",
                "some messages were neither acknowledged nor refused before the run was given up",
            ),
            (
                "not_consecutive",
                "a reader was shown a place that is not the next one of its room",
            ),
            (
                "gap",
                "a reader was told that messages it had not seen were no longer there: keep more \
                 with retention.keep_last or retention.min_age",
            ),
        ];
        let advice = ADVICE
            .iter()
            .filter(|(kind, _)| self.errors.contains_key(kind));
        self.hints
            .extend(advice.map(|(_, hint)| (*hint).to_owned()));
        self.hints
            .extend(refused.map(|why| format!("a connection failed: {why}")));
    }
}
