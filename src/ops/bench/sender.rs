//! A sender: what is due when, and what became of it.
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
    /// When message `counter` of `sender` is due at a rate. Senders take turns.
    pub(super) fn due(&self, rate: f64, sender: u32, counter: u32) -> u64 {
        let turn = f64::from(sender) / self.senders as f64;
        ((f64::from(counter - 1) + turn) / rate * 1e6) as u64
    }
}

#[derive(Debug)]
pub(super) struct Sender {
    index: u32,
    /// The last counter that was sent.
    counter: u32,
    /// Acknowledged or refused.
    resolved: u32,
    seen: Ledger,
    /// Bytes that the socket has not taken yet.
    pub(super) out: Vec<u8>,
}

impl Sender {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index: index as u32,
            counter: 0,
            resolved: 0,
            seen: Ledger::new(1),
            out: Vec::new(),
        }
    }

    /// Which sender it was, and what it saw of its own messages.
    pub(super) fn into_seen(self) -> (usize, Ledger) {
        (self.index as usize, self.seen)
    }

    /// Sent, but neither acknowledged nor refused.
    pub(super) fn unanswered(&self) -> u64 {
        u64::from(self.counter.saturating_sub(self.resolved))
    }

    /// Messages that were due before the end and were never sent.
    pub(super) fn unsent(&self, orders: &Orders) -> u64 {
        let Load::OpenLoop(rate) = orders.load else {
            return 0;
        };
        let mut next = self.counter + 1;
        while orders.due(rate, self.index, next) < orders.end {
            next += 1;
        }
        u64::from(next - 1 - self.counter)
    }

    /// When the next message is due, if time decides it.
    pub(super) fn next_due(&self, orders: &Orders) -> Option<u64> {
        let Load::OpenLoop(rate) = orders.load else {
            return None;
        };
        Some(orders.due(rate, self.index, self.counter + 1)).filter(|due| *due < orders.end)
    }

    /// Writes what is due at `now` into `out`; calls `sent` with the moment of each.
    pub(super) fn fill(&mut self, orders: &Orders, now: u64, mut sent: impl FnMut(u64)) {
        while self.out.len() < ENOUGH {
            let due = match orders.load {
                Load::ClosedLoop(window) => {
                    let free = self.unanswered() < u64::from(window);
                    Some(now).filter(|now| free && *now < orders.end)
                }
                Load::OpenLoop(_) => self.next_due(orders).filter(|due| *due <= now),
            };
            let Some(due) = due else { return };
            self.counter += 1;
            let stamp = Stamp {
                sender: self.index,
                counter: self.counter,
                micros: due as u32,
            };
            orders.run.write(stamp, orders.size, &mut self.out);
            self.out.push(b'\n');
            sent(due);
        }
    }

    /// A message came back; `None` if it is another sender's.
    pub(super) fn see(&mut self, stamp: Stamp) -> Option<Came> {
        if stamp.sender != self.index {
            return None;
        }
        let came = self.seen.enter(0, stamp.counter)?;
        self.resolved += u32::from(came != Came::Again);
        Some(came)
    }

    /// One of its messages was refused.
    pub(super) fn refused(&mut self) {
        self.resolved += 1;
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
        let mut sender = Sender::new(1);
        let mut dues = Vec::new();
        for now in [0, 60_000, 350_000, 2_000_000] {
            sender.fill(&orders, now, |due| dues.push(due));
        }
        let wanted: Vec<u64> = (0..10).map(|k| 50_000 + k * 100_000).collect();
        assert_eq!(dues, wanted);
        assert_eq!((sender.unanswered(), sender.unsent(&orders)), (10, 0));
        assert_eq!(Sender::new(0).unsent(&orders), 10);
    }

    #[test]
    fn a_window_is_filled_and_waits() {
        let orders = orders(Load::ClosedLoop(3));
        let mut sender = Sender::new(0);
        let mut count = 0;
        sender.fill(&orders, 5, |_| count += 1);
        sender.fill(&orders, 6, |_| count += 1);
        assert_eq!((count, sender.out.len()), (3, 3 * 41));
        let own = Stamp {
            sender: 0,
            counter: 1,
            micros: 5,
        };
        assert_eq!(sender.see(own), Some(Came::New));
        assert_eq!(sender.see(Stamp { sender: 1, ..own }), None);
        sender.refused();
        sender.fill(&orders, 7, |_| count += 1);
        assert_eq!(count, 5);
        sender.refused();
        sender.fill(&orders, orders.end, |_| count += 1);
        assert_eq!(count, 5);
    }
}
