//! Why a query cannot be understood, for its author.
use super::{MAX_PARTS, MAX_QUERY};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("a search has at most {MAX_QUERY} characters, this has {0}")]
    TooLong(usize),
    #[error("a search has at most {MAX_PARTS} words, phrases and filters, this has {0}")]
    TooMany(usize),
    #[error("a search needs a word, a phrase or a filter such as `from:NAME`")]
    Nothing,
    #[error("a search needs something to look for beside what it leaves out")]
    OnlyNot,
    #[error("`{operator}` at character {at} needs a value right behind it: {expected}")]
    NoValue {
        operator: &'static str,
        at: usize,
        expected: &'static str,
    },
    #[error("`{operator}` at character {at} takes {expected}, not `{value}`")]
    Value {
        operator: &'static str,
        at: usize,
        expected: &'static str,
        /// As it may be shown.
        value: String,
    },
    #[error("`*` needs at least 2 letters or digits before it, at character {at}")]
    ShortPrefix { at: usize },
}
