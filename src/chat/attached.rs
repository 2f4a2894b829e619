//! The connections and streams of a session, and what the session alone is told on each.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Notify;

use super::push_tight;
use super::session::Session;
use crate::model::{HasRead, Nickname, RoomName, Seq, Uid};

/// Alerts that may wait for a session beside what it reads.
const MOST_ALERTS: usize = 16;
/// Rooms of which a session, or a connection, keeps how far its account has read.
const MOST_READ: usize = 128;

/// What a session alone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// Its nickname became another session's while this server was away.
    NicknameLost { before: Nickname, now: Nickname },
    /// A room that it was in is gone.
    RoomGone { room: RoomName },
}

/// How far an account has read in a room, or in the thread of a message there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTo {
    pub room: RoomName,
    pub room_uid: Uid,
    pub thread: Option<Seq>,
    pub seq: Seq,
    /// How often its session had been told such a thing then.
    change: u64,
}

impl Session {
    /// Tells each connection of the session how far its account has read.
    pub(super) fn tell_read(&self, read: &HasRead) {
        let mut state = self.state.lock();
        let known = state
            .reads
            .iter()
            .position(|of| (of.room_uid, of.thread) == (read.room_uid, read.thread));
        if let Some(at) = known {
            if state.reads[at].seq >= read.seq {
                return;
            }
            state.reads.remove(at);
        } else if state.reads.len() == MOST_READ {
            state.reads.remove(0);
        }
        let change = self.read.fetch_add(1, Relaxed) + 1;
        let read = ReadTo {
            room: read.room.clone(),
            room_uid: read.room_uid,
            thread: read.thread,
            seq: read.seq,
            change,
        };
        push_tight(&mut state.reads, read);
        state.attached.iter().for_each(|signal| signal.notify_one());
    }

    /// Tells the session alone, on each of its connections, beside what its rooms say.
    pub(super) fn tell(&self, alert: Alert) {
        let mut state = self.state.lock();
        if state.alerts.len() == MOST_ALERTS {
            state.alerts.pop_front();
        }
        state.alerts.push_back(alert);
        self.told.fetch_add(1, Relaxed);
        state.attached.iter().for_each(|signal| signal.notify_one());
    }

    /// Counts a connection or stream for as long as the value lives. It is woken by `signal` when
    /// the session is told something.
    pub fn attach(self: &Arc<Self>, signal: Arc<Notify>) -> Attached {
        self.use_it();
        let mut state = self.state.lock();
        push_tight(&mut state.attached, signal.clone());
        Attached {
            session: self.clone(),
            signal,
            heard: state.heard,
            read: self.read.load(Relaxed),
            own: Vec::new(),
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        !self.state.lock().attached.is_empty()
    }
}

/// A live connection or stream of a session.
#[derive(Debug)]
pub struct Attached {
    session: Arc<Session>,
    signal: Arc<Notify>,
    /// How many of the session's alerts it has been given, or were given before it came.
    heard: u64,
    /// The same of how far its account has read.
    read: u64,
    /// How far it said itself that it has.
    own: Vec<(Uid, Option<Seq>, Seq)>,
}

impl Attached {
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub fn signal(&self) -> &Arc<Notify> {
        &self.signal
    }

    /// The next alert that this connection was not given yet.
    pub fn next_alert(&mut self) -> Option<Alert> {
        // Nearly always there is none, and then nothing is locked.
        if self.heard == self.session.told.load(Relaxed) {
            return None;
        }
        let mut state = self.session.state.lock();
        let oldest = self.session.told.load(Relaxed) - state.alerts.len() as u64;
        let at = self.heard.max(oldest);
        let alert = state.alerts.get((at - oldest) as usize).cloned()?;
        self.heard = at + 1;
        state.heard = state.heard.max(self.heard);
        Some(alert)
    }

    /// This connection itself says that it has read up to there: it is not told so.
    pub fn has_read(&mut self, room: Uid, thread: Option<Seq>, seq: Seq) {
        self.own
            .retain(|(known, of, _)| (*known, *of) != (room, thread));
        if self.own.len() == MOST_READ {
            self.own.remove(0);
        }
        push_tight(&mut self.own, (room, thread, seq));
    }

    /// How far the account has read through another connection, where this one was not told yet.
    pub fn next_read(&mut self) -> Option<ReadTo> {
        // Nearly always there is nothing, and then nothing is locked.
        if self.read == self.session.read.load(Relaxed) {
            return None;
        }
        let state = self.session.state.lock();
        let is_own = |read: &ReadTo| {
            let mut own = self.own.iter();
            own.any(|(room, thread, seq)| {
                (*room, *thread) == (read.room_uid, read.thread) && *seq >= read.seq
            })
        };
        let mut news = state.reads.iter().filter(|read| read.change > self.read);
        let next = news.find(|read| !is_own(read)).cloned();
        self.read = match &next {
            Some(read) => read.change,
            None => self.session.read.load(Relaxed),
        };
        next
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        let mine = |signal: &Arc<Notify>| Arc::ptr_eq(signal, &self.signal);
        if let Some(at) = state.attached.iter().position(mine) {
            state.attached.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::limits::Limiter;
    use crate::clock::{Clock, ManualClock};
    use crate::model::{SessionId, TransportKind};
    use crate::store::Naming;

    fn alert(n: usize) -> Alert {
        let room = RoomName::stored(&n.to_string());
        Alert::RoomGone { room }
    }

    fn session() -> Arc<Session> {
        let now = ManualClock::default().now();
        let limiter = Limiter::for_tests(now);
        let nickname = Nickname::stored("alice");
        let (kind, naming) = (TransportKind::Http, Naming::Chosen);
        Session::new(SessionId::random(), kind, nickname, naming, &limiter, now).into()
    }

    #[test]
    fn each_connection_is_told_and_one_that_comes_later_is_not() {
        let session = session();
        let (mut one, mut other) = (
            session.attach(Arc::default()),
            session.attach(Arc::default()),
        );
        assert_eq!(one.next_alert(), None);
        session.tell(alert(1));
        for connection in [&mut one, &mut other] {
            assert_eq!(connection.next_alert(), Some(alert(1)));
            assert_eq!(connection.next_alert(), None);
        }
        assert_eq!(session.attach(Arc::default()).next_alert(), None);
        drop((one, other));
        assert!(!session.is_attached());
        // What was told while no connection was there is for the next that comes.
        (2..100).for_each(|n| session.tell(alert(n)));
        let mut late = session.attach(Arc::default());
        let told: Vec<Alert> = std::iter::from_fn(|| late.next_alert()).collect();
        assert_eq!(
            told,
            (100 - MOST_ALERTS..100).map(alert).collect::<Vec<_>>()
        );
    }

    fn read(room: i64, seq: i64) -> HasRead {
        HasRead {
            user: Uid::new(1),
            room: RoomName::stored("den"),
            room_uid: Uid::new(room),
            thread: None,
            seq: Seq::new(seq),
        }
    }

    fn told(connection: &mut Attached) -> Vec<(i64, i64)> {
        let reads = std::iter::from_fn(|| connection.next_read());
        reads.map(|to| (to.room_uid.get(), to.seq.get())).collect()
    }

    #[test]
    fn each_connection_is_told_the_last_of_what_was_read_by_others() {
        let session = session();
        session.tell_read(&read(1, 3));
        let mut one = session.attach(Arc::default());
        let mut other = session.attach(Arc::default());
        assert_eq!(told(&mut one), [], "it was before its time");
        one.has_read(Uid::new(1), None, Seq::new(7));
        for seq in [5, 7, 6] {
            session.tell_read(&read(1, seq));
        }
        session.tell_read(&read(2, 1));
        assert_eq!(told(&mut one), [(2, 1)]);
        assert_eq!(told(&mut other), [(1, 7), (2, 1)]);
        session.tell_read(&read(1, 8));
        assert_eq!(told(&mut one), [(1, 8)]);
        assert_eq!(told(&mut other), [(1, 8)]);
        (0..1_000).for_each(|room| session.tell_read(&read(room, 9)));
        assert_eq!(told(&mut one).len(), MOST_READ);
        assert_eq!(told(&mut one), []);
    }
}
