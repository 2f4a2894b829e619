//! Which past a database tells: a name that changes whenever it may be another one.
use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::random;

/// An epoch. Positions of one mean nothing in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// One as it is stored, or as a client names it.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// One that no database has had before.
    ///
    /// # Errors
    /// Where the operating system has no random numbers.
    pub fn random() -> io::Result<Self> {
        let bits = u128::from_le_bytes(random::bytes()?);
        Ok(Self::named(&format!("{bits:032x}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The past that a server of the database tells, and goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    pub epoch: Epoch,
    /// PostgreSQL's own count of promotions, where it is known: of two servers that both go on with one
    /// epoch, it tells which is which.
    pub timeline: Option<i64>,
}

impl Lineage {
    /// Whether what is told of one need not be so in the other.
    pub fn is_other(&self, than: &Self) -> bool {
        let both = self.timeline.zip(than.timeline);
        self.epoch != than.epoch || both.is_some_and(|(one, other)| one != other)
    }
}
