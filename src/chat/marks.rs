//! How far people have read: written to the store a statement at a time, and told to their other devices.
use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Chat;
use crate::delivery::Pending;
use crate::model::{HasRead, TransportKind, Uid};
use crate::random;
use crate::store::{Mark, StoreError};

/// Between two tries while the store fails: longer each time.
const AGAIN: Duration = Duration::from_millis(250);
const MOST_AGAIN: Duration = Duration::from_secs(2);
/// How long the last marks of an instance may take.
const LAST: Duration = Duration::from_secs(3);

impl Chat {
    /// Writes marks and tells of them until `stop`, and then all that still wait.
    pub async fn keep_marks(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.write_for_ever() => {}
            () = self.hear_for_ever() => {}
        }
        let wrote = tokio::time::timeout(LAST, self.write_the_rest()).await;
        let left = self.hub.marks.depth();
        if wrote.is_err() && left > 0 {
            tracing::warn!(marks = left, "the last read marks could not be written");
        }
    }

    async fn write_for_ever(&self) {
        let clock = self.clock().clone();
        loop {
            self.hub.marks.gathered(&*clock).await;
            self.write_batch().await;
            self.hub.marks.pace(&*clock).await;
        }
    }

    async fn write_the_rest(&self) {
        while self.hub.marks.depth() > 0 {
            self.write_batch().await;
        }
    }

    /// Writes some of what waits, however long the store may fail; what waits meanwhile is no more than one
    /// mark for each person and room.
    async fn write_batch(&self) {
        let mut pause = AGAIN;
        let mut fails = false;
        while let Err(error) = self.write_marks(self.hub.marks.batch()).await {
            if !fails {
                tracing::warn!(%error, marks = self.hub.marks.depth(), "cannot write read marks");
            }
            fails = true;
            let clock = self.clock();
            clock.sleep(random::between(pause / 2, pause)).await;
            pause = (pause * 2).min(MOST_AGAIN);
        }
        if fails {
            tracing::info!("read marks are written again");
        }
    }

    /// Writes these, and tells the other devices of their people, here and elsewhere. Rooms and threads are a
    /// statement each, and what one wrote is told before the other may fail.
    pub(super) async fn write_marks(&self, batch: Vec<Pending>) -> Result<(), StoreError> {
        let is_of_room = |pending: &Pending| pending.mark.thread.is_none();
        let (rooms, threads) = batch.into_iter().partition(is_of_room);
        self.write_statement(rooms).await?;
        self.write_statement(threads).await
    }

    async fn write_statement(&self, batch: Vec<Pending>) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let marks: Vec<Mark> = batch.iter().map(|pending| pending.mark).collect();
        self.meters().mark_statements.add(1);
        let here = self.presence.id();
        let moved = self.store().mark_read(&marks, here).await?;
        self.meters().marks_written.add(moved.len() as u64);
        self.hub.marks.written(&batch);
        let moved: HashMap<_, _> = moved
            .iter()
            .map(|of| ((of.user, of.room, of.thread), of))
            .collect();
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for pending in batch {
            let Mark {
                user, room, thread, ..
            } = pending.mark;
            // Other devices are given the message itself, with its author.
            let Some((moved, name)) = moved.get(&(user.id, room.id, thread)).zip(pending.asked)
            else {
                continue;
            };
            let read = HasRead {
                user: user.uid,
                room: name,
                room_uid: room.uid,
                thread,
                seq: moved.seq,
            };
            if moved.elsewhere {
                elsewhere.push(read.clone());
            }
            here.push(read);
        }
        self.tell_devices(here);
        self.hub.tell_reads(elsewhere.into_iter());
        Ok(())
    }

    async fn hear_for_ever(&self) {
        loop {
            let heard = self.hub.marks.heard().await;
            self.tell_devices(heard);
        }
    }

    /// Tells connections here how far their accounts have read. Lines are told nothing of it.
    fn tell_devices(&self, reads: Vec<HasRead>) {
        if reads.is_empty() {
            return;
        }
        let mut of_people: HashMap<Uid, Vec<HasRead>> = HashMap::new();
        for read in reads {
            of_people.entry(read.user).or_default().push(read);
        }
        for session in self.presence.sessions() {
            let account = session.account().map(|account| account.user.uid);
            let theirs = account.and_then(|user| of_people.get(&user));
            if session.transport() == TransportKind::Tcp {
                continue;
            }
            let warrant = session.warrant();
            let known = |read: &&HasRead| {
                let warrant = warrant.as_ref();
                warrant.is_none_or(|warrant| warrant.knows_of(read.room_uid))
            };
            let theirs = theirs.into_iter().flatten().filter(known);
            theirs.for_each(|read| session.tell_read(read));
        }
    }
}
