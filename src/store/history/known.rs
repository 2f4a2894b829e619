//! What was looked up of users, remembered for a while: most messages are by few.
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::UserId;

/// Remembered at most; beyond, all are looked up again.
const MOST: usize = 10_000;

/// Values by what they were looked up with.
#[derive(Debug)]
pub(super) struct Known<K, V>(HashMap<K, V>);

/// Nicknames by id.
pub(super) type Names = Known<UserId, Arc<str>>;
/// Ids by nickname, as it was written.
pub(super) type Ids = Known<Arc<str>, UserId>;

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash + Ord, V: Clone> Known<K, V> {
    /// Those of `keys` that have to be looked up, each once.
    pub(super) fn unknown<'k>(&mut self, keys: impl Iterator<Item = &'k K>) -> Vec<K>
    where
        K: 'k,
    {
        if self.0.len() > MOST {
            self.0.clear();
        }
        let unknown = keys.filter(|key| !self.0.contains_key(*key));
        let mut unknown: Vec<K> = unknown.cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    pub(super) fn learn(&mut self, found: impl IntoIterator<Item = (K, V)>) {
        self.0.extend(found);
    }

    pub(super) fn get(&self, key: Option<&K>) -> Option<V> {
        self.0.get(key?).cloned()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
