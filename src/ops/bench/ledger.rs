//! What one reader has seen of each sender: cheap while all goes well, exact when it does not.
use std::collections::HashMap;
use std::ops::Range;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// For the first time, after those before it.
    New,
    /// For the first time, after one that was sent later.
    Late,
    Again,
}

/// Counters that did not come, in ascending order.
pub(super) type Holes = Vec<Range<u32>>;

/// One reader's account of the senders of its room.
#[derive(Debug)]
pub(super) struct Ledger {
    last: Vec<u32>,
    holes: HashMap<usize, Holes>,
}

impl Ledger {
    pub(super) fn new(senders: usize) -> Self {
        Self {
            last: vec![0; senders],
            holes: HashMap::new(),
        }
    }

    /// The account of one that saw all of one sender's messages up to `last`.
    pub(super) fn whole(last: u32) -> Self {
        Self {
            last: vec![last],
            holes: HashMap::new(),
        }
    }

    /// Enters a message; `None` if there is no such sender here.
    #[inline]
    pub(super) fn enter(&mut self, sender: usize, counter: u32) -> Option<Came> {
        let last = self.last.get_mut(sender)?;
        if counter == last.wrapping_add(1) {
            *last = counter;
            return Some(Came::New);
        }
        Some(self.unusual(sender, counter))
    }

    #[cold]
    fn unusual(&mut self, sender: usize, counter: u32) -> Came {
        let last = &mut self.last[sender];
        if counter > *last {
            let hole = *last + 1..counter;
            self.holes.entry(sender).or_default().push(hole);
            *last = counter;
            return Came::New;
        }
        let Some(holes) = self.holes.get_mut(&sender) else {
            return Came::Again;
        };
        let Some(at) = holes.iter().position(|hole| hole.contains(&counter)) else {
            return Came::Again;
        };
        let hole = holes[at].clone();
        let parts = [hole.start..counter, counter + 1..hole.end];
        holes.splice(at..=at, parts.into_iter().filter(|part| !part.is_empty()));
        Came::Late
    }

    pub(super) fn last(&self, sender: usize) -> u32 {
        self.last.get(sender).copied().unwrap_or(0)
    }

    /// What did not come of `1..=newest`.
    pub(super) fn missing(&self, sender: usize, newest: u32) -> Holes {
        let mut holes = self.holes.get(&sender).cloned().unwrap_or_default();
        let rest = self.last(sender) + 1..newest + 1;
        holes.extend((!rest.is_empty()).then_some(rest));
        holes
    }
}

/// How many counters lie in `holes`.
pub(super) fn count(holes: &[Range<u32>]) -> u64 {
    holes
        .iter()
        .map(|hole| u64::from(hole.end - hole.start))
        .sum()
}

/// What lies in both.
fn both(one: &[Range<u32>], other: &[Range<u32>]) -> Holes {
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let shared = a.start.max(b.start)..a.end.min(b.end);
        found.extend((!shared.is_empty()).then_some(shared));
        if a.end < b.end { i += 1 } else { j += 1 }
    }
    found
}

/// How many messages of a room's senders were lost on the way to its readers. What came to
/// none at all was not committed, and is not lost, nor is what its sender deleted: it may have come
/// without its text. `witnesses` and `deleted` are of one sender each: what the senders themselves
/// saw and took back.
pub(super) fn lost(readers: &[&Ledger], witnesses: &[&Ledger], deleted: &[&Holes]) -> u64 {
    (0..witnesses.len())
        .map(|sender| {
            let witness = witnesses[sender];
            let newest = readers.iter().map(|reader| reader.last(sender));
            let newest = newest.chain([witness.last(0)]).max().unwrap_or(0);
            let missing: Vec<Holes> = readers
                .iter()
                .map(|reader| reader.missing(sender, newest))
                .collect();
            let nobody = missing
                .iter()
                .fold(witness.missing(0, newest), |all, holes| both(&all, holes));
            let none = Holes::new();
            let deleted = deleted.get(sender).copied().unwrap_or(&none);
            let counted = |holes: &Holes| count(holes) - count(&both(holes, deleted));
            let nobody = counted(&nobody);
            missing
                .iter()
                .map(|holes| counted(holes) - nobody)
                .sum::<u64>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ledger(counters: &[u32]) -> Ledger {
        let mut ledger = Ledger::new(1);
        for counter in counters {
            ledger.enter(0, *counter);
        }
        ledger
    }

    #[test]
    fn new_late_and_again_are_told_apart() {
        let mut ledger = Ledger::new(1);
        let came: Vec<_> = [1, 2, 5, 4, 4, 2, 6]
            .map(|counter| ledger.enter(0, counter))
            .into_iter()
            .flatten()
            .collect();
        use Came::{Again, Late, New};
        assert_eq!(came, [New, New, New, Late, Again, Again, New]);
        assert_eq!(ledger.missing(0, 8), vec![3..4, 7..9]);
        assert_eq!(ledger.enter(1, 1), None);
    }

    #[test]
    fn what_came_to_nobody_is_not_lost() {
        // 2 was refused; 5 reached one reader, and not the other nor its sender.
        let (one, other, sender) = (ledger(&[1, 3, 5]), ledger(&[1, 3]), ledger(&[1, 3]));
        assert_eq!(lost(&[&one, &other], &[&sender], &[]), 1);
        assert_eq!(
            lost(
                &[&one, &other],
                &[&sender],
                &[&std::iter::once(5..6).collect()]
            ),
            0
        );
        assert_eq!(lost(&[&one, &one], &[&sender], &[]), 0);
        assert_eq!(lost(&[], &[&sender], &[]), 0);
    }

    proptest! {
        #[test]
        fn holes_are_what_a_set_would_say(
            counters in proptest::collection::vec(1u32..30, 0..60), other in
            proptest::collection::vec(1u32..30, 0..60),
        ) {
            let missing = |counters: &[u32]| -> BTreeSet<u32> {
                (1..=30).filter(|n| !counters.contains(n)).collect()
            };
            let (a, b) = (ledger(&counters).missing(0, 30), ledger(&other).missing(0, 30));
            let flat = |holes: Holes| -> BTreeSet<u32> { holes.into_iter().flatten().collect() };
            let shared = flat(both(&a, &b));
            prop_assert_eq!(count(&a), missing(&counters).len() as u64);
            let (a, b) = (missing(&counters), missing(&other));
            prop_assert_eq!(shared, a.intersection(&b).copied().collect());
        }
    }
}
