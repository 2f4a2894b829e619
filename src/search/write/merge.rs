//! Few large packs of many small ones, so that a search has few to look at.
use super::{Term, WriteError, done};
use crate::index::pack::{Block, Pack, unite};
use crate::model::PackId;
use crate::store::search::PackRow;

/// Packs with fewer messages are small, and so many of them are made one.
const SMALL: i64 = 8_192;
const MANY: usize = 16;
/// With fewer than this they are not large yet, and those beside each other become one of at most `LARGEST`.
const LARGE: i64 = 65_536;
const LARGEST: i64 = 131_072;
const WORTH_IT: i64 = 98_304;
/// Blocks that are read at once.
const PAGE: usize = 256;

impl Term {
    /// Makes one pack of some, where there are enough of a size.
    pub(super) async fn merge(&mut self) -> Result<(), WriteError> {
        let mut packs = self.store.packs().await?;
        packs.retain(|pack| pack.live);
        self.meters
            .search_packs
            .set(i64::try_from(packs.len()).unwrap_or(i64::MAX));
        match due(&packs) {
            Some(some) => self.merge_these(&some).await,
            None => Ok(()),
        }
    }

    async fn merge_these(&mut self, some: &[PackRow]) -> Result<(), WriteError> {
        let mut inputs = Vec::with_capacity(some.len());
        for row in some {
            inputs.push(self.read(row).await?);
        }
        let pack = tokio::task::spawn_blocking(move || unite(&inputs, |_| true));
        let pack = pack
            .await
            .map_err(|e| WriteError::Inside(e.to_string()))??;
        self.put_in_place(&pack, some).await
    }

    /// Puts a pack in the place of others.
    pub(super) async fn put_in_place(
        &mut self,
        pack: &Pack,
        of: &[PackRow],
    ) -> Result<(), WriteError> {
        let new: Vec<PackId> = self.write(pack).await?.into_iter().collect();
        let dead: Vec<PackId> = of.iter().map(|row| row.id).collect();
        let turned = self.store.turn_packs(self.holder, (&new, &dead), &[], None);
        done(turned.await?)?;
        let now = self.clock.now();
        self.dead.extend(dead.into_iter().map(|id| (id, now)));
        Ok(())
    }

    /// All of a pack.
    pub(super) async fn read(&self, row: &PackRow) -> Result<Pack, WriteError> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut from = Vec::new();
        loop {
            let page = self.store.blocks_from(row.id, &from, None, PAGE).await?;
            let whole = page.len() == PAGE;
            blocks.extend(page.into_iter().map(|of| Block {
                key: of.key,
                data: of.data,
            }));
            let Some(last) = blocks.last().filter(|_| whole) else {
                break;
            };
            // The next key that there can be.
            from.clone_from(&last.key);
            from.push(0);
        }
        Ok(Pack {
            blocks,
            docs: u32::try_from(row.messages).unwrap_or(u32::MAX),
            ids: row.ids,
            times: row.times,
        })
    }
}

/// The packs that are to become one. A message in several has the terms that it has in any: those that are gone
/// from it were taken out of all.
fn due(packs: &[PackRow]) -> Option<Vec<PackRow>> {
    let of_size = |least: i64, most: i64| {
        let fits = packs.iter().filter(|p| (least..most).contains(&p.messages));
        let mut fits: Vec<PackRow> = fits.copied().collect();
        fits.sort_by_key(|pack| pack.ids.1);
        fits
    };
    let small = of_size(0, SMALL);
    if small.len() >= MANY {
        return Some(small.into_iter().take(MANY).collect());
    }
    let middle = of_size(SMALL, LARGE);
    let mut run: Vec<PackRow> = Vec::new();
    let mut messages = 0;
    for pack in middle {
        if messages + pack.messages > LARGEST {
            if messages >= WORTH_IT {
                break;
            }
            (run, messages) = (Vec::new(), 0);
        }
        messages += pack.messages;
        run.push(pack);
    }
    (messages >= WORTH_IT).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(id: i64, last: i64, messages: i64) -> PackRow {
        PackRow {
            id: PackId::new(id),
            ids: (last - messages, last),
            times: (0, 0),
            messages,
            live: true,
        }
    }

    fn ids(some: Option<Vec<PackRow>>) -> Vec<i64> {
        let some = some.unwrap_or_default();
        some.iter().map(|pack| pack.id.get()).collect()
    }

    #[test]
    fn packs_of_a_size_become_one_when_they_are_enough() {
        let mut packs: Vec<PackRow> = (1..16).map(|n| pack(n, n * 1_000, 500)).collect();
        assert_eq!(due(&packs), None);
        packs.push(pack(16, 100, 1));
        assert_eq!(
            ids(due(&packs)),
            [16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
        );
        let mut packs: Vec<PackRow> = (1..4).map(|n| pack(n, n * 40_000, 30_000)).collect();
        packs.insert(0, pack(9, 900_000, 131_000));
        assert_eq!(due(&packs), None, "90,000 are not worth it yet");
        packs.push(pack(4, 160_000, 32_000));
        assert_eq!(ids(due(&packs)), [1, 2, 3, 4]);
    }
}
