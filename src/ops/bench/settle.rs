//! After a run: what was lost, and all numbers together.
use std::time::Duration;

use super::lane::Served;
use super::ledger::{self, Holes, Ledger};
use super::link::Role;
use super::plan::Plan;
use super::report::{BackgroundReport, Outcome, Report, Step, Usage};
use super::tally::Tally;

/// What was seen around a run.
pub(super) struct Observed {
    pub(super) connect: Duration,
    pub(super) failed: (u64, Option<String>),
    pub(super) before_kib: Option<u64>,
    pub(super) connected_kib: Option<u64>,
    pub(super) after_kib: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) background: Option<BackgroundReport>,
}

/// Puts together what the lanes, and the fan-out if that was it, have counted.
pub(super) fn settle(
    plan: &Plan,
    mut tally: Tally,
    served: Vec<Served>,
    played: Option<(Tally, Vec<Ledger>)>,
    observed: Observed,
) -> Outcome {
    let mut accounts = Accounts::new(plan);
    let bare = played.is_some();
    if let Some((theirs, ledgers)) = played {
        tally.merge(theirs);
        accounts.witnesses = ledgers;
    }
    let mut load_cpu_seconds = Vec::new();
    for lane in served {
        tally.merge(lane.tally);
        load_cpu_seconds.extend(lane.cpu_seconds);
        lane.roles
            .into_iter()
            .for_each(|role| accounts.add(plan, role));
    }
    tally.add_errors("unanswered", accounts.unanswered);
    tally.add_errors("connect", observed.failed.0);
    let seconds = tally
        .delivery
        .lasted()
        .max(tally.ack.lasted())
        .max(plan.duration);
    let seconds = seconds.as_secs_f64().max(1e-3);
    let delivered = tally.delivery.count() + tally.undated;
    let acknowledged = tally.ack.count();
    // The bare fan-out acknowledges nothing.
    let committed = if bare { tally.sent } else { acknowledged };
    let per_second = |count: u64| count as f64 / seconds;
    let mut report = Report {
        plan: plan.clone(),
        connect_seconds: observed.connect.as_secs_f64(),
        seconds,
        sent: tally.sent,
        committed,
        delivered,
        sent_per_second: per_second(tally.sent),
        committed_per_second: per_second(committed),
        delivered_per_second: per_second(delivered),
        lost: accounts.lost(),
        repeated: tally.repeated,
        out_of_order: tally.out_of_order,
        ack_ms: tally.ack.quantiles(),
        delivery_ms: tally.delivery.quantiles(),
        events: (plan.events > 0).then_some(tally.events),
        reconnects: plan.reconnect.map(|_| tally.reconnects),
        background: observed.background,
        server: usage(plan, &observed),
        load_cpu_seconds,
        hints: Vec::new(),
        errors: std::mem::take(&mut tally.errors),
    };
    report.advise(observed.failed.1.as_ref());
    Outcome {
        report,
        steps: steps(&tally),
        step: tally.delivery.step(),
    }
}

fn usage(plan: &Plan, observed: &Observed) -> Option<Usage> {
    let (before, connected) = (observed.before_kib?, observed.connected_kib?);
    let after = observed.after_kib?;
    let idle = if plan.senders == 0 { after } else { connected };
    let connections = plan.all();
    Some(Usage {
        cpu_seconds: observed.cpu_seconds?,
        resident_before_kib: before,
        resident_connected_kib: connected,
        resident_after_kib: after,
        kib_per_connection: idle.saturating_sub(before) as f64 / connections.max(1) as f64,
    })
}

fn steps(tally: &Tally) -> Vec<Step> {
    let (mut acks, mut deliveries) = (tally.ack.rows(), tally.delivery.rows());
    std::iter::from_fn(|| {
        let (ack, delivery) = (acks.next(), deliveries.next());
        let begins = ack.or(delivery)?.0;
        let (_, committed, ack) = ack.unwrap_or_default();
        let (_, delivered, delivery) = delivery.unwrap_or_default();
        Some(Step {
            begins,
            committed,
            delivered,
            ack,
            delivery,
        })
    })
    .collect()
}

/// What was seen, room by room.
struct Accounts {
    rooms: usize,
    readers: Vec<Vec<Ledger>>,
    /// How many events each reader saw.
    events: Vec<Vec<u64>>,
    /// By sender.
    witnesses: Vec<Ledger>,
    /// By sender: its messages that it deleted, and how many events were committed.
    deleted: Vec<Holes>,
    changed: Vec<u64>,
    unanswered: u64,
}

impl Accounts {
    fn new(plan: &Plan) -> Self {
        let mut accounts = Self {
            rooms: plan.rooms,
            readers: Vec::new(),
            events: vec![Vec::new(); plan.rooms],
            witnesses: Vec::new(),
            deleted: vec![Holes::new(); plan.senders],
            changed: vec![0; plan.senders],
            unanswered: 0,
        };
        accounts.readers.resize_with(plan.rooms, Vec::new);
        accounts
            .witnesses
            .resize_with(plan.senders, || Ledger::new(1));
        accounts
    }

    fn add(&mut self, plan: &Plan, role: Role) {
        match role {
            Role::Reader {
                room,
                ledger,
                place,
            } => {
                let room = room as usize % plan.rooms;
                self.readers[room].push(ledger);
                let events = place.map_or(0, |place| place.events);
                self.events[room].push(events);
            }
            Role::Sender { sender, .. } => {
                self.unanswered += sender.unanswered();
                let (index, seen, changes) = sender.into_seen();
                if let Some(witness) = self.witnesses.get_mut(index) {
                    *witness = seen;
                }
                if let Some(mut changes) = changes {
                    changes.deleted.sort_unstable();
                    let counters = changes.deleted.into_iter();
                    self.deleted[index] = counters.map(|n| n..n + 1).collect();
                    self.changed[index] = changes.committed;
                }
            }
        }
    }

    fn lost(&self) -> u64 {
        let of_room = |room: usize| {
            let readers: Vec<&Ledger> = self.readers[room].iter().collect();
            let witnesses = self.witnesses.iter().skip(room).step_by(self.rooms);
            let witnesses: Vec<_> = witnesses.collect();
            let deleted = self.deleted.iter().skip(room).step_by(self.rooms);
            let messages = ledger::lost(&readers, &witnesses, &deleted.collect::<Vec<_>>());
            let changed = self.changed.iter().skip(room).step_by(self.rooms);
            messages + lost_events(&self.events[room], changed.sum())
        };
        (0..self.rooms).map(of_room).sum()
    }
}

/// Events that some reader did not see, of those that were committed or seen by another.
fn lost_events(readers: &[u64], committed: u64) -> u64 {
    let all = readers.iter().copied().max().unwrap_or(0).max(committed);
    readers.iter().map(|seen| all - seen).sum()
}

#[cfg(test)]
mod tests {
    use super::lost_events;

    #[test]
    fn an_event_that_one_reader_did_not_see_is_lost() {
        assert_eq!(lost_events(&[5, 4, 5], 5), 1);
        // Its sender was gone before it was acknowledged.
        assert_eq!(lost_events(&[5, 5], 4), 0);
        assert_eq!(lost_events(&[], 4), 0);
    }
}
