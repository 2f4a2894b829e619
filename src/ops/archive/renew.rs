//! Entries that were changed after they were archived, and are still in the database: their documents are made
//! anew before their rows go.
use std::collections::HashMap;

use super::rewrite;
use super::writer::Archiver;
use crate::archive::entry::Line;
use crate::archive::error::ArchiveError;
use crate::model::Seq;
use crate::store::history::{RoomStand, Row};

impl Archiver<'_> {
    /// Has a room's documents say of entries what their rows do. Of what was changed since then the event is not
    /// archived yet, and names it.
    ///
    /// # Errors
    /// Fails where the database or the archive cannot be used.
    pub async fn renew(&mut self, stand: &RoomStand) -> Result<(), ArchiveError> {
        let room = stand.room.key.id;
        if self.form.dry_run {
            return Ok(());
        }
        let mut rows: HashMap<Seq, Row> = HashMap::new();
        for seq in self.history.changed(room, stand.archived).await? {
            let row = self.history.page(room, seq.previous(), seq, 1).await?;
            rows.extend(row.into_iter().map(|row| (row.seq, row)));
        }
        let holds = |first: Seq, last: Seq| rows.keys().any(|seq| (first..=last).contains(seq));
        let entries = self.manifest.entries().iter().filter(|entry| {
            let ours = entry.room_id == room && entry.epoch.as_ref() == Some(&self.epoch);
            ours && holds(entry.first_seq, entry.last_seq)
        });
        let entries: Vec<_> = entries.cloned().collect();
        for entry in entries {
            let mut as_stored = |line: Line| {
                let row = rows.get(&line.seq?)?;
                (row.id == line.id).then(|| row.clone())
            };
            let changed = rewrite::changed(self.destination, &entry, &mut as_stored).await?;
            if let Some(rewritten) = changed {
                rewrite::replace(self.destination, &mut self.manifest, rewritten).await?;
            }
        }
        Ok(())
    }
}
