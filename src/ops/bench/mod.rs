//! Load: many readers, some senders, and an exact account of what came of every message. The
//! load is made so that the server is the limit: a few threads, no library between the socket
//! and the numbers, no allocation for what comes.
mod burden;
mod fanout;
mod lane;
mod latency;
mod ledger;
mod link;
mod live;
mod plan;
mod plot;
mod process;
mod report;
mod rover;
mod sender;
mod settle;
mod stage;
mod stamp;
mod tally;
mod usher;

use std::io;
use std::thread;
use std::time::Duration;

use fanout::Fanout;
use lane::{Lane, Served};
use ledger::Ledger;
use link::{Link, Party};
use live::Watch;
use plan::micros;
use rover::Rover;
use sender::{Orders, Sender};
use settle::{Observed, settle};
use stage::{Servers, Stage};
use stamp::Run;
use tally::Tally;
use usher::Usher;

use crate::client::raw::Opened;

pub use crate::client::Transport;
use crate::random;
pub use latency::Quantiles;
pub use live::Live;
pub use plan::{Pace, Plan, Site, Subject};
pub use plot::{csv, svg};
pub use report::{Borne, Outcome, Report, Roved, Step, Usage};

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}")]
    Plan(String),
    #[error("can't connect to {to}: {why}")]
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
        pace: plan.pace,
        senders: plan.senders,
        rooms: plan.rooms,
        end: plan.end(),
    };
    let tally = |watch| Tally::new(plan, orders, watch);
    let watch = Watch::start();
    let mut lanes = lanes(plan, stage.readers, stage.senders, || tally(watch))?;
    let ushers: Vec<Usher> = match plan.reconnect {
        Some(_) => lanes.iter_mut().map(|lane| Usher::of(lane, plan)).collect(),
        None => Vec::new(),
    };
    let burden = stage.burden;
    // Kept until the readers are gone, so that it does not hang up on them.
    let mut fanout =
        (!stage.audience.is_empty()).then(|| Fanout::new(stage.audience, tally(watch)));
    let (served, cpu_seconds, burden) = thread::scope(|scope| {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|lane| scope.spawn(|| lane.run(live)))
            .collect();
        if let Some(fanout) = &mut fanout {
            scope.spawn(|| fanout.run(live));
        }
        for usher in ushers {
            scope.spawn(|| usher.run());
        }
        let bearing = (!burden.is_empty()).then(|| scope.spawn(|| burden.bear(live)));
        let cpu_seconds = supervise(plan, live, watch, &stage.servers);
        live.finish();
        let served: Vec<Served> = lanes
            .into_iter()
            .filter_map(|lane| lane.join().ok())
            .collect();
        let burden = bearing.and_then(|bearing| bearing.join().ok());
        (served, cpu_seconds, burden)
    });
    let played = fanout.map(Fanout::into_account);
    let observed = Observed {
        connect: stage.took,
        failed: stage.failed,
        before_kib: stage.servers.before_kib,
        connected_kib,
        after_kib: stage.servers.resident_kib(),
        cpu_seconds,
        burden,
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
        let party = Party::Sender {
            sender: Sender::new(i),
            readers,
        };
        let (links, tally) = &mut shares[0];
        links.push(link(opened, seat, party, None, tally)?);
    }
    for (i, opened) in readers {
        let seat = plan.reader(i);
        let ledger = Ledger::new(plan.senders_in(seat.room));
        let party = Party::Reader {
            room: seat.room as u32,
            ledger,
        };
        let (links, tally) = &mut shares[1 + i % plan.threads];
        let every = plan.reconnect.filter(|_| plan.roves(seat));
        let rover = every.map(|every| Rover::new(seat, opened.position.clone(), every, 0));
        links.push(link(opened, seat, party, rover, tally)?);
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
    party: Party,
    rover: Option<Rover>,
    tally: &mut Tally,
) -> io::Result<Link> {
    let mut link = Link::new(opened, seat.transport, party, rover);
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
