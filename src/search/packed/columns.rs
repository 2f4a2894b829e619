//! What the numbers of a pack's messages stand for, read in groups that stay small.
use std::collections::HashMap;

use super::Search;
use crate::index::pack::{DOCS_PER_BLOCK, Doc, docs, docs_key};
use crate::model::PackId;
use crate::store::StoreError;

/// Blocks that are read together. Each is of 16 KiB in memory.
const BLOCKS: usize = 128;
/// Blocks that are kept while one batch is looked at: 4 MiB.
const KEPT: usize = 2 * BLOCKS;

/// What a group of candidates may take yet.
#[derive(Debug)]
pub(super) struct Room {
    candidates: usize,
    blocks: usize,
}

impl Room {
    pub(super) fn of(candidates: usize) -> Self {
        Self {
            candidates,
            blocks: BLOCKS,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.candidates == 0 || self.blocks == 0
    }

    /// Takes from the end of a pack's numbers, which ascend, as many as there is room for.
    pub(super) fn take(&mut self, numbers: &mut Vec<u32>) -> Vec<u32> {
        let (mut keep, mut block) = (numbers.len(), None);
        while keep > 0 && self.candidates > 0 {
            let of = Some(numbers[keep - 1] / DOCS_PER_BLOCK);
            if block != of {
                if self.blocks == 0 {
                    break;
                }
                self.blocks -= 1;
                block = of;
            }
            self.candidates -= 1;
            keep -= 1;
        }
        numbers.split_off(keep)
    }
}

/// The blocks that were read.
#[derive(Default)]
pub(super) struct Columns(HashMap<(PackId, Vec<u8>), Vec<Doc>>);

impl Columns {
    /// The messages of each pack that have these numbers, of which there are as many as a [`Room`] has.
    pub(super) async fn read(
        &mut self,
        search: &mut Search<'_>,
        group: &[(PackId, Vec<u32>)],
    ) -> Result<Vec<Vec<Doc>>, StoreError> {
        if self.0.len() > KEPT - BLOCKS {
            self.0.clear();
        }
        let mut wanted: Vec<(PackId, Vec<u8>)> = Vec::new();
        for (pack, numbers) in group {
            for number in numbers {
                let key = (*pack, docs_key(*number));
                if wanted.last() != Some(&key) && !self.0.contains_key(&key) {
                    wanted.push(key);
                }
            }
        }
        if !wanted.is_empty() {
            for block in search.store.blocks_at(&wanted).await? {
                let read = search.sound(docs(&block.data)).unwrap_or_default();
                self.0.insert((block.pack, block.key), read);
            }
        }
        let of = |(pack, numbers): &(PackId, Vec<u32>)| {
            let doc = |number: &u32| {
                let column = self.0.get(&(*pack, docs_key(*number)))?;
                column.get((*number % DOCS_PER_BLOCK) as usize)
            };
            numbers.iter().filter_map(doc).copied().collect()
        };
        Ok(group.iter().map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_of_few_blocks_whatever_is_in_them() {
        let far: Vec<u32> = (0..1_000).map(|n| n * DOCS_PER_BLOCK).collect();
        let (mut one, mut other) = (far[..100].to_vec(), far.clone());
        let mut room = Room::of(4_096);
        assert_eq!(room.take(&mut one), far[..100]);
        assert!(one.is_empty() && !room.is_full());
        assert_eq!(room.take(&mut other), far[972..]);
        assert_eq!(other, far[..972]);
        assert!(room.is_full());
    }

    #[test]
    fn a_group_is_of_few_candidates_too() {
        let mut numbers: Vec<u32> = (0..1_000).collect();
        let mut room = Room::of(64);
        assert_eq!(room.take(&mut numbers), (936..1_000).collect::<Vec<_>>());
        assert!(room.is_full());
        assert_eq!(numbers.len(), 936);
    }
}
