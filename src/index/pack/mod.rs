//! Packs: which messages have a term. Made once, only merged; the same blocks in a table and in a file.
mod bits;
pub mod block;
mod builder;
mod bytes;
mod docs;
mod file;
mod filter;
mod mark;
mod merge;
mod postings;
mod writer;

pub use builder::Builder;
pub use docs::{DOCS_PER_BLOCK, docs, docs_key};
pub use file::{Directory, FOOTER, encode};
pub use mark::Mark;
pub use merge::{merge, unite};

/// A block with its key has so many bytes at most, but for one of a single long list: two are in a page of SQLite's,
/// and PostgreSQL puts none elsewhere.
pub const BLOCK: usize = 1_900;

/// A message as an index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doc {
    pub id: i64,
    pub seq: i64,
    pub room: i64,
    pub at_ms: i64,
}

/// Sorted terms with their lists, or messages; in order of keys they are a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its first term; or a place in the column of messages, which comes before all terms.
    pub key: Vec<u8>,
    pub data: Vec<u8>,
}

/// An index of some messages. They are numbered by their ids: 0, 1, 2, …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pack {
    pub blocks: Vec<Block>,
    pub docs: u32,
    /// The first and last id and time; zeros where there are no messages.
    pub ids: (i64, i64),
    pub times: (i64, i64),
}

/// Bytes that are no index. What else could be read from them is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a part of the search index is damaged: {0}")]
pub struct Damaged(pub(super) &'static str);

#[cfg(test)]
mod tests;
