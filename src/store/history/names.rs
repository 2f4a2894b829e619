//! Who users are, remembered for a while: most messages are by few.
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::UserId;

/// Remembered at most; beyond, all are looked up again.
const MOST: usize = 10_000;

/// Nicknames by id.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<UserId, Arc<str>>);

impl Names {
    /// Those of `ids` that have to be looked up.
    pub(super) fn unknown(&mut self, ids: impl Iterator<Item = UserId>) -> Vec<UserId> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        let mut unknown: Vec<_> = ids.filter(|id| !self.0.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    pub(super) fn learn(&mut self, found: Vec<(UserId, String)>) {
        let found = found.into_iter();
        self.0.extend(found.map(|(id, name)| (id, name.into())));
    }

    pub(super) fn get(&self, id: Option<UserId>) -> Option<Arc<str>> {
        self.0.get(&id?).cloned()
    }
}

/// Ids by nickname, without regard to case.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<Arc<str>, UserId>);

impl Ids {
    /// Those of `names` that have to be looked up, each once.
    pub(super) fn unknown<'n>(
        &mut self,
        names: impl Iterator<Item = &'n Arc<str>>,
    ) -> Vec<Arc<str>> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        let mut unknown: Vec<_> = names
            .filter(|name| !self.0.contains_key(*name))
            .cloned()
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    pub(super) fn learn(&mut self, name: Arc<str>, id: UserId) {
        self.0.insert(name, id);
    }

    pub(super) fn get(&self, name: Option<&Arc<str>>) -> Option<UserId> {
        self.0.get(name?).copied()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
