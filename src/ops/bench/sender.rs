//! A sender: what is due when, and what became of it.
use super::changes::Changes;
use super::entries::Kind;
use super::ledger::{Came, Ledger};
use super::plan::Load;
use super::stamp::{Run, Stamp};

/// Bytes written into memory before the socket is asked again.
const ENOUGH: usize = 64 << 10;

/// What all senders of a run have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders {
    pub(super) run: Run,
    pub(super) size: usize,
    pub(super) load: Load,
    pub(super) senders: usize,
    pub(super) rooms: usize,
    /// When sending ends, in microseconds since the start.
    pub(super) end: u64,
}

impl Orders {
    /// When turn `turn` of `sender` is due at a rate. Senders take turns.
    pub(super) fn due(&self, rate: f64, sender: u32, turn: u32) -> u64 {
        let place = f64::from(sender) / self.senders as f64;
        ((f64::from(turn - 1) + place) / rate * 1e6) as u64
    }
}

#[derive(Debug)]
pub(super) struct Sender {
    index: u32,
    /// The last counter that was sent.
    counter: u32,
    /// Messages and events that were sent.
    turns: u32,
    /// Acknowledged or refused.
    resolved: u32,
    seen: Ledger,
    changes: Option<Changes>,
    /// Bytes that the socket has not taken yet.
    pub(super) out: Vec<u8>,
}

impl Sender {
    /// Sender `index`, of whose acts `events` in a hundred are done to its own messages.
    pub(super) fn new(index: usize, events: u8) -> Self {
        Self {
            index: index as u32,
            counter: 0,
            turns: 0,
            resolved: 0,
            seen: Ledger::new(1),
            changes: (events > 0).then(|| Changes::new(events)),
            out: Vec::new(),
        }
    }

    /// Which sender it was, what it saw of its own messages, and what it did to them.
    pub(super) fn into_seen(self) -> (usize, Ledger, Option<Changes>) {
        (self.index as usize, self.seen, self.changes)
    }

    /// Whether it does something to its messages.
    pub(super) fn changes_messages(&self) -> bool {
        self.changes.is_some()
    }

    /// Sent, but neither acknowledged nor refused.
    pub(super) fn unanswered(&self) -> u64 {
        u64::from(self.turns.saturating_sub(self.resolved))
    }

    /// What was due before the end and were never sent.
    pub(super) fn unsent(&self, orders: &Orders) -> u64 {
        let Load::OpenLoop(rate) = orders.load else {
            return 0;
        };
        let mut next = self.turns + 1;
        while orders.due(rate, self.index, next) < orders.end {
            next += 1;
        }
        u64::from(next - 1 - self.turns)
    }

    /// When the next turn is due, if time decides it.
    pub(super) fn next_due(&self, orders: &Orders) -> Option<u64> {
        let Load::OpenLoop(rate) = orders.load else {
            return None;
        };
        Some(orders.due(rate, self.index, self.turns + 1)).filter(|due| *due < orders.end)
    }

    /// Writes what is due at `now` into `out`; calls `sent` with the moment and kind of each.
    pub(super) fn fill(&mut self, orders: &Orders, now: u64, mut sent: impl FnMut(u64, Kind)) {
        while self.out.len() < ENOUGH {
            let due = match orders.load {
                Load::ClosedLoop(window) => {
                    let free = self.unanswered() < u64::from(window);
                    Some(now).filter(|now| free && *now < orders.end)
                }
                Load::OpenLoop(_) => self.next_due(orders).filter(|due| *due <= now),
            };
            let Some(due) = due else { return };
            self.turns += 1;
            let changes = self.changes.as_mut();
            if changes.is_some_and(|changes| changes.write(orders, due, &mut self.out)) {
                sent(due, Kind::Event);
                continue;
            }
            self.counter += 1;
            let stamp = Stamp {
                sender: self.index,
                counter: self.counter,
                micros: due as u32,
            };
            orders.run.write(stamp, orders.size, &mut self.out);
            self.out.push(b'\n');
            sent(due, Kind::Message);
        }
    }

    /// A message came back, at `seq` where that is told; `None` if it is another sender's.
    pub(super) fn see(&mut self, stamp: Stamp, seq: Option<u64>) -> Option<Came> {
        if stamp.sender != self.index {
            return None;
        }
        let came = self.seen.enter(0, stamp.counter)?;
        self.resolved += u32::from(came != Came::Again);
        if let (Some(changes), Some(seq), true) = (&mut self.changes, seq, came != Came::Again) {
            changes.said(seq, stamp);
        }
        Some(came)
    }

    /// An event about the message at `target` came: when it was due, if it is of this sender.
    pub(super) fn see_event(&mut self, target: u64) -> Option<u64> {
        let due = self.changes.as_mut()?.seen(target)?;
        self.resolved += 1;
        Some(due)
    }

    /// One of its messages was refused.
    pub(super) fn refused(&mut self) {
        self.resolved += 1;
    }

    /// The first of its events that are on their way was refused; false where there is none.
    pub(super) fn refused_event(&mut self) -> bool {
        let refused = self.changes.as_mut().is_some_and(Changes::refused);
        self.resolved += u32::from(refused);
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(load: Load) -> Orders {
        Orders {
            run: Run::new(1),
            size: 40,
            load,
            senders: 2,
            rooms: 1,
            end: 1_000_000,
        }
    }

    #[test]
    fn a_rate_is_kept_from_the_intended_times_however_late_it_is() {
        let orders = orders(Load::OpenLoop(10.0));
        let mut sender = Sender::new(1, 0);
        let mut dues = Vec::new();
        for now in [0, 60_000, 350_000, 2_000_000] {
            sender.fill(&orders, now, |due, _| dues.push(due));
        }
        let wanted: Vec<u64> = (0..10).map(|k| 50_000 + k * 100_000).collect();
        assert_eq!(dues, wanted);
        assert_eq!((sender.unanswered(), sender.unsent(&orders)), (10, 0));
        assert_eq!(Sender::new(0, 0).unsent(&orders), 10);
    }

    #[test]
    fn a_window_is_filled_and_waits() {
        let orders = orders(Load::ClosedLoop(3));
        let mut sender = Sender::new(0, 0);
        let mut count = 0;
        sender.fill(&orders, 5, |_, _| count += 1);
        sender.fill(&orders, 6, |_, _| count += 1);
        assert_eq!((count, sender.out.len()), (3, 3 * 41));
        let own = Stamp {
            sender: 0,
            counter: 1,
            micros: 5,
        };
        assert_eq!(sender.see(own, None), Some(Came::New));
        assert_eq!(sender.see(Stamp { sender: 1, ..own }, None), None);
        sender.refused();
        sender.fill(&orders, 7, |_, _| count += 1);
        assert_eq!(count, 5);
        sender.refused();
        sender.fill(&orders, orders.end, |_, _| count += 1);
        assert_eq!(count, 5);
    }
}
