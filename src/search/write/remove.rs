//! Words that are gone leave the packs: the few blocks that have them are written anew, and no more.
use std::collections::HashSet;

use super::{WriteError, done};
use crate::index::pack::{Block, Doc, Mark, block, docs};
use crate::model::{MessageId, PackId, RoomId, Seq, UserId};
use crate::search::plan::is_of_terms;
use crate::store::search::{BlockRow, Holder, Indexed, PackRow};

/// Blocks that are read at once.
const PAGE: usize = 128;
/// What all keys of terms come after.
const TERMS: &[u8] = &[1];

/// What is gone. Times are in milliseconds since 1970: what was said later is not meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    Message {
        room: RoomId,
        seq: Seq,
        /// `None` where it is not known any more.
        id: Option<MessageId>,
    },
    /// The messages of a room from one place to another.
    Part {
        room: RoomId,
        from: Seq,
        to: Seq,
        until: i64,
    },
    /// All that a user said.
    Author { user: UserId, until: i64 },
    /// A room that is not there any more.
    Room(RoomId),
}

/// Takes words out of all packs. Returns how many messages lost theirs.
pub async fn remove(store: &dyn Indexed, holder: Holder, gone: &[Gone]) -> Result<u64, WriteError> {
    let mut removed = 0;
    if gone.is_empty() {
        return Ok(removed);
    }
    for pack in store.packs().await? {
        let of_pack: Vec<Gone> = gone
            .iter()
            .copied()
            .filter(|of| may_be_in(of, &pack))
            .collect();
        let of_pack = with_marks(store, &pack, of_pack).await?;
        if of_pack.is_empty() {
            continue;
        }
        let numbers = numbers(store, &pack, &of_pack).await?;
        if !numbers.is_empty() && rewrite(store, holder, pack.id, &numbers).await? {
            removed += numbers.len() as u64;
        }
    }
    Ok(removed)
}

fn may_be_in(gone: &Gone, pack: &PackRow) -> bool {
    match gone {
        Gone::Message { id: Some(id), .. } => (pack.ids.0..=pack.ids.1).contains(&id.get()),
        Gone::Part { until, .. } | Gone::Author { until, .. } => pack.times.0 <= *until,
        Gone::Message { id: None, .. } | Gone::Room(_) => true,
    }
}

/// The numbers of messages that have one of the marks of what is gone, with what has none to go by.
async fn with_marks(
    store: &dyn Indexed,
    pack: &PackRow,
    gone: Vec<Gone>,
) -> Result<Vec<(Gone, Option<Vec<u32>>)>, WriteError> {
    let mut found = Vec::with_capacity(gone.len());
    for of in gone {
        let mark = match of {
            Gone::Message { id: Some(_), .. } => {
                found.push((of, None));
                continue;
            }
            Gone::Message { room, .. } | Gone::Part { room, .. } | Gone::Room(room) => {
                Mark::Room(room.get())
            }
            Gone::Author { user, .. } => Mark::Author(user.get()),
        };
        let term = mark.term();
        let blocks = store.blocks_of(&[pack.id], &[&term]).await?;
        let first = blocks.first().filter(|of| is_of_terms(&of.key));
        let list = match first {
            Some(of) => block::postings(&of.data, &term)?,
            None => None,
        };
        if let Some(list) = list {
            found.push((of, Some(list)));
        }
    }
    Ok(found)
}

/// The numbers of the messages that are gone, ascending.
async fn numbers(
    store: &dyn Indexed,
    pack: &PackRow,
    gone: &[(Gone, Option<Vec<u32>>)],
) -> Result<Vec<u32>, WriteError> {
    let column = column(store, pack.id).await?;
    let ids = gone.iter().filter_map(|(of, _)| match of {
        Gone::Message { id, .. } => id.map(MessageId::get),
        _ => None,
    });
    let ids: HashSet<i64> = ids.collect();
    let mut numbers: Vec<u32> = Vec::new();
    if !ids.is_empty() {
        let with_id = (0u32..)
            .zip(&column)
            .filter(|(_, doc)| ids.contains(&doc.id));
        numbers.extend(with_id.map(|(number, _)| number));
    }
    for (of, list) in gone {
        let is_gone = |number: &u32| {
            let doc = column.get(*number as usize);
            doc.is_some_and(|doc| is_meant(of, doc))
        };
        numbers.extend(list.iter().flatten().copied().filter(is_gone));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// Whether a message that has the mark of what is gone is gone.
fn is_meant(gone: &Gone, doc: &Doc) -> bool {
    match gone {
        Gone::Message { seq, .. } => doc.seq == seq.get(),
        Gone::Part {
            from, to, until, ..
        } => (from.get()..=to.get()).contains(&doc.seq) && doc.at_ms <= *until,
        Gone::Author { until, .. } => doc.at_ms <= *until,
        Gone::Room(_) => true,
    }
}

/// All messages of a pack, by their numbers.
pub(super) async fn column(store: &dyn Indexed, pack: PackId) -> Result<Vec<Doc>, WriteError> {
    let (mut all, mut from) = (Vec::new(), Vec::new());
    loop {
        let page = store.blocks_from(pack, &from, Some(TERMS), PAGE).await?;
        let next = page.last().filter(|_| page.len() == PAGE);
        let next = next.map(|last| after(&last.key));
        for of in page {
            all.extend(docs(&of.data)?);
        }
        match next {
            Some(key) => from = key,
            None => return Ok(all),
        }
    }
}

/// The next key that there can be.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Writes those blocks of terms anew that have one of these numbers, without it. Whether there were any.
async fn rewrite(
    store: &dyn Indexed,
    holder: Holder,
    pack: PackId,
    numbers: &[u32],
) -> Result<bool, WriteError> {
    let (mut from, mut any) = (TERMS.to_vec(), false);
    loop {
        let page = store.blocks_from(pack, &from, None, PAGE).await?;
        let next = page.last().filter(|_| page.len() == PAGE);
        let next = next.map(|last| after(&last.key));
        let changed = changed(&page, numbers)?;
        if !changed.is_empty() {
            any = true;
            let old: Vec<&[u8]> = changed.iter().map(|(old, _)| *old).collect();
            let new = changed.iter().filter_map(|(_, new)| new.as_ref());
            let new: Vec<(&[u8], &[u8])> = new.map(|of| (&*of.key, &*of.data)).collect();
            done(store.replace_blocks(holder, pack, &old, &new).await?)?;
        }
        match next {
            Some(key) => from = key,
            None => return Ok(any),
        }
    }
}

type Changed<'p> = Vec<(&'p [u8], Option<Block>)>;

fn changed<'p>(page: &'p [BlockRow], numbers: &[u32]) -> Result<Changed<'p>, WriteError> {
    let mut changed = Vec::new();
    for of in page {
        match block::without(&of.data, numbers)? {
            block::Without::Unchanged => {}
            block::Without::Block(new) => changed.push((&*of.key, Some(new))),
            block::Without::Empty => changed.push((&*of.key, None)),
        }
    }
    Ok(changed)
}
