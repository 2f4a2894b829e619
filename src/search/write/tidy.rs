//! What is not wanted any more goes: packs that others took the place of, and words of messages that are not there.
use std::collections::HashSet;
use std::time::Duration;

use super::remove::column;
use super::{Term, WriteError};
use crate::index::pack::merge;
use crate::model::PackId;
use crate::search::LONGEST;
use crate::store::search::PackRow;

/// A search that reads a pack is over by then.
const GRACE: Duration = LONGEST.saturating_mul(3);
/// Deletions in one look.
const MOST: usize = 64;
/// Between two looks at whether a pack's messages are still there.
const APART: Duration = Duration::from_secs(20);
/// Ids that are looked up at once.
const IDS: usize = 4_096;

impl Term {
    pub(super) async fn tidy(&mut self) -> Result<(), WriteError> {
        let packs = self.store.packs().await?;
        self.delete_dead(&packs, GRACE).await?;
        let now = self.clock.now();
        let due = self
            .tidied
            .is_none_or(|last| now.saturating_duration_since(last) >= APART);
        if due {
            self.tidied = Some(now);
            self.look_at_one(&packs).await?;
        }
        Ok(())
    }

    /// Deletes what is not wanted any more now, also what a search may still read.
    ///
    /// # Errors
    /// Where another writes by now, or the database does not answer.
    pub async fn delete_all_dead(&mut self) -> Result<(), WriteError> {
        loop {
            let packs = self.store.packs().await?;
            if packs.iter().all(|pack| pack.live) {
                return Ok(());
            }
            super::done(self.store.hold_packs(self.holder, self.turn).await?)?;
            self.turn += 1;
            self.delete_dead(&packs, Duration::ZERO).await?;
        }
    }

    /// What is not live is of a time before, or not wanted any more: nothing is being written now.
    async fn delete_dead(&mut self, packs: &[PackRow], grace: Duration) -> Result<(), WriteError> {
        let now = self.clock.now();
        let dead: HashSet<PackId> = packs.iter().filter(|p| !p.live).map(|p| p.id).collect();
        self.dead.retain(|id, _| dead.contains(id));
        let mut left = MOST;
        for id in dead {
            let since = *self.dead.entry(id).or_insert(now);
            let is_over = now.saturating_duration_since(since) >= grace;
            while is_over && left > 0 {
                left -= 1;
                if !self.store.delete_pack(self.holder, id).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Looks at the next pack: where a quarter of its messages is gone, as cleanup takes them, their words go.
    async fn look_at_one(&mut self, packs: &[PackRow]) -> Result<(), WriteError> {
        let mut live: Vec<PackRow> = packs.iter().copied().filter(|pack| pack.live).collect();
        live.sort_by_key(|pack| pack.id);
        let after = live.iter().find(|pack| Some(pack.id) > self.at);
        let Some(pack) = after.or(live.first()).copied() else {
            return Ok(());
        };
        self.at = Some(pack.id);
        let there = self.store.count_between(pack.ids).await?;
        if there * 4 >= pack.messages * 3 {
            return Ok(());
        }
        let ids: Vec<i64> = column(&*self.store, pack.id)
            .await?
            .iter()
            .map(|doc| doc.id)
            .collect();
        let mut kept: HashSet<i64> = HashSet::new();
        for ids in ids.chunks(IDS) {
            kept.extend(self.store.existing(ids).await?);
        }
        let whole = self.read(&pack).await?;
        let rest =
            tokio::task::spawn_blocking(move || merge(&[whole], |doc| kept.contains(&doc.id)));
        let rest = rest
            .await
            .map_err(|e| WriteError::Inside(e.to_string()))??;
        self.put_in_place(&rest, &[pack]).await?;
        self.store.words_left();
        Ok(())
    }
}
