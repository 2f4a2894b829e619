//! Load: many readers, some senders, and an exact account of what came of every message. The
//! load is made so that the server is the limit: a few threads, no library between the socket
//! and the numbers, no allocation for what comes.
mod background;
mod changes;
mod entries;
mod fanout;
mod lane;
mod latency;
mod ledger;
mod link;
mod live;
mod pipe;
mod plan;
mod plot;
mod reconnect;
mod reconnector;
mod report;
mod sender;
mod settle;
mod stage;
mod stamp;
mod tally;

use std::io;
use std::thread;
use std::time::Duration;

use entries::Place;
use fanout::Fanout;
use lane::{Lane, Served};
use ledger::Ledger;
use link::{Link, Role};
use live::Watch;
use plan::micros;
use reconnect::Reconnect;
use reconnector::Reconnector;
use sender::{Orders, Sender};
use settle::{Observed, settle};
use stage::{Servers, Stage};
use stamp::Run;
use tally::Tally;

use crate::client::raw::Opened;

pub use crate::client::Transport;
pub use crate::ops::probe::instance::Site;
use crate::random;
pub use latency::Quantiles;
pub use live::Live;
pub use plan::{Load, Plan, Subject, word};
pub use plot::{csv, svg};
pub use report::{BackgroundReport, Events, Outcome, Reconnects, Report, Step, Usage};

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}")]
    Plan(String),
    #[error("cannot connect to {to}: {why}")]
    Connect { to: String, why: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Between two looks at how the run goes.
const LOOK: Duration = Duration::from_millis(20);
/// The run is over so long after sending ended, whatever happens.
const LAST: u64 = 60_000_000;

/// Does what `plan` asks and reports. Takes the planned time, and a minute more at most.
pub fn run(plan: &Plan, live: &Live) -> Result<Outcome, BenchError> {
    if let Some(fault) = plan.fault() {
        return Err(BenchError::Plan(fault));
    }
    let number = u32::from_le_bytes(random::bytes()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stage = runtime.block_on(Stage::set(plan, number, live))?;
    let connected_kib = stage.servers.resident_kib();
    let orders = Orders {
        run: Run::new(number),
        size: plan.size,
        load: plan.load,
        senders: plan.senders,
        rooms: plan.rooms,
        end: plan.end(),
    };
    let tally = |watch| Tally::new(plan, orders, watch);
    let watch = Watch::start();
    let mut lanes = lanes(plan, stage.readers, stage.senders, || tally(watch))?;
    let reconnectors: Vec<Reconnector> = match plan.reconnect {
        Some(_) => lanes
            .iter_mut()
            .map(|lane| Reconnector::of(lane, plan))
            .collect(),
        None => Vec::new(),
    };
    let background = stage.background;
    // Kept until the readers are gone, so that it does not hang up on them.
    let mut fanout =
        (!stage.audience.is_empty()).then(|| Fanout::new(stage.audience, tally(watch)));
    let (served, cpu_seconds, background) = thread::scope(|scope| {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|lane| scope.spawn(|| lane.run(live)))
            .collect();
        if let Some(fanout) = &mut fanout {
            scope.spawn(|| fanout.run(live));
        }
        for reconnector in reconnectors {
            scope.spawn(|| reconnector.run());
        }
        let holding = (!background.is_empty()).then(|| scope.spawn(|| background.hold(live)));
        let cpu_seconds = supervise(plan, live, watch, &stage.servers);
        live.finish();
        let served: Vec<Served> = lanes
            .into_iter()
            .filter_map(|lane| lane.join().ok())
            .collect();
        let background = holding.and_then(|holding| holding.join().ok());
        (served, cpu_seconds, background)
    });
    let played = fanout.map(Fanout::into_account);
    let observed = Observed {
        connect: stage.took,
        failed: stage.failed,
        before_kib: stage.servers.before_kib,
        connected_kib,
        after_kib: stage.servers.resident_kib(),
        cpu_seconds,
        background,
    };
    Ok(settle(plan, tally(watch), served, played, observed))
}

/// Deals the connections out: one thread that sends, and those that read.
fn lanes(
    plan: &Plan,
    readers: Vec<(usize, Opened)>,
    senders: Vec<(usize, Opened)>,
    tally: impl Fn() -> Tally,
) -> io::Result<Vec<Lane>> {
    let mut shares: Vec<(Vec<Link>, Tally)> = Vec::new();
    shares.resize_with(plan.threads + 1, || (Vec::new(), tally()));
    for (i, opened) in senders {
        let seat = plan.sender(i);
        let readers = plan.readers_in(seat.room) as u64;
        let role = Role::Sender {
            sender: Sender::new(i, plan.events),
            readers,
        };
        let (links, tally) = &mut shares[0];
        links.push(link(opened, seat, role, None, tally)?);
    }
    for (i, opened) in readers {
        let seat = plan.reader(i);
        let ledger = Ledger::new(plan.senders_in(seat.room));
        let every = plan.reconnect.filter(|_| plan.reconnects(seat));
        let follows = every.is_some() || plan.events > 0;
        let role = Role::Reader {
            room: seat.room as u32,
            ledger,
            place: follows.then(|| Place::after(opened.position.last)),
        };
        let (links, tally) = &mut shares[1 + i % plan.threads];
        let reconnect = every.map(|every| Reconnect::new(seat, opened.position.clone(), every, 0));
        links.push(link(opened, seat, role, reconnect, tally)?);
    }
    shares.retain(|(links, _)| !links.is_empty());
    shares
        .into_iter()
        .map(|(links, tally)| Lane::new(links, tally))
        .collect()
}

fn link(
    opened: Opened,
    seat: plan::Seat,
    role: Role,
    reconnect: Option<Reconnect>,
    tally: &mut Tally,
) -> io::Result<Link> {
    let mut link = Link::new(opened, seat.transport, role, reconnect);
    link.begin(tally)?;
    Ok(link)
}

/// Waits for the end of sending and then of everything; returns the CPU time that the servers
/// used while they were measured.
fn supervise(plan: &Plan, live: &Live, watch: Watch, servers: &Servers) -> Option<f64> {
    let (warmup, end) = (micros(plan.warmup), plan.end());
    let until = |moment: u64| {
        while watch.micros() < moment && !live.is_stopped() && live.open() > 0 {
            thread::sleep(LOOK);
        }
    };
    until(warmup);
    let before = servers.cpu_seconds();
    until(end);
    let used = servers
        .cpu_seconds()
        .zip(before)
        .map(|(after, before)| after - before);
    let (mut pulse, mut since) = (live.pulse(), watch.micros());
    while plan.senders > 0 && !live.is_settled() && live.open() > 0 {
        thread::sleep(LOOK);
        let now = watch.micros();
        if live.pulse() != pulse {
            (pulse, since) = (live.pulse(), now);
        }
        if now - since >= micros(plan.patience) || now >= end + LAST {
            break;
        }
    }
    used
}
