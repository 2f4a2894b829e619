//! Connects readers again that left, beside the lane, which only reads.
use std::collections::HashMap;
use std::sync::mpsc as threads;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::lane::Lane;
use super::link::{Link, Role};
use super::plan::{Plan, Seat, Subject, room_name};
use super::reconnect::Reconnect;
use crate::client::Target;
use crate::client::raw::{Opened, Position};

/// A reader that has found no way back by then has none.
const GIVE_UP: Duration = Duration::from_secs(60);
/// While servers are being restarted, each try begins at the next.
const BETWEEN: Duration = Duration::from_millis(100);
const TRY: Duration = Duration::from_secs(5);
/// Between two looks for readers that want to leave, in microseconds.
const LOOK: u64 = 20_000;

/// A reader on its way to the instance of `seat`, or the next that lets it in.
struct Trip {
    /// Its place in the lane.
    i: usize,
    seat: Seat,
    position: Position,
}

/// The lane's side.
#[derive(Debug)]
pub(super) struct Door {
    every: Duration,
    out: mpsc::Sender<Trip>,
    back: threads::Receiver<(usize, Option<Opened>)>,
    away: HashMap<usize, (Role, Reconnect)>,
    sites: usize,
    looked: u64,
}

/// The other side, with a thread of its own.
pub(super) struct Reconnector {
    trips: mpsc::Receiver<Trip>,
    back: threads::SyncSender<(usize, Option<Opened>)>,
    sites: Vec<Target>,
}

impl Reconnector {
    /// Gives `lane` a door. Each of its readers is on one side of it at most, so neither queue
    /// is ever full.
    pub(super) fn of(lane: &mut Lane, plan: &Plan) -> Self {
        let most = lane.len().max(1);
        let (out, trips) = mpsc::channel(most);
        let (home, back) = threads::sync_channel(most);
        let sites = match &plan.subject {
            Subject::Sites(sites) => sites.iter().map(|site| site.http).collect(),
            Subject::Fanout => Vec::new(),
        };
        lane.door = Some(Door {
            every: plan.reconnect.unwrap_or_default(),
            out,
            back,
            away: HashMap::new(),
            sites: plan.sites(),
            looked: 0,
        });
        Self {
            trips,
            back: home,
            sites,
        }
    }

    /// Until the lane has closed its door.
    pub(super) fn run(mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without one, readers that left do not come back, and are counted.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let mut walking = JoinSet::new();
            loop {
                tokio::select! {
                    trip = self.trips.recv() => match trip {
                        Some(trip) => drop(walking.spawn(walk(trip, self.sites.clone(), self.back.clone()))),
                        None => return,
                    },
                    Some(_) = walking.join_next() => {}
                }
            }
        });
    }
}

async fn walk(
    trip: Trip,
    mut sites: Vec<Target>,
    back: threads::SyncSender<(usize, Option<Opened>)>,
) {
    let first = trip.seat.site % sites.len().max(1);
    sites.rotate_left(first);
    let room = room_name(trip.seat.room);
    let transport = trip.seat.transport;
    let resumed = async {
        for http in sites.iter().cycle() {
            let resumed = Opened::resumed(transport, *http, &room, &trip.position, TRY);
            if let Ok(Ok(opened)) = timeout(TRY, resumed).await {
                return Some(opened);
            }
            sleep(BETWEEN).await;
        }
        None
    };
    let opened = timeout(GIVE_UP, resumed).await.ok().flatten();
    // A lane that is gone asks for no reader.
    let _ = back.try_send((trip.i, opened));
}

impl Door {
    /// The readers that cut their connections now.
    pub(super) fn due(&mut self, links: &[Option<Link>], now: u64) -> Vec<usize> {
        if now < self.looked + LOOK {
            return Vec::new();
        }
        self.looked = now;
        let leaves = |link: &Link| {
            let reconnect = link.reconnect.as_ref();
            link.reconnects() && reconnect.is_some_and(|reconnect| reconnect.leaves <= now)
        };
        let links = links.iter().enumerate();
        links
            .filter_map(|(i, link)| link.as_ref().is_some_and(leaves).then_some(i))
            .collect()
    }

    /// Sends a reader to the next instance, without its connection; gives it back if nothing is
    /// there to take it on.
    pub(super) fn out(&mut self, i: usize, link: Link) -> Result<(), Box<Link>> {
        let Some(reconnect) = &link.reconnect else {
            return Err(Box::new(link));
        };
        let position = Position {
            last: link.role.last(),
            ..reconnect.position.clone()
        };
        let mut seat = reconnect.seat;
        seat.site = (seat.site + 1) % self.sites;
        let trip = Trip { i, seat, position };
        if self.out.try_send(trip).is_err() {
            return Err(Box::new(link));
        }
        if let Link {
            role,
            reconnect: Some(reconnect),
            ..
        } = link
        {
            let reconnect = Reconnect { seat, ..reconnect };
            self.away.insert(i, (role, reconnect));
        }
        Ok(())
    }

    /// The next that came back, or did not find the way.
    pub(super) fn back(&mut self, now: u64) -> Option<(usize, Result<Link, Role>)> {
        let (i, opened) = self.back.try_recv().ok()?;
        let (role, reconnect) = self.away.remove(&i)?;
        let Some(opened) = opened else {
            return Some((i, Err(role)));
        };
        let reconnect = Reconnect::new(reconnect.seat, reconnect.position, self.every, now);
        let transport = reconnect.seat.transport;
        Some((i, Ok(Link::new(opened, transport, role, Some(reconnect)))))
    }

    /// Those that are away at the end.
    pub(super) fn close(self) -> impl Iterator<Item = Role> {
        self.away.into_values().map(|(role, _)| role)
    }
}
