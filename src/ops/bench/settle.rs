//! After a run: what was lost, and all numbers together.
use std::time::Duration;

use super::lane::Served;
use super::ledger::{self, Ledger};
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
    let (delivered, acknowledged) = (tally.delivery.count(), tally.ack.count());
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
    /// By sender.
    witnesses: Vec<Ledger>,
    unanswered: u64,
}

impl Accounts {
    fn new(plan: &Plan) -> Self {
        let mut accounts = Self {
            rooms: plan.rooms,
            readers: Vec::new(),
            witnesses: Vec::new(),
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
            Role::Reader { room, ledger } => {
                if let Some(readers) = self.readers.get_mut(room as usize % plan.rooms) {
                    readers.push(ledger);
                }
            }
            Role::Sender { sender, .. } => {
                self.unanswered += sender.unanswered();
                let (index, seen) = sender.into_seen();
                if let Some(witness) = self.witnesses.get_mut(index) {
                    *witness = seen;
                }
            }
        }
    }

    fn lost(&self) -> u64 {
        let of_room = |room: usize| {
            let readers: Vec<&Ledger> = self.readers[room].iter().collect();
            let witnesses = self.witnesses.iter().skip(room).step_by(self.rooms);
            ledger::lost(&readers, &witnesses.collect::<Vec<_>>())
        };
        (0..self.rooms).map(of_room).sum()
    }
}
