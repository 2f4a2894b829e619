//! What is looked for: which terms a message must have, which filters it must pass, and whether its text is one.
mod error;
mod parse;
mod pattern;

use std::ops::Range;

use chrono::{DateTime, Utc};

use self::pattern::Pattern;
use super::words::{Text, has_link};

pub use self::error::QueryError;
pub use self::parse::{MAX_PARTS, MAX_QUERY};

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Query {
    parts: Vec<Part>,
    needs: Vec<Need>,
    filters: Filters,
}

#[derive(Debug, Clone)]
struct Part {
    pattern: Pattern,
    not: bool,
}

/// What an index can be asked: a message that is looked for has it. Not every message that has it is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Term(Vec<u8>),
    /// A term that begins so.
    Prefix(Vec<u8>),
    /// All terms of one of these: `getUser` is `getuser`, or `get` and `user`.
    Any(Vec<Vec<Vec<u8>>>),
}

/// What is asked of a message beside its text. Names are as they were typed, without `@` and `#` before them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Its author is one of these, where there are any, and none of those.
    pub from: Vec<String>,
    pub not_from: Vec<String>,
    /// Its room is one of these, where there are any, and none of those. A direct room begins with an `@`.
    pub rooms: Vec<String>,
    pub not_rooms: Vec<String>,
    /// It was said then or later.
    pub since: Option<DateTime<Utc>>,
    /// It was said before.
    pub until: Option<DateTime<Utc>>,
    pub thread: Option<bool>,
    pub pinned: Option<bool>,
    /// `matches` looks at this one itself.
    pub link: Option<bool>,
}

impl Query {
    /// Reads what was typed; ages such as `7d` are counted back from `now`.
    ///
    /// # Errors
    /// Says what cannot be understood, and where.
    pub fn parse(typed: &str, now: DateTime<Utc>) -> Result<Self, QueryError> {
        parse::parse(typed, now)
    }

    /// What a message has to have, all of it, as far as an index knows. Nothing where there are filters alone.
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Whether a message with this text is looked for, as far as its text says: then the ranges of bytes that
    /// are to be shown as found, in order and apart.
    pub fn matches(&self, content: &str) -> Option<Vec<Range<usize>>> {
        if self
            .filters
            .link
            .is_some_and(|link| link != has_link(content))
        {
            return None;
        }
        let text = Text::of(content);
        let mut found = Vec::new();
        for part in &self.parts {
            let before = found.len();
            part.pattern.find(&text, |range| found.push(range));
            let is_there = found.len() > before;
            if is_there == part.not {
                return None;
            }
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|range| text.original(range))
            .collect();
        found.sort_by_key(|range| (range.start, range.end));
        found.dedup_by(|next, before| {
            let touches = next.start <= before.end;
            if touches {
                before.end = before.end.max(next.end);
            }
            touches
        });
        Some(found)
    }
}

#[cfg(test)]
mod tests;
