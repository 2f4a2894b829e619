//! Writing blocks: terms in order, each with its list.
use super::bytes::put;
use super::{BLOCK, Block, postings};

/// Makes blocks of terms, which are given in order.
#[derive(Debug)]
pub(super) struct Writer {
    limit: usize,
    blocks: Vec<Block>,
    key: Vec<u8>,
    data: Vec<u8>,
    before: Vec<u8>,
    list: Vec<u8>,
}

impl Writer {
    /// Makes blocks of at most `BLOCK` bytes where lists allow it.
    pub(super) fn new() -> Self {
        Self::of(BLOCK)
    }

    /// Makes one block, however large.
    pub(super) fn whole() -> Self {
        Self::of(usize::MAX)
    }

    fn of(limit: usize) -> Self {
        Self {
            limit,
            blocks: Vec::new(),
            key: Vec::new(),
            data: Vec::new(),
            before: Vec::new(),
            list: Vec::new(),
        }
    }

    /// Adds a term that comes after all others, with a list that is not empty.
    pub(super) fn add(&mut self, term: &[u8], list: &[u32]) {
        self.list.clear();
        postings::write(list, &mut self.list);
        let shared = shared(&self.before, term);
        let most = term.len() - shared + 4 + self.list.len();
        if !self.data.is_empty() && self.key.len() + self.data.len() + most > self.limit {
            self.end_block();
        }
        let shared = if self.data.is_empty() {
            self.key = term.to_vec();
            0
        } else {
            shared
        };
        write_term(shared, &term[shared..], &mut self.data);
        self.data.extend_from_slice(&self.list);
        self.before.clear();
        self.before.extend_from_slice(term);
    }

    fn end_block(&mut self) {
        if !self.data.is_empty() {
            self.blocks.push(Block {
                key: std::mem::take(&mut self.key),
                data: self.data.as_slice().to_vec(),
            });
            self.data.clear();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Block> {
        self.end_block();
        self.blocks
    }
}

fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// A term: how much it shares with the one before and how much follows, four bits each if they suffice.
fn write_term(shared: usize, rest: &[u8], into: &mut Vec<u8>) {
    let nibble = |length: usize| length.min(15).to_le_bytes()[0];
    into.push(nibble(shared) << 4 | nibble(rest.len()));
    for length in [shared, rest.len()] {
        if let Some(more) = length.checked_sub(15) {
            put(more as u64, into);
        }
    }
    into.extend_from_slice(rest);
}
