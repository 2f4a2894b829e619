//! What was read lately, in bounded memory.
use std::collections::HashMap;
use std::hash::Hash;

/// Values by key, each with a weight; the one that was used longest ago goes first.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    most: usize,
    weight: usize,
    turn: u64,
    values: HashMap<K, (u64, usize, V)>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Keeps values of a weight of `most` together.
    pub(super) fn of(most: usize) -> Self {
        Self {
            most,
            weight: 0,
            turn: 0,
            values: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.turn += 1;
        let (used, _, value) = self.values.get_mut(key)?;
        *used = self.turn;
        Some(value.clone())
    }

    pub(super) fn put(&mut self, key: K, value: V, weight: usize) {
        self.turn += 1;
        if let Some((_, before, _)) = self.values.insert(key, (self.turn, weight, value)) {
            self.weight -= before;
        }
        self.weight += weight;
        while self.weight > self.most {
            let oldest = self.values.iter().min_by_key(|(_, (used, ..))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.remove(&oldest);
        }
    }

    /// The same where nothing has to go for it.
    pub(super) fn put_if_room(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight <= self.most {
            self.put(key, value, weight);
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some((_, weight, _)) = self.values.remove(key) {
            self.weight -= weight;
        }
    }

    /// Lets go of all that is not wanted any more.
    pub(super) fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        let unwanted: Vec<K> = self
            .values
            .keys()
            .filter(|key| !wanted(key))
            .cloned()
            .collect();
        unwanted.iter().for_each(|key| self.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes() {
        let mut cache = Cache::of(10);
        cache.put("a", 1, 4);
        cache.put("b", 2, 4);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.put("c", 3, 4);
        assert_eq!(cache.get(&"b"), None);
        assert_eq!((cache.get(&"a"), cache.get(&"c")), (Some(1), Some(3)));
        cache.put("c", 4, 11);
        assert_eq!((cache.get(&"a"), cache.get(&"c")), (None, None));
        cache.put("d", 5, 1);
        cache.retain(|key| *key != "d");
        assert_eq!((cache.get(&"d"), cache.weight), (None, 0));
    }
}
