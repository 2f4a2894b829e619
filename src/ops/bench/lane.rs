//! A thread's share of the connections, served as they have something. One buffer for all, one
//! look at the clock for each read: the load must not be what is measured.
use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::link::{Got, Link, Role};
use super::live::Live;
use super::plan::Load;
use super::reconnector::Door;
use super::tally::Tally;
use crate::process::usage;

/// Read at once.
const BUFFER: usize = 256 << 10;
/// Reads of one connection before the others get their turn.
const MOST_READS: usize = 4;
/// Between two looks at whether the run is over.
const LOOK: Duration = Duration::from_millis(20);
/// The poll's clock ticks in milliseconds; what is due sooner is waited for in naps.
const TICK: u64 = 1_000;
const NAP: Duration = Duration::from_micros(100);
/// After something came, more is looked for so long before sleeping, in microseconds. To wake a
/// sleeper costs its writer more than the write: the server would be charged for it.
const AWAKE: u64 = 200;

pub(super) struct Lane {
    poll: Poll,
    links: Vec<Option<Link>>,
    tally: Tally,
    buffer: Vec<u8>,
    /// Connections that have more, of which the poll will not tell again.
    again: Vec<usize>,
    sends: bool,
    /// Through it readers leave and come back.
    pub(super) door: Option<Door>,
    /// Until when not to sleep.
    awake: u64,
    end: u64,
}

/// What is left of a lane.
pub(super) struct Served {
    pub(super) roles: Vec<Role>,
    pub(super) tally: Tally,
    pub(super) cpu_seconds: Option<f64>,
}

impl Lane {
    pub(super) fn new(links: Vec<Link>, tally: Tally) -> io::Result<Self> {
        let mut lane = Self {
            poll: Poll::new()?,
            links: Vec::with_capacity(links.len()),
            end: tally.orders.end,
            tally,
            buffer: vec![0; BUFFER],
            again: Vec::new(),
            sends: false,
            door: None,
            awake: 0,
        };
        for (i, mut link) in links.into_iter().enumerate() {
            let interest = match link.role {
                Role::Reader { .. } => Interest::READABLE,
                Role::Sender { .. } => Interest::READABLE | Interest::WRITABLE,
            };
            lane.sends |= matches!(link.role, Role::Sender { .. });
            lane.poll
                .registry()
                .register(link.pipe.socket(), Token(i), interest)?;
            lane.links.push(Some(link));
        }
        Ok(lane)
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Serves until the run is over. `roles` collects those whose connections broke.
    pub(super) fn run(mut self, live: &Live) -> Served {
        let mut events = Events::with_capacity(1_024);
        let mut gone = Vec::new();
        while !live.is_done() {
            if live.is_stopped() {
                self.tally.orders.end = 0;
            }
            if let Err(error) = self.turn(&mut events, &mut gone, live)
                && error.kind() != ErrorKind::Interrupted
            {
                self.tally.error("io");
                break;
            }
            self.let_in_and_out(&mut gone, live);
            live.gain(&mut self.tally.gained);
            if self.sends && self.tally.watch.micros() >= self.tally.orders.end {
                live.sending_is_over();
            }
        }
        // Senders that stopped early have left nothing undone.
        let orders = self.tally.orders;
        gone.extend(self.door.into_iter().flat_map(Door::close));
        gone.extend(self.links.into_iter().flatten().map(|link| link.role));
        if orders.end == self.end {
            let senders = gone.iter().filter_map(|role| match role {
                Role::Sender { sender, .. } => Some(sender.unsent(&orders)),
                Role::Reader { .. } => None,
            });
            self.tally.add_errors("unsent", senders.sum());
        }
        Served {
            roles: gone,
            tally: self.tally,
            cpu_seconds: usage::cpu_seconds("thread-self"),
        }
    }

    fn turn(&mut self, events: &mut Events, gone: &mut Vec<Role>, live: &Live) -> io::Result<()> {
        self.wait(events)?;
        if !events.is_empty() {
            self.awake = self.tally.watch.micros() + AWAKE;
        }
        for i in std::mem::take(&mut self.again) {
            self.serve(i, false, gone, live);
        }
        for event in events.iter() {
            self.serve(event.token().0, event.is_read_closed(), gone, live);
        }
        self.send_what_is_due(gone, live);
        Ok(())
    }

    /// Waits until a connection has something or a message is due.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if !self.again.is_empty() {
            return self.poll.poll(events, Some(Duration::ZERO));
        }
        let Some(due) = self.next_due() else {
            let awake = self.tally.watch.micros() < self.awake;
            return self
                .poll
                .poll(events, Some(if awake { Duration::ZERO } else { LOOK }));
        };
        let left = due.saturating_sub(self.tally.watch.micros());
        if left > 2 * TICK {
            let ticks = Duration::from_millis(left / TICK - 1);
            return self.poll.poll(events, Some(ticks.min(LOOK)));
        }
        self.poll.poll(events, Some(Duration::ZERO))?;
        if left > 0 && events.is_empty() {
            std::thread::sleep(Duration::from_micros(left).min(NAP));
        }
        Ok(())
    }

    fn next_due(&self) -> Option<u64> {
        let orders = &self.tally.orders;
        let dues = self
            .links
            .iter()
            .flatten()
            .filter_map(|link| match &link.role {
                Role::Sender { sender, .. } => sender.next_due(orders),
                Role::Reader { .. } => None,
            });
        dues.min()
    }

    /// Sends what time has made due. What an acknowledgement made room for was sent already.
    fn send_what_is_due(&mut self, gone: &mut Vec<Role>, live: &Live) {
        if !self.sends || !matches!(self.tally.orders.load, Load::OpenLoop(_)) {
            return;
        }
        let (now, orders) = (self.tally.watch.micros(), self.tally.orders);
        for i in 0..self.links.len() {
            let Some(link) = &mut self.links[i] else {
                continue;
            };
            let Role::Sender { sender, .. } = &link.role else {
                continue;
            };
            if sender.next_due(&orders).is_some_and(|due| due <= now)
                && let Err(error) = link.send(&mut self.tally)
            {
                self.lose(i, &error, gone, live);
            }
        }
    }

    /// Reads what a connection has, to its very end if the server has closed it, and sends what
    /// that made room for.
    fn serve(&mut self, i: usize, closing: bool, gone: &mut Vec<Role>, live: &Live) {
        let Some(Some(link)) = self.links.get_mut(i) else {
            return;
        };
        for _ in 0..MOST_READS {
            match link.read(&mut self.buffer, &mut self.tally) {
                Ok(Got::Full) => {}
                Ok(Got::Some) if closing => {}
                Ok(_) => {
                    if let Err(error) = link.send(&mut self.tally) {
                        self.lose(i, &error, gone, live);
                    }
                    return;
                }
                Err(error) => return self.lose(i, &error, gone, live),
            }
        }
        self.again.push(i);
    }

    /// Has readers leave whose time has come, and others go on that found a way back.
    fn let_in_and_out(&mut self, gone: &mut Vec<Role>, live: &Live) {
        let Some(door) = &mut self.door else { return };
        let now = self.tally.watch.micros();
        if now < self.tally.orders.end {
            for i in door.due(&self.links, now) {
                self.tally.reconnects.cut += 1;
                self.leave(i, gone, live);
            }
        }
        while let Some((i, came)) = self.door.as_mut().and_then(|door| door.back(now)) {
            match came {
                Ok(link) => self.come_back(i, link, gone, live),
                Err(role) => {
                    self.tally.error("not_resumed");
                    gone.push(role);
                }
            }
        }
    }

    fn come_back(&mut self, i: usize, mut link: Link, gone: &mut Vec<Role>, live: &Live) {
        let registry = self.poll.registry();
        let registered = registry.register(link.pipe.socket(), Token(i), Interest::READABLE);
        let begun = registered.and_then(|()| link.begin(&mut self.tally));
        self.links[i] = Some(link);
        live.opened();
        self.tally.reconnects.resumed += 1;
        if let Err(error) = begun {
            self.lose(i, &error, gone, live);
        }
    }

    /// Sends a reader on its way; one that does not know its place is gone.
    fn leave(&mut self, i: usize, gone: &mut Vec<Role>, live: &Live) {
        let Some(link) = self.links[i].take() else {
            return;
        };
        live.closed();
        let lost = match &mut self.door {
            Some(door) => door.out(i, link).err(),
            None => Some(Box::new(link)),
        };
        if let Some(link) = lost {
            self.tally.error("not_resumed");
            gone.push(link.role);
        }
    }

    fn lose(&mut self, i: usize, error: &io::Error, gone: &mut Vec<Role>, live: &Live) {
        let reconnects = self.links[i].as_ref().is_some_and(Link::reconnects);
        if reconnects && error.kind() != ErrorKind::InvalidData {
            self.tally.reconnects.ended += 1;
            return self.leave(i, gone, live);
        }
        self.tally.error(match error.kind() {
            ErrorKind::UnexpectedEof => "closed",
            ErrorKind::InvalidData => "protocol",
            _ => "broken",
        });
        gone.extend(self.links[i].take().map(|link| link.role));
        live.closed();
    }
}
