//! The result of a drill, and its verdict.
use serde::Serialize;

use super::account::Account;
use super::journal::Micros;
use super::{Fault, Plan, Replication};

/// Of all messages, or of all that a reader was to see.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub fault: Fault,
    /// Of a failover: whether commits waited for the standby.
    pub replication: Option<Replication>,
    /// Nothing acknowledged was lost, seen twice or out of order by any reader, and every
    /// message was acknowledged in the end.
    pub passed: bool,
    pub messages: usize,
    pub clients: usize,
    pub kill_at: usize,
    pub interval_ms: u64,
    pub recovery_wait_ms: u64,
    pub sent: usize,
    pub acknowledged: usize,
    /// Tries beyond the first.
    pub retries: usize,
    pub in_database: usize,
    /// Rows beyond the first of a message.
    pub stored_twice: usize,
    /// Acknowledged, and not stored any more: what an asynchronous standby lacked.
    pub lost_with_primary: usize,
    /// What all readers together were to see, and saw.
    pub expected: usize,
    pub received: usize,
    pub delivery_rate_percent: f64,
    pub lost: usize,
    pub repeated: usize,
    pub out_of_order: usize,
    /// Messages that readers saw and that are stored nowhere, where no `reset` followed.
    pub not_stored: usize,
    pub ack_ms: Milliseconds,
    pub delivery_ms: Milliseconds,
    /// The longest time in which a reader saw nothing while a message was under way.
    pub longest_pause_ms: f64,
    /// How long the fault lasted.
    pub fault_ms: f64,
    /// From when it was mended until every instance was healthy.
    pub recovery_ms: f64,
    /// From when it was mended until the next message was acknowledged.
    pub writes_again_ms: Option<f64>,
    pub readers: Vec<ReaderReport>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReaderReport {
    pub reader: String,
    pub received: usize,
    pub lost: usize,
    pub repeated: usize,
    pub out_of_order: usize,
    /// Seen since it was last told that the past changed, and stored nowhere.
    pub not_stored: usize,
    /// How often it was told that the past changed.
    pub resets: usize,
    /// How often its connection ended.
    pub cut_off: usize,
    /// The longest time in which it saw nothing while a message was under way.
    pub longest_pause_ms: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Milliseconds {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Milliseconds {
    fn of(mut times: Vec<Micros>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(place).map_or(0.0, |time| ms(*time))
        };
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

pub(super) fn ms(time: Micros) -> f64 {
    (time as f64 / 100.0).round() / 10.0
}

impl Report {
    pub(super) fn of(plan: &Plan, account: &Account) -> Self {
        let mut latencies = Vec::new();
        let mut readers = Vec::new();
        for (name, notes) in &account.readers {
            let (reading, times) = account.reading(name, notes);
            latencies.extend(times);
            readers.push(reading);
        }
        let said = account.said.iter();
        let acks: Vec<Micros> = said
            .filter_map(|said| Some(said.acknowledged?.saturating_sub(said.sent)))
            .collect();
        let mut distinct = account.stored.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let total = |of: fn(&ReaderReport) -> usize| readers.iter().map(of).sum();
        let (received, lost): (usize, usize) = (total(|r| r.received), total(|r| r.lost));
        let mut report = Self {
            fault: plan.fault,
            replication: (plan.fault == Fault::Failover).then_some(plan.replication),
            passed: false,
            messages: plan.messages,
            clients: plan.clients,
            kill_at: plan.kill_at,
            interval_ms: plan.interval.as_millis() as u64,
            recovery_wait_ms: plan.recovery_wait.as_millis() as u64,
            sent: account.said.len(),
            acknowledged: acks.len(),
            retries: account.said.iter().map(|said| said.tries - 1).sum(),
            in_database: distinct.len(),
            stored_twice: account.stored.len() - distinct.len(),
            lost_with_primary: account.lost_with_primary(),
            expected: received + lost,
            received,
            delivery_rate_percent: match received + lost {
                0 => 0.0,
                expected => 100.0 * received as f64 / expected as f64,
            },
            lost,
            repeated: total(|r| r.repeated),
            out_of_order: total(|r| r.out_of_order),
            not_stored: total(|r| r.not_stored),
            ack_ms: Milliseconds::of(acks),
            delivery_ms: Milliseconds::of(latencies),
            longest_pause_ms: readers
                .iter()
                .map(|r| r.longest_pause_ms)
                .fold(0.0, f64::max),
            fault_ms: ms(account.recovery.mended - account.recovery.caused),
            recovery_ms: ms(account.recovery.well - account.recovery.mended),
            writes_again_ms: account.writes_again().map(ms),
            readers,
        };
        report.passed = report.is_well(plan.may_lose());
        report
    }

    fn is_well(&self, may_lose: bool) -> bool {
        let all = self.messages;
        let lost = self.lost_with_primary;
        let told = if lost > 0 {
            self.readers.iter().all(|reader| reader.resets > 0)
        } else {
            may_lose || self.readers.iter().all(|reader| reader.resets == 0)
        };
        [self.sent, self.acknowledged, self.in_database + lost] == [all; 3]
            && [
                self.stored_twice,
                self.lost,
                self.repeated,
                self.out_of_order,
                self.not_stored,
            ] == [0; 5]
            && (may_lose || lost == 0)
            && told
    }
}
