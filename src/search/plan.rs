//! Which messages of a pack may be what is looked for: by its terms alone, without I/O.
use std::collections::HashMap;

use crate::index::Need;
use crate::index::pack::{Block, Damaged, block};

/// Blocks of one pack, of those that were read.
#[derive(Debug, Default)]
pub struct Blocks {
    /// In the order of their keys, not all of them.
    blocks: Vec<Block>,
    /// For a beginning of terms, what follows the block in which it would be; all that may have such terms.
    runs: HashMap<Vec<u8>, Run>,
}

#[derive(Debug, Default)]
struct Run {
    blocks: Vec<Block>,
    is_whole: bool,
}

impl Blocks {
    pub fn add(&mut self, block: Block) {
        let at = self.blocks.partition_point(|of| of.key < block.key);
        if self.blocks.get(at).is_none_or(|of| of.key != block.key) {
            self.blocks.insert(at, block);
        }
    }

    /// Adds the blocks that follow a key which [`missing`] told for a beginning; none where there are no more.
    pub fn go_on(&mut self, prefix: &[u8], blocks: Vec<Block>) {
        let run = self.runs.entry(prefix.to_vec()).or_default();
        run.is_whole |= blocks.is_empty();
        run.blocks.extend(blocks);
    }

    /// The block in which a term would be, unless that is one of messages: all terms come after it.
    fn of(&self, term: &[u8]) -> Option<&Block> {
        let after = self.blocks.partition_point(|of| &*of.key <= term);
        let block = &self.blocks[after.checked_sub(1)?];
        is_of_terms(&block.key).then_some(block)
    }

    fn list(&self, term: &[u8]) -> Result<Vec<u32>, Damaged> {
        let Some(of) = self.of(term) else {
            return Ok(Vec::new());
        };
        Ok(block::postings(&of.data, term)?.unwrap_or_default())
    }

    /// The messages with a term that begins so, and after which key there may be more.
    fn beginning(&self, prefix: &[u8]) -> Result<(Vec<u32>, Option<&[u8]>), Damaged> {
        let run = self.runs.get(prefix);
        let is_whole = run.is_some_and(|run| run.is_whole);
        let blocks = self.of(prefix).into_iter();
        let blocks = blocks.chain(run.iter().flat_map(|run| &run.blocks));
        let (mut list, mut end) = (Vec::new(), Some(BEFORE_TERMS));
        for of in blocks {
            let found = block::with_prefix(&of.data, prefix)?;
            list.extend(found.ordinals);
            end = found.goes_on.then_some(&*of.key);
            if !found.goes_on {
                break;
            }
        }
        list.sort_unstable();
        list.dedup();
        Ok((list, end.filter(|_| !is_whole)))
    }
}

/// All messages come before it, and all terms after it.
const BEFORE_TERMS: &[u8] = &[1];

/// Blocks of messages begin with a zero.
pub(super) fn is_of_terms(key: &[u8]) -> bool {
    key.first().is_some_and(|byte| *byte > 0)
}

/// The terms of which the blocks are needed, each once.
pub fn terms(needs: &[Need]) -> Vec<&[u8]> {
    let mut terms: Vec<&[u8]> = Vec::new();
    for need in needs {
        match need {
            Need::Term(term) | Need::Prefix(term) => terms.push(term),
            Need::Any(ways) => terms.extend(ways.iter().flatten().map(Vec::as_slice)),
        }
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// A beginning of terms of which blocks are missing, with the key after which those come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub prefix: Vec<u8>,
    pub after: Vec<u8>,
}

/// What is missing yet.
///
/// # Errors
/// Where a block is damaged.
pub fn missing(needs: &[Need], blocks: &Blocks) -> Result<Vec<Missing>, Damaged> {
    let mut missing = Vec::new();
    for need in needs {
        if let Need::Prefix(prefix) = need
            && let (_, Some(key)) = blocks.beginning(prefix)?
        {
            missing.push(Missing {
                prefix: prefix.clone(),
                after: key.to_vec(),
            });
        }
    }
    Ok(missing)
}

/// The numbers of messages that have all that is needed, ascending; `None` where nothing is, and any may be.
///
/// # Errors
/// Where a block is damaged.
pub fn candidates(needs: &[Need], blocks: &Blocks) -> Result<Option<Vec<u32>>, Damaged> {
    let mut all: Option<Vec<u32>> = None;
    for need in needs {
        let list = match need {
            Need::Term(term) => blocks.list(term)?,
            Need::Prefix(prefix) => blocks.beginning(prefix)?.0,
            Need::Any(ways) => any(ways, blocks)?,
        };
        let both = match all {
            None => list,
            Some(before) => intersection(before, list),
        };
        if both.is_empty() {
            return Ok(Some(both));
        }
        all = Some(both);
    }
    Ok(all)
}

fn any(ways: &[Vec<Vec<u8>>], blocks: &Blocks) -> Result<Vec<u32>, Damaged> {
    let mut found = Vec::new();
    for way in ways {
        let mut of_way: Option<Vec<u32>> = None;
        for term in way {
            let list = blocks.list(term)?;
            of_way = Some(match of_way {
                None => list,
                Some(before) => intersection(before, list),
            });
        }
        found.extend(of_way.unwrap_or_default());
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn intersection(one: Vec<u32>, other: Vec<u32>) -> Vec<u32> {
    let (mut few, many) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let mut rest = &many[..];
    // Where one is much shorter, most of the other is passed over.
    let far = many.len() / few.len().max(1) > 16;
    few.retain(|number| {
        let before = if far {
            rest.partition_point(|n| n < number)
        } else {
            rest.iter().take_while(|n| *n < number).count()
        };
        rest = &rest[before..];
        rest.first() == Some(number)
    });
    few
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::pack::{Builder, Doc, Mark};

    fn pack() -> Blocks {
        let mut builder = Builder::new();
        let texts = ["green tea", "black tea", "teapot", "coffee", "green teapot"];
        for (id, text) in (0..).zip(texts) {
            let doc = Doc {
                id,
                seq: id,
                room: 1,
                at_ms: id,
            };
            builder.add(doc, text, &[Mark::Room(1)]);
        }
        let mut blocks = Blocks::default();
        for of in builder.finish().blocks {
            blocks.add(of);
        }
        blocks
    }

    fn term(text: &str) -> Need {
        Need::Term(text.into())
    }

    #[test]
    fn all_that_is_needed_is_there() {
        let pack = pack();
        let of = |needs: &[Need]| candidates(needs, &pack).expect("whole");
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[term("tea")]), Some(vec![0, 1]));
        assert_eq!(of(&[term("tea"), term("green")]), Some(vec![0]));
        assert_eq!(of(&[Need::Prefix(b"tea".to_vec())]), Some(vec![0, 1, 2, 4]));
        assert_eq!(of(&[term("water")]), Some(vec![]));
        let either = Need::Any(vec![
            vec![b"black".to_vec(), b"tea".to_vec()],
            vec![b"coffee".to_vec()],
        ]);
        assert_eq!(of(&[either]), Some(vec![1, 3]));
    }

    #[test]
    fn an_intersection_is_what_is_in_both() {
        let many: Vec<u32> = (0..1_000).filter(|n| n % 3 == 0).collect();
        let some: Vec<u32> = (0..1_000).filter(|n| n % 2 == 0).collect();
        let both: Vec<u32> = (0..1_000).filter(|n| n % 6 == 0).collect();
        assert_eq!(intersection(many.clone(), some), both);
        assert_eq!(intersection(many.clone(), vec![4, 9, 600]), [9, 600]);
        assert_eq!(intersection(Vec::new(), many), Vec::<u32>::new());
    }
}
