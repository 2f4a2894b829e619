//! Learns of rights that changed, also through other instances and operators' commands, and ends what
//! may not go on.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::chat::{Chat, ChatError, Session};
use crate::model::{Access, Epoch, RoomId};
use crate::store::{Changed, StoreError};

/// Between two looks: a right that ends has ended everywhere within a second.
const LOOK: Duration = Duration::from_millis(250);
/// Between two looks that other instances ask for: well within a tenth of a second.
const GATHER: Duration = Duration::from_millis(10);
/// A number may come so much later than a greater one: it was given before its commit.
const LATE: Duration = Duration::from_secs(30);

/// Which changes were seen.
#[derive(Debug, Default)]
struct Seen {
    /// All up to this one.
    floor: i64,
    /// Those beyond, and when.
    beyond: BTreeMap<i64, Instant>,
    epoch: Option<Epoch>,
}

impl Seen {
    fn is_new(&mut self, n: i64, now: Instant) -> bool {
        match self.beyond.entry(n) {
            Entry::Vacant(place) => {
                place.insert(now);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    fn settle(&mut self, now: Instant) {
        while let Some(first) = self.beyond.first_entry() {
            if now.duration_since(*first.get()) < LATE {
                return;
            }
            self.floor = self.floor.max(*first.key());
            first.remove();
        }
    }
}

impl Chat {
    /// Looks for changed rights, and for tokens that expire, until `stop`.
    pub async fn watch_rights(self: &Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.watch_changes(&stop), self.watch_tokens(&stop));
    }

    async fn watch_changes(&self, stop: &CancellationToken) {
        let (mut seen, mut first, mut fails) = (Seen::default(), true, false);
        loop {
            let looked = self.look_for_changes(&mut seen, first).await;
            first &= looked.is_err();
            if let Err(error) = &looked
                && !fails
            {
                tracing::warn!(%error, "cannot look whether rights changed");
            }
            fails = looked.is_err();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
                () = self.rights_told.notified() => {}
                // However often it is said, the store is not asked without end.
                () = self.hub.rights_changed.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// A change that this instance made holds here from now on; what follows from it is done at once.
    pub(in crate::chat) fn rights_changed_here(&self, changed: &Changed) {
        self.forget_changed(changed);
        self.rights.changed();
        self.rights_told.notify_one();
        self.hub.tell_rights();
    }

    async fn look_for_changes(&self, seen: &mut Seen, first: bool) -> Result<(), ChatError> {
        let epoch = self.hub.epoch();
        if seen.epoch != epoch {
            // The numbers of another past mean nothing here.
            let begun = seen.epoch.is_none();
            *seen = Seen {
                epoch,
                ..Seen::default()
            };
            if !begun {
                self.forget_all_rights();
            }
        }
        let now = self.clock().now();
        let found = self.store().rights_changed(seen.floor).await?;
        let may_be_founded = !self.rights.is_founded() && (first || !found.is_empty());
        if may_be_founded && self.store().has_accounts().await? {
            self.rights.found();
        }
        let new = found.into_iter().filter(|(n, _)| seen.is_new(*n, now));
        let (numbers, changes): (Vec<i64>, Vec<Changed>) = new.unzip();
        // What there was before this instance began is in what it reads.
        if !first
            && !changes.is_empty()
            && let Err(error) = self.take_changes(&changes).await
        {
            // What could not be followed is taken again.
            seen.beyond.retain(|n, _| !numbers.contains(n));
            return Err(error);
        }
        seen.settle(now);
        Ok(())
    }

    /// Nothing that is kept holds any more.
    fn forget_all_rights(&self) {
        for session in self.presence.sessions() {
            session.forget_stood(None);
        }
        self.rights.forget(None);
        self.rights.changed();
        self.hub.wake_all();
    }

    /// Holds all that is asked for from now on to `access`, and what is read to it, too.
    pub fn set_access(&self, access: Access) {
        if self.access() != access {
            self.access.set(access);
            self.rights.changed();
            self.hub.wake_all();
        }
    }

    async fn take_changes(&self, changes: &[Changed]) -> Result<(), ChatError> {
        for changed in changes {
            self.forget_changed(changed);
        }
        self.rights.changed();
        let mut failed = None;
        for changed in changes {
            if let Err(error) = self.follow(changed).await {
                failed = Some(error);
            }
        }
        // Once more: what looked again meanwhile did not know of sessions that ended since.
        self.rights.changed();
        for changed in changes {
            match changed.room {
                Some(room) => self.hub.wake(room),
                None => self.hub.wake_all(),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// What is kept of it holds no more.
    fn forget_changed(&self, changed: &Changed) {
        if let Some(room) = changed.deleted() {
            self.hub.forget_deleted(room);
        }
        for session in self.concerned(changed) {
            session.forget_stood(changed.room);
        }
        if changed.room.is_some() || changed.user.is_none() {
            self.rights.forget(changed.room);
        }
    }

    fn concerned(&self, changed: &Changed) -> Vec<Arc<Session>> {
        let mut sessions = self.presence.sessions();
        if let Some(user) = changed.user {
            sessions.retain(|session| session.user().is_some_and(|known| known.id == user));
        }
        sessions
    }

    /// Does what follows from a change: ends sessions and readings that may not go on.
    async fn follow(&self, changed: &Changed) -> Result<(), ChatError> {
        let sessions = match changed.user {
            Some(_) => self.concerned(changed),
            None => Vec::new(),
        };
        match (changed.room, changed.user) {
            (None, _) => self.look_at_accounts(&sessions).await?,
            (Some(room), None) => self.hub.readdress(room).await?,
            (Some(_), Some(_)) if !changed.ends => {
                for session in &sessions {
                    self.hear_of_directs(session).await?;
                }
            }
            (Some(_), Some(_)) => {}
        }
        if let (Some(room), true) = (changed.room, changed.ends) {
            lose(&sessions, room);
            self.connections.forbid(room, &sessions);
        }
        if let Some(room) = changed.deleted() {
            lose(&self.presence.sessions(), room);
        }
        Ok(())
    }

    /// Ends sessions that were ended in the store, takes the roles of others as they are now, and the
    /// nickname from a guest where it is an account's.
    async fn look_at_accounts(&self, sessions: &[Arc<Session>]) -> Result<(), ChatError> {
        let Some(first) = sessions.first() else {
            return Ok(());
        };
        let keys: Vec<&str> = sessions.iter().map(|s| s.key().as_str()).collect();
        let alive = self.store().alive_sessions(&keys).await?;
        let account = match first.user() {
            Some(user) => self.store().account_of(user).await?,
            None => None,
        };
        let tokens = match (&account, sessions.iter().any(|s| s.warrant().is_some())) {
            (Some(account), true) => self.store().tokens(Some(account.user)).await?,
            _ => Vec::new(),
        };
        let revoked = |session: &Session| {
            let warrant = session.warrant();
            warrant.is_some_and(|of| tokens.iter().all(|token| token.id != of.token))
        };
        let mut displaced = Vec::new();
        for session in sessions {
            let logged_in = session.account().is_some();
            let is_there = alive.iter().any(|key| key == session.key().as_str());
            match &account {
                Some(account)
                    if logged_in && is_there && !account.disabled && !revoked(session) =>
                {
                    session.take_role(account);
                }
                _ if logged_in => {
                    session.end();
                    self.presence.remove(session.key());
                }
                // One that is registering becomes the account's in a moment.
                Some(_) if session.state.lock().registers => {}
                Some(_) => displaced.push(session.clone()),
                None => {}
            }
        }
        self.displace(&displaced).await?;
        Ok(())
    }

    /// Renames guests after an account took their nickname.
    async fn displace(&self, guests: &[Arc<Session>]) -> Result<(), StoreError> {
        if guests.is_empty() {
            return Ok(());
        }
        self.presence.claim_anew(guests).await
    }
}

/// These sessions are in that room no more.
fn lose(sessions: &[Arc<Session>], room: RoomId) {
    for session in sessions {
        let rooms = session.rooms();
        if let Some(room) = rooms.iter().find(|known| known.key.id == room) {
            session.lose(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn what_was_seen_long_ago_is_not_asked_for_again() {
        let (clock, mut seen) = (ManualClock::default(), Seen::default());
        let mut look = |numbers: &[i64]| -> Vec<i64> {
            let new = numbers.iter().copied();
            let new = new.filter(|n| seen.is_new(*n, clock.now())).collect();
            seen.settle(clock.now());
            new
        };
        assert_eq!(look(&[1, 3]), [1, 3]);
        clock.advance(LATE / 2);
        // A number that was given before its commit comes late.
        assert_eq!(look(&[1, 2, 3]), [2]);
        clock.advance(LATE / 2);
        assert_eq!(look(&[1, 2, 3, 4]), [4]);
        assert_eq!((seen.floor, seen.beyond.len()), (1, 3));
    }
}
