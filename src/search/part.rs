//! What one source found, and what several did together.
use std::cmp::Reverse;
use std::collections::HashSet;

use super::{Found, Hit};
use crate::model::MessageId;

/// What a source found, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    pub hits: Vec<Hit>,
    /// It did not look at messages with smaller ids than this; nothing where it looked at all.
    pub reached: Option<MessageId>,
    /// False where it could not look at some of what lies above.
    pub complete: bool,
}

/// The newest of all parts with smaller ids than `before`, down to where each of them looked. Of a message in
/// several, the first part's.
///
/// A part that did not get below `before` is incomplete, and does not hold up the others: to go on from there
/// would be the same search again, for ever.
pub(super) fn joined(parts: Vec<Part>, before: MessageId, limit: usize) -> Found {
    let got_on = |part: &Part| part.reached.is_none_or(|reached| reached < before);
    let complete = parts.iter().all(|part| part.complete && got_on(part));
    let reached = parts.iter().filter_map(|part| part.reached);
    let reached = reached.filter(|reached| *reached < before).max();
    let mut seen = HashSet::new();
    let hits = parts.into_iter().flat_map(|part| part.hits);
    let mut hits: Vec<Hit> = hits
        .filter(|hit| hit.entry.id < before)
        .filter(|hit| reached.is_none_or(|reached| hit.entry.id >= reached))
        .filter(|hit| seen.insert((hit.room.key, hit.entry.seq)))
        .collect();
    hits.sort_by_key(|hit| Reverse(hit.entry.id));
    let more = hits.len() > limit;
    hits.truncate(limit);
    let last = hits.last().map(|hit| hit.entry.id);
    Found {
        next: last.filter(|_| more).or(reached),
        hits,
        complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entry, Number, RoomId, RoomRef, Seq, Uid};

    fn hit(id: i64) -> Hit {
        let room = RoomRef::stored(RoomId::new(1), Uid::new(7), "tea");
        let entry = Entry {
            id: MessageId::new(id),
            seq: Seq::new(id),
            number: Number::new(id),
            room: room.name.clone(),
            user: "anna".into(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            what: "tea".into(),
        };
        Hit {
            entry,
            room,
            ranges: Vec::new(),
        }
    }

    fn part(ids: &[i64], reached: Option<i64>, complete: bool) -> Part {
        Part {
            hits: ids.iter().copied().map(hit).collect(),
            reached: reached.map(MessageId::new),
            complete,
        }
    }

    const ALL: MessageId = MessageId::new(i64::MAX);

    fn ids(found: &Found) -> Vec<i64> {
        found.hits.iter().map(|hit| hit.entry.id.get()).collect()
    }

    #[test]
    fn parts_are_joined_in_order_and_each_message_is_there_once() {
        let parts = vec![part(&[9, 5], None, true), part(&[7, 5, 3], None, true)];
        let found = joined(parts.clone(), ALL, 9);
        assert_eq!((ids(&found), found.next), (vec![9, 7, 5, 3], None));
        let found = joined(parts, ALL, 3);
        assert_eq!(ids(&found), [9, 7, 5]);
        assert_eq!(found.next, Some(MessageId::new(5)));
    }

    #[test]
    fn nothing_is_told_from_beyond_where_one_of_them_ended() {
        let parts = vec![part(&[9, 8], Some(8), true), part(&[7, 3], None, false)];
        let found = joined(parts, ALL, 9);
        assert_eq!(ids(&found), [9, 8]);
        assert_eq!(
            (found.next, found.complete),
            (Some(MessageId::new(8)), false)
        );
    }

    #[test]
    fn the_next_page_is_never_the_same_again() {
        let before = MessageId::new(8);
        for reached in [8, 9] {
            let parts = vec![part(&[], Some(reached), true), part(&[7, 3], None, true)];
            let found = joined(parts, before, 9);
            assert_eq!(ids(&found), [7, 3], "the other part is shown");
            assert_eq!((found.next, found.complete), (None, false));
        }
        let parts = vec![part(&[], Some(8), true), part(&[7, 5], Some(5), true)];
        let found = joined(parts, before, 9);
        assert_eq!(
            (found.next, found.complete),
            (Some(MessageId::new(5)), false)
        );
    }
}
