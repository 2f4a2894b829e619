//! Terms that are no words: what else a message may be looked for by.

/// What a message is, beside its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark<'a> {
    Room(i64),
    Author(i64),
    /// The author's name, in lower case, where the author has no number.
    AuthorName(&'a str),
    /// A builder finds this one itself.
    Link,
    /// It has replies, or is one.
    Thread,
    /// It is a reply to the message with this place.
    Reply(i64),
    Pinned,
}

impl Mark<'_> {
    /// The term; no word's begins with such a byte, and none is long.
    pub fn term(&self) -> Vec<u8> {
        let (letter, rest): (u8, &[u8]) = match self {
            Self::Room(id) => (b'r', &id.to_be_bytes()),
            Self::Author(id) => (b'a', &id.to_be_bytes()),
            Self::AuthorName(name) => (b'n', &name.as_bytes()[..name.len().min(256)]),
            Self::Link => (b'l', &[]),
            Self::Thread => (b't', &[]),
            Self::Reply(root) => (b'p', &root.to_be_bytes()),
            Self::Pinned => (b'!', &[]),
        };
        [&[1, letter], rest].concat()
    }
}
