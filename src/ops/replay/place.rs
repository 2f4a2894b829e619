//! Where documents belong: by their own `seq`s, or before or after what is in their room.
use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::FileReport;
use super::check::Checked;
use super::error::ReplayError;
use super::write::Batches;
use crate::model::{MessageId, Number, Seq};
use crate::store::history::{History, RoomStand, Row, Spot};

/// A document with its places.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) checked: Checked,
    pub(super) place: Place,
    /// How many of its messages are not in the database.
    pub(super) missing: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Entries name their own.
    Own { last: Spot },
    /// After this one, message after message.
    After(Spot),
    /// After the newest in the room, whichever that is then.
    End,
}

impl Placed {
    pub(super) fn report(&self, restored: u64) -> FileReport {
        let span = match (self.place, self.checked.seqs) {
            (_, Some(own)) => Some(own),
            (Place::After(base), _) => Some((base.seq.next(), base.plus(self.checked.count).seq)),
            _ => None,
        };
        FileReport {
            path: self.checked.path.clone(),
            room: self.checked.room.to_string(),
            entries: self.checked.count,
            messages: self.checked.messages,
            restored,
            first_seq: span.map(|span| span.0),
            last_seq: span.map(|span| span.1),
        }
    }
}

/// Finds each document's places, and compares it with what is there.
pub(super) async fn all(
    history: &mut History,
    mut checked: Vec<Checked>,
    stop: &CancellationToken,
) -> Result<Vec<Placed>, ReplayError> {
    let order = |c: &Checked| {
        (
            c.room.key(),
            c.seqs.map_or(Seq::START, |seqs| seqs.0),
            c.earliest,
        )
    };
    checked.sort_by_key(order);
    for pair in checked
        .windows(2)
        .filter(|pair| pair[0].room == pair[1].room)
    {
        fit_together(&pair[0], &pair[1])?;
    }
    // Newest first: what is older goes before it.
    let mut floors: HashMap<String, Option<Spot>> = HashMap::new();
    let mut placed = Vec::with_capacity(checked.len());
    for document in checked.into_iter().rev() {
        let stand = history.room(&document.room).await?;
        let place = match (document.seqs, &stand) {
            (Some((_, seq)), _) => {
                let number = document.number;
                Place::Own {
                    last: Spot { seq, number },
                }
            }
            (None, None) => Place::End,
            (None, Some(stand)) => {
                let floor = floors.entry(document.room.key()).or_default();
                find(history, &document, stand, floor).await?
            }
        };
        let missing = compare(history, &document, place, stand.as_ref(), stop).await?;
        placed.push(Placed {
            checked: document,
            place,
            missing,
        });
    }
    placed.reverse();
    Ok(placed)
}

/// Two documents of one room, in order, must not be about the same places.
fn fit_together(one: &Checked, next: &Checked) -> Result<(), ReplayError> {
    let apart = match (one.seqs, next.seqs) {
        (Some(one), Some(next)) => one.1 < next.0,
        (None, None) => one.latest <= next.earliest,
        _ => false,
    };
    if apart {
        Ok(())
    } else {
        Err(ReplayError::unfit(
            &next.path,
            format!("it overlaps with {}: replay one after the other", one.path),
        ))
    }
}

/// The places for a document that names none.
async fn find(
    history: &mut History,
    document: &Checked,
    stand: &RoomStand,
    floor: &mut Option<Spot>,
) -> Result<Place, ReplayError> {
    let (room, count) = (stand.room.key.id, document.count);
    // Some of it is there: it was replayed before, or interrupted, or never gone.
    let ids: Vec<MessageId> = document.samples.iter().map(|(id, _)| *id).collect();
    let stored = history.stored(&ids).await?;
    if let Some((id, _, spot)) = stored.iter().find(|(_, of, _)| *of == room)
        && let Some((_, nth)) = document.samples.iter().find(|(sample, _)| sample == id)
    {
        let base = spot.minus(*nth + 1);
        *floor = Some(lower(*floor, base));
        return Ok(Place::After(base));
    }
    let newest = match history.newest(room).await? {
        Some(seq) => history.page(room, seq.previous(), seq, 1).await?.pop(),
        None => None,
    };
    let after_rows = newest.as_ref().map_or(Seq::START, |row| row.seq);
    let end = || {
        // Places that an interrupted replay claimed and did not fill.
        let last = Spot {
            seq: stand.last_seq,
            number: stand.last_number,
        };
        let base = last.minus(count);
        let claimed = stand.replayed == stand.last_seq;
        if claimed && base.seq >= after_rows && base.seq >= stand.archived {
            Place::After(base)
        } else {
            Place::End
        }
    };
    let oldest = history
        .page(room, Seq::START, stand.last_seq, 1)
        .await?
        .pop();
    let (Some(oldest), Some(newest)) = (oldest, newest) else {
        return Ok(end());
    };
    if document.earliest >= newest.created_at {
        return Ok(end());
    }
    if document.latest > oldest.created_at {
        return Err(ReplayError::unfit(
            &document.path,
            format!(
                "its messages have no seq, and lie in time between those that room '{}' has: \
                 they must all be older or all be newer",
                document.room
            ),
        ));
    }
    let messages = oldest.number.get() - i64::from(oldest.is_message());
    let before = Spot {
        seq: oldest.seq.previous(),
        number: Number::new(messages),
    };
    let before = lower(*floor, before);
    let base = before.minus(count);
    if base.seq < Seq::START {
        return Err(ReplayError::unfit(
            &document.path,
            format!(
                "its {count} messages are older than those that room '{}' has, which begin with \
                 seq {}: there are no {count} places before it",
                document.room,
                before.seq.next()
            ),
        ));
    }
    *floor = Some(base);
    Ok(Place::After(base))
}

/// The first of two in a room.
fn lower(floor: Option<Spot>, other: Spot) -> Spot {
    match floor {
        Some(floor) if floor.seq < other.seq => floor,
        _ => other,
    }
}

/// How many of the document's messages are not there. Fails if something else is in their
/// places, or has their ids.
async fn compare(
    history: &mut History,
    document: &Checked,
    place: Place,
    stand: Option<&RoomStand>,
    stop: &CancellationToken,
) -> Result<u64, ReplayError> {
    let span = match (place, document.seqs) {
        (Place::Own { .. }, Some((first, last))) => Some((first.previous(), last)),
        (Place::After(base), _) => Some((base.seq, base.plus(document.count).seq)),
        _ => None,
    };
    let room = stand.map(|stand| stand.room.key.id);
    let taken = match (span, room) {
        (Some((after, last)), Some(room)) => history.count(room, after, last).await?,
        _ => 0,
    };
    if taken == 0
        && !history
            .any_id(document.lowest_id, document.highest_id)
            .await?
    {
        return Ok(document.count);
    }
    let mut missing = 0;
    let base = match place {
        Place::After(base) => base,
        // Its places, if it names none, are not there yet.
        Place::Own { .. } | Place::End => stand.map_or(Spot::default(), |stand| Spot {
            seq: stand.last_seq,
            number: stand.last_number,
        }),
    };
    let mut batches = Batches::of(document, base, history.batch(), stop).await?;
    while let Some(rows) = batches.next().await? {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            continue;
        };
        let mut there = HashMap::new();
        if let (Some(room), true) = (room, taken > 0) {
            let found = history.page(room, first.seq.previous(), last.seq, rows.len());
            there.extend(found.await?.into_iter().map(|row| (row.seq, row)));
        }
        let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
        let stored: HashMap<MessageId, _> = history
            .stored(&ids)
            .await?
            .into_iter()
            .map(|(id, room, spot)| (id, (room, spot)))
            .collect();
        for row in &rows {
            match (there.get(&row.seq), stored.get(&row.id)) {
                (Some(other), _) if same(row, other) => {}
                (Some(other), _) => return Err(other_there(document, row, other)),
                (None, Some(_)) => return Err(other_has_id(document, row)),
                (None, None) => missing += 1,
            }
        }
    }
    Ok(missing)
}

fn other_there(document: &Checked, row: &Row, other: &Row) -> ReplayError {
    let why = format!(
        "the message with id {} belongs to seq {} of room '{}', where another one is (id {})",
        row.id, row.seq, document.room, other.id
    );
    ReplayError::unfit(&document.path, why)
}

fn other_has_id(document: &Checked, row: &Row) -> ReplayError {
    let why = format!(
        "the id {} belongs to another message in the database",
        row.id
    );
    ReplayError::unfit(&document.path, why)
}

/// Whether both are the same entry. Its author may have been deleted since, and its text be another by now:
/// that which is there is the one that holds.
fn same(row: &Row, there: &Row) -> bool {
    use chrono::SubsecRound;
    let by_same = match (&row.user, &there.user) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    };
    let changed = |row: &Row| {
        let details = row.details.as_deref();
        details.is_some_and(|details| details.edited_at.is_some() || details.gone.is_some())
    };
    by_same
        && row.id == there.id
        && row.is_message() == there.is_message()
        && (row.content == there.content || changed(row) || changed(there))
        && row.created_at == there.created_at.trunc_subsecs(3)
}
