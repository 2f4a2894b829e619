//! The connections and streams of a session, and what the session alone is told on each.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Notify;

use super::push_tight;
use super::session::Session;
use crate::model::{Nickname, RoomName};

/// Alerts that may wait for a session beside what it reads.
const MOST_ALERTS: usize = 16;

/// What a session alone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// Its nickname became another session's while this server was away.
    NicknameLost { before: Nickname, now: Nickname },
    /// A room that it was in is gone.
    RoomGone { room: RoomName },
}

impl Session {
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
}
