//! A batch in parts of which each can be one commit: no message is changed twice by one.
use std::collections::HashMap;

use super::Batch;
use crate::model::{RoomKey, Seq};
use crate::store::Operation;

/// The batch in its order, in as few parts as that takes: nearly always one.
pub(super) fn of(batch: Batch) -> Vec<Batch> {
    let mut ends = Vec::new();
    let mut done: HashMap<(RoomKey, Seq), Vec<&Operation>> = HashMap::new();
    for (i, ((outgoing, _), _)) in batch.iter().enumerate() {
        let operation = &outgoing.operation;
        let Some(target) = operation.target() else {
            continue;
        };
        let to = (outgoing.room.key, target);
        let before = done.get(&to).into_iter().flatten();
        if !before.copied().all(|other| other.goes_with(operation)) {
            ends.push(i);
            done.clear();
        }
        done.entry(to).or_default().push(operation);
    }
    drop(done);
    let mut rest = batch;
    let mut rounds = Vec::with_capacity(ends.len() + 1);
    for end in ends.into_iter().rev() {
        rounds.push(rest.split_off(end));
    }
    rounds.push(rest);
    rounds.reverse();
    rounds
}
