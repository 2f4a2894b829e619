//! Reading a query: words, phrases, what is left out, and filters.
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::super::pack::Mark;
use super::pattern::Pattern;
use super::{Filters, Need, Part, Query, QueryError};
use crate::model::plain_line;

/// The longest query, in characters.
pub const MAX_QUERY: usize = 1_000;
/// The most words, phrases and filters of a query.
pub const MAX_PARTS: usize = 32;

const WHEN: &str = "a day as 2026-11-30, a time as 2026-11-30T12:00:00Z, or an age as 7d or 24h";

/// The filters, and what each takes.
const OPERATORS: &[(&str, &str)] = &[
    ("from:", "a nickname"),
    ("in:", "a room"),
    ("before:", WHEN),
    ("after:", WHEN),
    ("has:", "`link`"),
    ("is:", "`thread` or `pinned`"),
];

pub(super) fn parse(typed: &str, now: DateTime<Utc>) -> Result<Query, QueryError> {
    let length = typed.chars().count();
    if length > MAX_QUERY {
        return Err(QueryError::TooLong(length));
    }
    let mut reader = Reader {
        typed,
        now,
        at: 0,
        count: 0,
        parts: Vec::new(),
        filters: Filters::default(),
    };
    while reader.part()? {}
    reader.finish()
}

struct Reader<'a> {
    typed: &'a str,
    now: DateTime<Utc>,
    /// How far it is read, in bytes.
    at: usize,
    count: usize,
    parts: Vec<Part>,
    filters: Filters,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.typed[self.at..]
    }

    /// Reads one word, phrase or filter, if another is there.
    fn part(&mut self) -> Result<bool, QueryError> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        if self.rest().is_empty() {
            return Ok(false);
        }
        let position = self.typed[..self.at].chars().count() + 1;
        let not = is_not(self.rest());
        self.at += usize::from(not);
        self.count += 1;
        let operator = OPERATORS.iter().find(|(name, _)| {
            let start = self.rest().as_bytes().get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        });
        if let Some((operator, expected)) = operator {
            self.at += operator.len();
            let value = self.quoted().unwrap_or_else(|| self.word());
            let (operator, expected, at) = (*operator, *expected, position);
            if value.trim().is_empty() {
                return Err(QueryError::NoValue {
                    operator,
                    at,
                    expected,
                });
            }
            self.filter(operator, value.trim(), not)
                .ok_or_else(|| QueryError::Value {
                    operator,
                    at,
                    expected,
                    value: plain_line(value).chars().take(40).collect(),
                })?;
        } else if let Some(phrase) = self.quoted() {
            self.parts
                .extend(Pattern::phrase(phrase).map(|pattern| Part { pattern, not }));
        } else {
            let pattern = Pattern::word(self.word(), position)?;
            self.parts
                .extend(pattern.map(|pattern| Part { pattern, not }));
        }
        Ok(true)
    }

    /// What stands between quotation marks; the end of the query is one too.
    fn quoted(&mut self) -> Option<&'a str> {
        let rest = self.rest().strip_prefix(is_quote)?;
        let start = self.typed.len() - rest.len();
        let end = rest
            .find(is_quote)
            .map_or(self.typed.len(), |at| start + at);
        let mark = self.typed[end..].chars().next().map_or(0, char::len_utf8);
        self.at = end + mark;
        Some(&self.typed[start..end])
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Adds a filter; none if its value is not understood.
    fn filter(&mut self, operator: &str, value: &str, not: bool) -> Option<()> {
        let filters = &mut self.filters;
        let list = match (operator, not) {
            ("from:", false) => &mut filters.from,
            ("from:", true) => &mut filters.not_from,
            ("in:", false) => &mut filters.rooms,
            ("in:", true) => &mut filters.not_rooms,
            ("has:", _) => return flag(&mut filters.link, value == "link", not),
            ("is:", _) if value == "thread" => return flag(&mut filters.thread, true, not),
            ("is:", _) => return flag(&mut filters.pinned, value == "pinned", not),
            _ => {
                let (start, end) = span(value, self.now)?;
                // Neither `before:` nor `after:` a day takes in what was said on it.
                match (operator, not) {
                    ("before:", false) => filters.until = earliest(filters.until, start),
                    ("before:", true) => filters.since = filters.since.max(Some(start)),
                    (_, false) => filters.since = filters.since.max(Some(end)),
                    (_, true) => filters.until = earliest(filters.until, end),
                }
                return Some(());
            }
        };
        let mark = if operator == "in:" { '#' } else { '@' };
        let name = value.strip_prefix(mark).unwrap_or(value);
        list.push((!name.is_empty()).then(|| name.to_owned())?);
        Some(())
    }

    fn finish(self) -> Result<Query, QueryError> {
        if self.count > MAX_PARTS {
            return Err(QueryError::TooMany(self.count));
        }
        let sought = self.parts.iter().filter(|part| !part.not);
        let mut needs: Vec<_> = sought.flat_map(|part| part.pattern.needs()).collect();
        if self.filters.link == Some(true) {
            needs.push(Need::Term(Mark::Link.term()));
        }
        needs.sort();
        needs.dedup();
        if needs.is_empty() && self.filters == Filters::default() {
            let only_not = self.parts.iter().any(|part| part.not);
            return Err(if only_not {
                QueryError::OnlyNot
            } else {
                QueryError::Nothing
            });
        }
        Ok(Query {
            parts: self.parts,
            needs,
            filters: self.filters,
        })
    }
}

/// Whether a hyphen leaves out what follows; `--help` is a word, and a hyphen by itself is none.
fn is_not(rest: &str) -> bool {
    let follows = rest.strip_prefix('-').and_then(|rest| rest.chars().next());
    follows.is_some_and(|c| c != '-' && c != '>' && !c.is_whitespace())
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

fn flag(flag: &mut Option<bool>, known: bool, not: bool) -> Option<()> {
    known.then(|| *flag = Some(!not))
}

fn earliest(one: Option<DateTime<Utc>>, other: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(one.map_or(other, |one| one.min(other)))
}

/// From when until when a day, a time or an age lasts.
fn span(value: &str, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    if let Ok(day) = NaiveDate::parse_from_str(value, "%Y-%m-%d") {
        let start = day.and_time(NaiveTime::MIN).and_utc();
        return Some((start, start.checked_add_signed(TimeDelta::days(1))?));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        let time = time.to_utc();
        return Some((time, time));
    }
    let (count, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let seconds = match unit {
        "w" => 7 * 86_400,
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    let age = TimeDelta::try_seconds(i64::from(count) * seconds)?;
    let time = now.checked_sub_signed(age)?;
    Some((time, time))
}
