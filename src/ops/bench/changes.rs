//! What a sender does to its own messages: edits, reacts to and deletes them, each message once.
use std::collections::VecDeque;
use std::io::Write as _;

use super::sender::Orders;
use super::stamp::Stamp;

/// Messages that nothing was done to yet, of which the newest is next.
const MOST_TARGETS: usize = 64;

/// What is done, in turn.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Edit,
    React,
    Delete,
}

/// One sender's account of its events.
#[derive(Debug)]
pub(super) struct Changes {
    /// Of a hundred things that the sender does.
    share: u64,
    /// What it owes of that, in hundredths of an event.
    owed: u64,
    next: Kind,
    /// Own messages that were committed, with their places.
    targets: VecDeque<(u64, Stamp)>,
    /// The targets of what is on its way, and when it was due.
    pending: Vec<(u64, u64)>,
    pub(super) committed: u64,
    /// The counters of messages that a reader may be shown without a text.
    pub(super) deleted: Vec<u32>,
}

impl Changes {
    /// Of a sender of whose acts `share` in a hundred are events.
    pub(super) fn new(share: u8) -> Self {
        Self {
            share: share.into(),
            owed: 0,
            next: Kind::Edit,
            targets: VecDeque::new(),
            pending: Vec::new(),
            committed: 0,
            deleted: Vec::new(),
        }
    }

    /// A message of one's own was committed there.
    pub(super) fn said(&mut self, seq: u64, stamp: Stamp) {
        if self.targets.len() == MOST_TARGETS {
            self.targets.pop_front();
        }
        self.targets.push_back((seq, stamp));
    }

    /// Writes a command where it is an event's turn; false where it is a message's.
    pub(super) fn write(&mut self, orders: &Orders, due: u64, out: &mut Vec<u8>) -> bool {
        self.owed += self.share;
        if self.owed < 100 {
            return false;
        }
        let Some((target, stamp)) = self.targets.pop_back() else {
            return false;
        };
        self.owed -= 100;
        // Into memory, where nothing fails.
        self.next = match self.next {
            Kind::Edit => {
                // The same message as before for those that see it only now.
                let micros = due as u32;
                let _ = write!(out, "/edit {target} ");
                orders
                    .run
                    .write(Stamp { micros, ..stamp }, orders.size, out);
                out.push(b'\n');
                Kind::React
            }
            Kind::React => {
                let _ = writeln!(out, "/react {target} 👍");
                Kind::Delete
            }
            Kind::Delete => {
                let _ = writeln!(out, "/delete {target}");
                self.deleted.push(stamp.counter);
                Kind::Edit
            }
        };
        self.pending.push((target, due));
        true
    }

    /// What was done to `target` was seen: when it was due, if it is of this sender.
    pub(super) fn seen(&mut self, target: u64) -> Option<u64> {
        let at = self.pending.iter().position(|(of, _)| *of == target)?;
        self.committed += 1;
        Some(self.pending.remove(at).1)
    }

    /// The server did not do the first of what is on its way; false where there is none.
    pub(super) fn refused(&mut self) -> bool {
        let refused = !self.pending.is_empty();
        if refused {
            self.pending.remove(0);
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Load;
    use super::super::stamp::Run;
    use super::*;

    #[test]
    fn one_in_five_is_an_event_and_no_message_has_two() {
        let orders = Orders {
            run: Run::new(1),
            size: 40,
            load: Load::ClosedLoop(1),
            senders: 1,
            rooms: 1,
            end: 1,
        };
        let mut changes = Changes::new(20);
        let (mut lines, mut seq) = (Vec::new(), 0);
        for turn in 0..50u32 {
            let mut out = Vec::new();
            if changes.write(&orders, 7, &mut out) {
                lines.push(String::from_utf8(out).expect("text"));
                continue;
            }
            seq += 1;
            let stamp = Stamp {
                sender: 0,
                counter: turn + 1,
                micros: 0,
            };
            changes.said(seq, stamp);
        }
        assert_eq!(lines.len(), 10);
        assert!(lines[0].starts_with("/edit 4 ") && lines[0].ends_with("x\n"));
        assert!(lines[1].starts_with("/react 8 ") && lines[2].starts_with("/delete 12\n"));
        assert_eq!(changes.deleted.len(), 3);
        assert_eq!((changes.seen(4), changes.seen(4)), (Some(7), None));
        assert!(changes.refused());
        assert_eq!((changes.pending.len(), changes.committed), (8, 1));
    }
}
