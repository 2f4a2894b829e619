//! Sessions that were begun over HTTP and not used since: so many are kept, and no more. Who
//! begins them by the thousand loses the first of their own; others use theirs at once.
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::session::Session;

/// How many are kept.
const MOST: usize = 1_000;

/// The unused, oldest first, with some that were used meanwhile.
#[derive(Debug, Default)]
pub(super) struct Unused(Mutex<VecDeque<Weak<Session>>>);

impl Unused {
    /// Takes in a new session, and gives out the oldest unused one where they are too many.
    pub(super) fn add(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let mut begun = self.0.lock();
        begun.push_back(Arc::downgrade(session));
        while begun.len() > MOST {
            let oldest = begun.pop_front()?.upgrade();
            if let Some(oldest) = oldest.filter(|session| session.is_unused()) {
                return Some(oldest);
            }
        }
        None
    }
}
