//! Search without I/O: the words of a text, what was asked for, and packs, which say where words are.
pub mod pack;
mod query;
mod words;

pub use pack::Mark;
pub use query::{Filters, MAX_PARTS, MAX_QUERY, Need, Query, QueryError};
pub use words::{LONGEST_TERM, Text, has_link};
