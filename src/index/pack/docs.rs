//! The column of messages: what each number of a pack stands for.
use super::bytes::{Bytes, put, put_signed, signed, unsigned};
use super::{Block, Damaged, Doc, bits};

/// So many messages are in a block of the column; the last has fewer.
pub const DOCS_PER_BLOCK: u32 = 512;

/// The key of the block in which the message with this number is.
pub fn docs_key(ordinal: u32) -> Vec<u8> {
    let place = (ordinal / DOCS_PER_BLOCK).to_be_bytes();
    [&[0], &place[..]].concat()
}

pub(super) fn is_docs(key: &[u8]) -> bool {
    key.first() == Some(&0)
}

/// The blocks of messages in order of their ids.
pub(super) fn write(docs: &[Doc]) -> impl Iterator<Item = Block> {
    let chunks = docs.chunks(DOCS_PER_BLOCK as usize);
    (0u32..).zip(chunks).map(|(n, docs)| Block {
        key: docs_key(n * DOCS_PER_BLOCK),
        data: write_block(docs),
    })
}

/// Four columns, each number as its distance from the one before: ids, times, rooms as places in the list of the
/// block's rooms, and seqs, each from the one before in its room. That list says with what each room begins.
fn write_block(docs: &[Doc]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut rooms: Vec<(i64, i64)> = docs.iter().map(|doc| (doc.room, doc.seq)).collect();
    // The first seq of each.
    rooms.sort_by_key(|(room, _)| *room);
    rooms.dedup_by_key(|(room, _)| *room);
    put(docs.len() as u64, &mut data);
    put(rooms.len() as u64, &mut data);
    let mut before = 0;
    for (room, seq) in &rooms {
        put_signed(room.wrapping_sub(before), &mut data);
        put_signed(*seq, &mut data);
        before = *room;
    }
    let [mut ids, mut times, mut places, mut seqs] =
        [(); 4].map(|()| Vec::with_capacity(docs.len()));
    let mut last = docs.first().map_or((0, 0), |doc| (doc.id, doc.at_ms));
    put_signed(last.0, &mut data);
    put_signed(last.1, &mut data);
    for doc in docs {
        // Most ids follow one another.
        ids.push(doc.id.wrapping_sub(last.0).wrapping_sub(1).cast_unsigned());
        times.push(unsigned(doc.at_ms.wrapping_sub(last.1)));
        last = (doc.id, doc.at_ms);
        let place = rooms.partition_point(|(room, _)| *room < doc.room);
        places.push(place as u64);
        let seq = &mut rooms[place].1;
        seqs.push(unsigned(doc.seq.wrapping_sub(*seq)));
        *seq = doc.seq.wrapping_add(1);
    }
    if let Some(first) = ids.first_mut() {
        *first = 0;
    }
    for column in [ids, times, places, seqs] {
        let numbers = column.iter().copied();
        bits::write(numbers.clone(), bits::width(numbers).0, &mut data);
    }
    data
}

/// The messages of a block of the column.
///
/// # Errors
/// Fails where it is damaged.
pub fn docs(data: &[u8]) -> Result<Vec<Doc>, Damaged> {
    let mut bytes = Bytes(data);
    let count = bytes.count()?;
    let count_of_rooms = bytes.count()?;
    if count > DOCS_PER_BLOCK as usize || count_of_rooms > count {
        return Err(Damaged("it says more than it holds"));
    }
    let mut rooms = Vec::with_capacity(count_of_rooms);
    let mut room = 0i64;
    for _ in 0..count_of_rooms {
        room = room.wrapping_add(bytes.signed()?);
        rooms.push((room, bytes.signed()?));
    }
    let mut id = bytes.signed()?.wrapping_sub(1);
    let mut at_ms = bytes.signed()?;
    let mut columns: [Vec<u64>; 4] = Default::default();
    for column in &mut columns {
        let mut numbers = bits::Reader::open(&mut bytes)?;
        for _ in 0..count {
            column.push(numbers.next()?);
        }
    }
    let [ids, times, places, seqs] = columns;
    let mut docs = Vec::with_capacity(count);
    for n in 0..count {
        id = id.wrapping_add(ids[n].cast_signed()).wrapping_add(1);
        at_ms = at_ms.wrapping_add(signed(times[n]));
        let place = usize::try_from(places[n]).unwrap_or(usize::MAX);
        let (room, next) = rooms
            .get_mut(place)
            .ok_or(Damaged("a message is in no room"))?;
        let seq = next.wrapping_add(signed(seqs[n]));
        *next = seq.wrapping_add(1);
        docs.push(Doc {
            id,
            seq,
            room: *room,
            at_ms,
        });
    }
    Ok(docs)
}
