//! Slow mode: between two messages of one person in a room lies the time that the room asks for.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{ChatError, Limited};
use crate::model::{RoomKey, UserKey};

/// So many people and rooms are remembered; beyond, entries that are over are dropped first.
const MOST: usize = 65_536;

/// When people may speak again, in rooms that are slow.
#[derive(Debug, Default)]
pub(super) struct Slow(Mutex<HashMap<(UserKey, RoomKey), Instant>>);

impl Slow {
    /// Lets one message through, or says when the next may come.
    pub(super) fn take(
        &self,
        user: UserKey,
        room: RoomKey,
        slow: Duration,
        now: Instant,
    ) -> Result<(), ChatError> {
        let mut spoke = self.0.lock();
        if let Some(next) = spoke.get(&(user, room))
            && *next > now
        {
            // Where the room asks for less by now, that holds.
            let wait = (*next - now).min(slow);
            return Err(ChatError::rate_limited(Limited::SlowMode, wait));
        }
        if spoke.len() >= MOST {
            spoke.retain(|_, next| *next > now);
        }
        if spoke.len() < MOST {
            spoke.insert((user, room), now + slow);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn one_message_passes_and_the_next_waits() {
        let (clock, slow) = (ManualClock::default(), Slow::default());
        let (alice, bob) = (UserKey::new(1, 1), UserKey::new(2, 2));
        let (room, length) = (RoomKey::new(1, 1), Duration::from_secs(10));
        let take = |user| slow.take(user, room, length, clock.now());
        assert_eq!(take(alice), Ok(()));
        assert_eq!(take(bob), Ok(()));
        clock.advance(Duration::from_secs(4));
        let refused = take(alice).expect_err("too soon");
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(6)));
        let another = slow.take(alice, RoomKey::new(2, 2), length, clock.now());
        assert_eq!(another, Ok(()));
        clock.advance(Duration::from_secs(6));
        assert_eq!(take(alice), Ok(()));
    }
}
