//! Reading a block of terms. Whatever its bytes are: an answer or `Damaged`, never a panic.
use super::bytes::Bytes;
use super::writer::Writer;
use super::{Block, Damaged, postings};

/// A longer term is none.
const LONGEST: usize = 1024;

/// The terms of a block, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Terms<'a> {
    bytes: Bytes<'a>,
    term: Vec<u8>,
}

impl<'a> Terms<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        Self {
            bytes: Bytes(data),
            term: Vec::new(),
        }
    }

    /// Goes to the next term, if another is there. Its list has to be read then.
    pub(super) fn advance(&mut self) -> Result<Option<&[u8]>, Damaged> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let head = self.bytes.byte()?;
        let mut lengths = [head >> 4, head & 15].map(usize::from);
        for length in &mut lengths {
            if *length == 15 {
                *length += self.bytes.number()?.min(LONGEST as u64) as usize;
            }
        }
        let [shared, rest] = lengths;
        if shared > self.term.len() || shared + rest > LONGEST {
            return Err(Damaged("a term has no beginning"));
        }
        self.term.truncate(shared);
        self.term.extend_from_slice(self.bytes.take(rest)?);
        Ok(Some(&self.term))
    }

    pub(super) fn term(&self) -> &[u8] {
        &self.term
    }

    pub(super) fn list(&mut self, each: impl FnMut(u32)) -> Result<(), Damaged> {
        postings::read(&mut self.bytes, each)
    }
}

/// The numbers of the messages that have a term, ascending, if this block, whose key is the greatest that is
/// not greater than the term, has it.
///
/// # Errors
/// Fails where the block is damaged.
pub fn postings(data: &[u8], term: &[u8]) -> Result<Option<Vec<u32>>, Damaged> {
    let mut terms = Terms::of(data);
    while let Some(next) = terms.advance()? {
        if next > term {
            break;
        }
        let found = next == term;
        let mut list = Vec::new();
        terms.list(|number| {
            if found {
                list.push(number);
            }
        })?;
        if found {
            return Ok(Some(list));
        }
    }
    Ok(None)
}

/// What a block says of terms that begin alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning {
    /// The messages that have one of them, ascending, each once.
    pub ordinals: Vec<u32>,
    /// Whether the next block may have more of them.
    pub goes_on: bool,
}

/// The messages that have a term which begins with `prefix`.
///
/// # Errors
/// Fails where the block is damaged.
pub fn with_prefix(data: &[u8], prefix: &[u8]) -> Result<Beginning, Damaged> {
    let mut terms = Terms::of(data);
    let mut ordinals = Vec::new();
    let mut goes_on = true;
    while let Some(next) = terms.advance()? {
        let found = next.starts_with(prefix);
        if !found && next > prefix {
            goes_on = false;
            break;
        }
        terms.list(|number| {
            if found {
                ordinals.push(number);
            }
        })?;
    }
    ordinals.sort_unstable();
    ordinals.dedup();
    Ok(Beginning { ordinals, goes_on })
}

/// A block from which messages were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Without {
    /// None of them was in it.
    Unchanged,
    /// What is left. Its key is another where the first term is gone.
    Block(Block),
    /// Nothing is left.
    Empty,
}

/// Takes messages, whose numbers ascend, out of a block of terms. Terms that no message has any more leave its bytes.
///
/// # Errors
/// Fails where the block is damaged.
pub fn without(data: &[u8], gone: &[u32]) -> Result<Without, Damaged> {
    let mut terms = Terms::of(data);
    let mut writer = Writer::whole();
    let mut changed = false;
    let mut list = Vec::new();
    while terms.advance()?.is_some() {
        list.clear();
        terms.list(|number| {
            if gone.binary_search(&number).is_ok() {
                changed = true;
            } else {
                list.push(number);
            }
        })?;
        if !list.is_empty() {
            writer.add(terms.term(), &list);
        }
    }
    if !changed {
        return Ok(Without::Unchanged);
    }
    Ok(match writer.finish().pop() {
        Some(block) => Without::Block(block),
        None => Without::Empty,
    })
}
